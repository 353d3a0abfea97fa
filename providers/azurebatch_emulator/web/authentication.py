"""Who may call: requests signed with the account's key, or with a token for Azure Batch.

https://learn.microsoft.com/rest/api/batchservice/authenticate-requests-to-the-azure-batch-service
"""

import base64
import binascii
import hmac
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from itertools import chain, product
from typing import Annotated, Final
from urllib.parse import parse_qsl

import msgspec

from azurebatch_emulator.protocol.errors import BatchServiceError
from azurebatch_emulator.web.conditions import http_date

AUDIENCE: Final = "https://batch.core.windows.net"
"""What a token must be for; slashes may follow."""

_SKEW = timedelta(minutes=15)
_NOT_VALID = (
    "Server failed to authenticate the request. "
    "Make sure the value of Authorization header is formed correctly."
)


def authenticate(
    method: str,
    path: bytes,
    query: bytes,
    headers: Mapping[str, str],
    *,
    account: str,
    key: str,
    takes_tokens: bool,
    now: datetime,
) -> None:
    """Check the Authorization header. `path` and `query` are as on the wire, header names in lower case.

    A token is believed if its audience is right and it has not expired; its signature is not looked at.

    :raises BatchServiceError: if the request is not the account's own.
    """
    given = headers.get("authorization")
    if given is None:
        raise _token_refused("The Authorization header is missing.")
    scheme, _, credentials = given.partition(" ")
    if scheme.lower() == "sharedkey":
        _check_date(headers, now)
        _check_signature(credentials.strip(), method, path, query, headers, account, key)
    elif scheme.lower() == "bearer":
        if not takes_tokens:
            raise _token_refused("Tokens are taken over https only.")
        _check_token(credentials.strip(), now)
    else:
        raise BatchServiceError("InvalidAuthenticationInfo")


def _refused(detail: str) -> BatchServiceError:
    return BatchServiceError("AuthenticationFailed", AuthenticationErrorDetail=detail)


def _token_refused(detail: str) -> BatchServiceError:
    return BatchServiceError("AuthenticationFailed", _NOT_VALID, status=401, AuthenticationErrorDetail=detail)


def _check_date(headers: Mapping[str, str], now: datetime) -> None:
    text = headers.get("ocp-date") or headers.get("date")
    if text is None:
        raise _refused("The request has neither an ocp-date header nor a Date header.")
    try:
        sent = http_date(text)
    except ValueError:
        raise _refused(f"The date of the request is not in the format of RFC 1123: '{text}'.") from None
    if abs(now - sent) > _SKEW:
        raise _refused(f"The date of the request is more than 15 minutes from the server's time: '{text}'.")


# Shared key

_SIGNED: Final = (
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
)


def _check_signature(
    credentials: str,
    method: str,
    path: bytes,
    query: bytes,
    headers: Mapping[str, str],
    account: str,
    key: str,
) -> None:
    name, colon, signature = credentials.partition(":")
    if not colon:
        raise BatchServiceError("InvalidAuthenticationInfo")
    if name != account:
        raise _refused(f"The account '{name}' is not the one of this service.")
    secret = base64.b64decode(key)
    texts = _texts_to_sign(method, path, query, headers, account)
    usual = next(texts)
    for text in chain((usual,), texts):
        computed = base64.b64encode(hmac.digest(secret, text.encode(), "sha256"))
        if hmac.compare_digest(computed, signature.encode()):
            return
    raise _refused(
        f"The MAC signature found in the HTTP request '{signature}' is not the same as any computed "
        f"signature. Server used following string to sign: '{usual}'."
    )


def _texts_to_sign(
    method: str, path: bytes, query: bytes, headers: Mapping[str, str], account: str
) -> Iterator[str]:
    """What the client may have signed: Microsoft's own clients differ, and the service takes all of them."""
    values = {name: headers.get(name, "") for name in _SIGNED}
    lengths = [values["content-length"]]
    if lengths[0] in ("", "0"):  # of nothing: some sign it as 0, some not at all
        lengths = ["", "0"] if method in ("GET", "HEAD") else ["0", ""]
    dates = [values["date"], ""] if headers.get("ocp-date") else [values["date"]]
    named = sorted(
        (name.lower(), value) for name, value in headers.items() if name.lower().startswith("ocp-")
    )
    own_headers = "".join(f"{name}:{value}\n" for name, value in named if value)
    resource = f"/{account}{path.decode('latin-1')}"
    for length, date, parameters in product(lengths, dates, _queries_to_sign(query)):
        values |= {"content-length": length, "date": date}
        yield "\n".join((method, *values.values(), own_headers + resource + parameters))


def _queries_to_sign(query: bytes) -> list[str]:
    """The query as the Python, the JavaScript, and the .NET and Java clients sign it.

    They differ in the names and in parameters without a value. A parameter that is given more than once is
    signed with all its values, as the rule of the service demands; a client that signs one of them alone is
    refused.
    """
    given = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    return [
        _query_to_sign((name, value) for name, value in given if value),
        _query_to_sign(given),
        _query_to_sign((name.lower(), value) for name, value in given),
    ]


def _query_to_sign(parameters: Iterable[tuple[str, str]]) -> str:
    values: dict[str, list[str]] = {}
    for name, value in parameters:
        values.setdefault(name, []).append(value)
    return "".join(f"\n{name}:{','.join(sorted(found))}" for name, found in sorted(values.items()))


# Tokens


class _Claims(msgspec.Struct):
    aud: str | list[str]
    exp: Annotated[float, msgspec.Meta(ge=0, le=1e11)]


_claims = msgspec.json.Decoder(_Claims)


def _check_token(token: str, now: datetime) -> None:
    try:
        _, payload, _ = token.split(".")
        claims = _claims.decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, binascii.Error, msgspec.DecodeError):
        raise _token_refused(
            "The access token is not a JSON web token with an audience and an expiry."
        ) from None
    audiences = [claims.aud] if isinstance(claims.aud, str) else claims.aud
    if AUDIENCE not in (audience.rstrip("/") for audience in audiences):
        raise _token_refused(
            f"The access token has been obtained from wrong audience or resource '{', '.join(audiences)}'. "
            f"It should match the audience '{AUDIENCE}/'."
        )
    expiry = datetime.fromtimestamp(claims.exp, timezone.utc)
    if expiry <= now:
        raise _token_refused(f"The access token expired at {expiry:%Y-%m-%dT%H:%M:%SZ}.")
