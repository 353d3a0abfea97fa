"""Whose requests are let in: signed by Microsoft's clients, with tokens, and neither."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from azure.batch._patch import BatchSharedKeyAuthPolicy
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.pipeline import PipelineContext, PipelineRequest
from azure.core.rest import HttpRequest
from hypothesis import example, given
from hypothesis import strategies as st

from azurebatch_emulator.protocol.errors import BatchServiceError
from azurebatch_emulator.web.authentication import authenticate

ACCOUNT = "devbatchaccount"
KEY = base64.b64encode(b"a key of the account").decode()
ENDPOINT = "http://127.0.0.1:10100"
NOW = datetime(2026, 11, 22, 8, 12, 13, tzinfo=timezone.utc)
RFC_1123 = "%a, %d %b %Y %H:%M:%S GMT"


def date(seconds: float = 0) -> str:
    return (NOW + timedelta(seconds=seconds)).strftime(RFC_1123)


def signed(method: str, url: str, key: str = KEY, **request: Any) -> dict[str, str]:
    """The headers that azure-batch sends with a request."""
    http_request = HttpRequest(method, url, **request)
    http_request.headers.setdefault("ocp-date", date())
    policy = BatchSharedKeyAuthPolicy(AzureNamedKeyCredential(ACCOUNT, key))
    policy.on_request(PipelineRequest(http_request, PipelineContext(None)))
    return {name.lower(): value for name, value in http_request.headers.items()}


def admit(
    method: str, url: str, headers: dict[str, str], *, takes_tokens: bool = False, key: str = KEY
) -> BatchServiceError | None:
    """The error that a request is answered with; None if it is let in."""
    target = urlsplit(url)
    try:
        authenticate(
            method,
            target.path.encode(),
            target.query.encode(),
            headers,
            account=ACCOUNT,
            key=key,
            takes_tokens=takes_tokens,
            now=NOW,
        )
    except BatchServiceError as error:
        return error
    return None


def assert_refused(error: BatchServiceError | None, status: int, detail: str) -> None:
    assert error is not None
    assert (error.code, error.status) == ("AuthenticationFailed", status)
    assert detail in error.values["AuthenticationErrorDetail"]


JOBS = f"{ENDPOINT}/jobs?api-version=2025-06-01"
REQUESTS: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", JOBS, {}),
    ("GET", f"{JOBS}&maxresults=10&%24filter=state%20eq%20%27active%27&timeOut=30&blank=", {}),
    ("GET", f"{JOBS}&$filter=id+eq+'a%2Bb%26'&$skiptoken=YQ", {}),
    ("HEAD", f"{ENDPOINT}/pools/p%C3%BC?api-version=2025-06-01", {}),
    ("GET", f"{ENDPOINT}/jobs/j/tasks/t/files/wd%2Fa%20b.txt?api-version=2025-06-01", {}),
    ("GET", f"{ENDPOINT}/", {"headers": {"ocp-range": "bytes=0-9", "Range": "bytes=0-9"}}),
    ("DELETE", JOBS, {"headers": {"If-Match": '"0x1"', "If-Unmodified-Since": date()}}),
    ("POST", JOBS, {"json": {"id": "j"}, "headers": {"client-request-id": "1"}}),
    ("POST", f"{ENDPOINT}/pools/p/stopresize?api-version=2025-06-01", {}),
    (
        "PATCH",
        JOBS,
        {"content": b"{}", "headers": {"Content-Type": "application/json; odata=minimalmetadata"}},
    ),
]


@pytest.mark.parametrize(("method", "url", "request_"), REQUESTS)
def test_what_azure_batch_signs_is_let_in(method: str, url: str, request_: dict[str, Any]) -> None:
    assert admit(method, url, signed(method, url, **request_)) is None


@pytest.mark.parametrize(("method", "url", "request_"), REQUESTS)
def test_what_is_signed_with_another_key_is_not(method: str, url: str, request_: dict[str, Any]) -> None:
    headers = signed(method, url, key=base64.b64encode(b"another").decode(), **request_)
    assert_refused(admit(method, url, headers), 403, "is not the same as any computed signature")


def test_a_refusal_shows_the_text_that_should_have_been_signed() -> None:
    headers = signed("GET", JOBS) | {"authorization": f"SharedKey {ACCOUNT}:AAAA"}
    text = f"GET{chr(10) * 12}ocp-date:{date()}\n/{ACCOUNT}/jobs\napi-version:2025-06-01"
    assert_refused(
        admit("GET", JOBS, headers),
        403,
        f"'AAAA' is not the same as any computed signature. Server used following string to sign: '{text}'.",
    )


def test_a_length_that_the_transport_adds_changes_nothing() -> None:
    for method in ("POST", "DELETE", "PUT"):
        headers = signed(method, JOBS)
        assert admit(method, JOBS, headers | {"content-length": "0"}) is None


@pytest.mark.parametrize("seconds", [-900, 0, 900])
def test_a_clock_may_be_a_quarter_of_an_hour_off(seconds: int) -> None:
    headers = signed("GET", JOBS, headers={"ocp-date": date(seconds)})
    assert admit("GET", JOBS, headers) is None


@pytest.mark.parametrize("seconds", [-901, 901, 10**9])
def test_a_clock_may_not_be_off_by_more(seconds: int) -> None:
    headers = signed("GET", JOBS, headers={"ocp-date": date(seconds)})
    assert_refused(admit("GET", JOBS, headers), 403, "more than 15 minutes")


@pytest.mark.parametrize(
    "text", ["Do., 02 Mär 2017 12:53:51 GMT", "2026-11-22T08:12:13Z", "Fri, 31 Dec 9999 23:59:59 -2359"]
)
def test_a_date_must_be_a_date(text: str) -> None:
    assert_refused(admit("GET", JOBS, signed("GET", JOBS) | {"ocp-date": text}), 403, text)


def test_a_date_must_be_given() -> None:
    headers = signed("GET", JOBS)
    del headers["ocp-date"]
    assert_refused(admit("GET", JOBS, headers), 403, "neither an ocp-date header nor a Date header")


def test_another_account_is_not_let_in() -> None:
    headers = signed("GET", JOBS)
    headers["authorization"] = headers["authorization"].replace(ACCOUNT, "other")
    assert_refused(admit("GET", JOBS, headers), 403, "The account 'other'")


@pytest.mark.parametrize("value", ["", "SharedKey", "SharedKey signature", "Basic dXNlcjpwYXNz", "Digest"])
def test_credentials_of_no_known_form_are_a_bad_request(value: str) -> None:
    error = admit("GET", JOBS, signed("GET", JOBS) | {"authorization": value})
    assert error is not None
    assert (error.code, error.status) == ("InvalidAuthenticationInfo", 400)


def test_a_request_without_credentials_is_not_authorized() -> None:
    assert_refused(admit("GET", JOBS, {"ocp-date": date()}), 401, "Authorization header is missing")


paths = st.lists(st.text(min_size=1, max_size=6).map(lambda text: quote(text, safe="")), max_size=4)
queries = st.dictionaries(st.text(min_size=1, max_size=5), st.text(max_size=8), max_size=4)


# One alteration gives a parameter of the request a second value if its name is ``x``. The rule of the
# service (on the page that the module of authentication names) is: "If a query parameter has more than one
# value, sort all values lexicographically, then include them in a comma-separated list". A second value thus
# alters what is signed. azure-batch signs one value alone (``x:a`` for ``x=a&x=y``, ``x:y`` for ``x=&x=y``,
# nothing for ``x=``), but it sends no parameter twice.
@given(
    st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]), paths, queries, st.binary(max_size=8)
)
@example("GET", [], {"x": ""}, b"")
@example("GET", [], {"x": "a"}, b"")
@example("GET", [], {"x": "y"}, b"")
@example("GET", [], {"X": "y"}, b"")
def test_whatever_azure_batch_signs_is_let_in_and_nothing_altered(
    method: str, path: list[str], query: dict[str, str], body: bytes
) -> None:
    parameters = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query.items())
    url = f"{ENDPOINT}/{'/'.join(path)}?{parameters}"
    headers = signed(method, url, content=body)
    assert admit(method, url, headers) is None
    altered = [
        ("PROPFIND", url, headers),
        (method, url.replace("?", "x?"), headers),
        (method, f"{url}&x=y", headers),
        (method, url, headers | {"ocp-date": date(1)}),
        (method, url, headers | {"content-type": "text/html"}),
        (method, url, headers | {"content-length": "99"}),
        (method, url, headers | {"if-match": "*"}),
        (method, url, headers | {"ocp-range": "bytes=0-9"}),
    ]
    for request in altered:
        assert_refused(admit(*request), 403, "is not the same")


def signed_by_rule(query: str) -> dict[str, str]:
    """The headers of a GET request of the jobs, its query signed as given."""
    text = "\n".join(["GET", *[""] * 11, f"ocp-date:{date()}", f"/{ACCOUNT}/jobs{query}"])
    mac = hmac.digest(base64.b64decode(KEY), text.encode(), "sha256")
    return {"ocp-date": date(), "authorization": f"SharedKey {ACCOUNT}:{base64.b64encode(mac).decode()}"}


@pytest.mark.parametrize(
    ("query", "to_sign"),
    [
        ("a=2&a=1&b=3", "\na:1,2\nb:3"),
        ("A=2&a=1&b=3", "\na:1,2\nb:3"),
        ("a=&a=1", "\na:,1"),
        ("a=&a=1", "\na:1"),
    ],
)
def test_a_repeated_parameter_is_signed_with_all_its_values(query: str, to_sign: str) -> None:
    assert admit("GET", f"{ENDPOINT}/jobs?{query}", signed_by_rule(to_sign)) is None


@pytest.mark.parametrize("to_sign", ["\na:1\nb:3", "\na:2\nb:3", "\na:2,1\nb:3", "\na:1\na:2\nb:3", "\nb:3"])
def test_a_repeated_parameter_is_not_signed_otherwise(to_sign: str) -> None:
    error = admit("GET", f"{ENDPOINT}/jobs?a=2&a=1&b=3", signed_by_rule(to_sign))
    assert_refused(error, 403, "is not the same")


# Clients in other languages, by what they are known to sign


def length_only_of_a_body(method: str, length: int) -> str:
    return str(length) if length else ""


def length_also_of_an_empty_post(method: str, length: int) -> str:
    return str(length) if length or method == "POST" else ""


def length_that_the_transport_has_set(method: str, length: int) -> str:
    return str(length) if length or method not in ("GET", "HEAD") else ""


def names_as_they_are(query: list[tuple[str, str]]) -> str:
    return "".join(f"\n{name}:{value}" for name, value in sorted(query))


def names_in_lower_case(query: list[tuple[str, str]]) -> str:
    return "".join(f"\n{name.lower()}:{value}" for name, value in sorted(query))


def names_with_a_value(query: list[tuple[str, str]]) -> str:
    return names_as_they_are([(name, value) for name, value in query if value])


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("length", [0, 2])
@pytest.mark.parametrize("dates", [["ocp-date"], ["date"], ["ocp-date", "date"]])
@pytest.mark.parametrize(
    ("length_to_sign", "query_to_sign"),
    [
        pytest.param(length_only_of_a_body, names_in_lower_case, id="dotnet"),
        pytest.param(length_also_of_an_empty_post, names_as_they_are, id="javascript"),
        pytest.param(length_that_the_transport_has_set, names_in_lower_case, id="java"),
        pytest.param(length_that_the_transport_has_set, names_with_a_value, id="azure-batch 14 and az"),
    ],
)
def test_what_other_clients_sign_is_let_in(
    method: str,
    length: int,
    dates: list[str],
    length_to_sign: Callable[[str, int], str],
    query_to_sign: Callable[[list[tuple[str, str]]], str],
) -> None:
    url = f"{ENDPOINT}/jobs/a%20b?api-version=2024-07-01.20.0&timeOut=30&$filter=id%20eq%20'x'&blank="
    target = urlsplit(url)
    headers = dict.fromkeys(dates, date())
    lines = [method, "", "", length_to_sign(method, length), "", ""]
    lines += ["" if "ocp-date" in dates else date(), "", "", "", "", ""]
    lines += [f"ocp-date:{date()}"] if "ocp-date" in dates else []
    resource = f"/{ACCOUNT}{target.path}{query_to_sign(parse_qsl(target.query, keep_blank_values=True))}"
    mac = hmac.new(base64.b64decode(KEY), "\n".join([*lines, resource]).encode(), hashlib.sha256)
    headers["authorization"] = f"SharedKey {ACCOUNT}:{base64.b64encode(mac.digest()).decode()}"
    if length or method not in ("GET", "HEAD"):
        headers["content-length"] = str(length)
    assert admit(method, url, headers) is None


# Tokens


def token(claims: object) -> str:
    parts = ({"alg": "RS256"}, claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, "signature"])


def admit_token(value: str, takes_tokens: bool = True) -> BatchServiceError | None:
    return admit("GET", JOBS, {"authorization": f"Bearer {value}"}, takes_tokens=takes_tokens)


SOON = NOW.timestamp() + 60


@pytest.mark.parametrize(
    "audience",
    [
        "https://batch.core.windows.net",
        "https://batch.core.windows.net/",
        "https://batch.core.windows.net//",
        ["https://management.azure.com/", "https://batch.core.windows.net/"],
    ],
)
def test_a_token_for_batch_is_taken_whoever_signed_it(audience: str | list[str]) -> None:
    assert admit_token(token({"aud": audience, "exp": SOON, "oid": "anybody"})) is None


def test_a_token_needs_no_date() -> None:
    assert admit_token(token({"aud": "https://batch.core.windows.net/", "exp": int(SOON)})) is None


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        (token({"aud": "https://management.azure.com/", "exp": SOON}), "wrong audience or resource"),
        (token({"aud": "https://batch.core.windows.net.evil/", "exp": SOON}), "wrong audience or resource"),
        (token({"aud": [], "exp": SOON}), "wrong audience or resource"),
        (
            token({"aud": "https://batch.core.windows.net/", "exp": NOW.timestamp()}),
            "expired at 2026-11-22T08:12",
        ),
        (token({"aud": "https://batch.core.windows.net/"}), "not a JSON web token"),
        (token({"aud": 1, "exp": SOON}), "not a JSON web token"),
        (token({"aud": "https://batch.core.windows.net/", "exp": 1e300}), "not a JSON web token"),
        (token([]), "not a JSON web token"),
        ("", "not a JSON web token"),
        ("a.b", "not a JSON web token"),
        ("a.b.c", "not a JSON web token"),
        ("a.ü.c", "not a JSON web token"),
    ],
)
def test_other_tokens_are_not(value: str, detail: str) -> None:
    assert_refused(admit_token(value), 401, detail)


def test_no_token_is_taken_where_none_is_expected() -> None:
    value = token({"aud": "https://batch.core.windows.net/", "exp": SOON})
    assert_refused(admit_token(value, takes_tokens=False), 401, "over https only")


@given(
    st.dictionaries(st.sampled_from(["ocp-date", "date", "content-length", "range"]), st.text(max_size=30)),
    st.sampled_from(["", "SharedKey ", f"SharedKey {ACCOUNT}:", "Bearer ", "Bearer a."]),
    st.text(),
)
def test_any_headers_are_refused_properly(headers: dict[str, str], scheme: str, rest: str) -> None:
    headers = {"ocp-date": date()} | headers | {"authorization": scheme + rest}
    error = admit("GET", JOBS, headers, takes_tokens=True)
    assert error is not None
    assert error.status in (400, 401, 403)
