"""When conditional headers stop a request, and how."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azurebatch_emulator.protocol.errors import BatchServiceError
from azurebatch_emulator.web.conditions import check_conditions

E_TAG = "0x8DDEB46D32E8C0F"
LAST_MODIFIED = "2025-09-04T00:05:57.9759631Z"
BEFORE, SAME, AFTER = (f"Thu, 04 Sep 2025 00:05:{second} GMT" for second in (56, 57, 58))


def status(method: str, headers: dict[str, str], e_tag: str | None = E_TAG) -> int:
    """200 if the request may go on, else the status it is answered with."""
    try:
        check_conditions(method, headers, e_tag=e_tag, last_modified=LAST_MODIFIED)
    except BatchServiceError as error:
        return error.status
    return 200


@pytest.mark.parametrize(
    ("headers", "read", "write"),
    [
        ({}, 200, 200),
        ({"if-match": E_TAG}, 200, 200),
        ({"if-match": f'"{E_TAG}"'}, 200, 200),
        ({"if-match": f'"0x1", W/"{E_TAG}"'}, 200, 200),
        ({"if-match": "*"}, 200, 200),
        ({"if-match": '"0x1"'}, 412, 412),
        ({"if-match": ""}, 412, 412),
        ({"if-none-match": f'"{E_TAG}"'}, 304, 412),
        ({"if-none-match": E_TAG}, 304, 412),
        ({"if-none-match": "*"}, 304, 412),
        ({"if-none-match": '"0x1"'}, 200, 200),
        ({"if-modified-since": BEFORE}, 200, 200),
        ({"if-modified-since": SAME}, 304, 412),
        ({"if-modified-since": AFTER}, 304, 412),
        ({"if-unmodified-since": BEFORE}, 412, 412),
        ({"if-unmodified-since": SAME}, 200, 200),
        ({"if-unmodified-since": AFTER}, 200, 200),
        ({"if-unmodified-since": "Thursday, 04-Sep-25 00:05:56 GMT"}, 412, 412),
        ({"if-modified-since": "yesterday"}, 400, 400),
        ({"if-unmodified-since": "2025-09-04T00:05:57Z"}, 400, 400),
        # The eTag decides where both are given.
        ({"if-match": E_TAG, "if-unmodified-since": BEFORE}, 200, 200),
        ({"if-none-match": "0x1", "if-modified-since": AFTER}, 200, 200),
        ({"if-match": E_TAG, "if-none-match": E_TAG}, 304, 412),
    ],
)
def test_a_condition_decides_for_reads_and_writes(headers: dict[str, str], read: int, write: int) -> None:
    assert {status(method, headers) for method in ("GET", "HEAD")} == {read}
    assert {status(method, headers) for method in ("PUT", "PATCH", "POST", "DELETE")} == {write}


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"if-match": "0x1"}, "ConditionNotMet"),
        ({"if-none-match": "*"}, "ConditionNotMet"),
        ({"if-modified-since": "yesterday"}, "InvalidHeaderValue"),
    ],
)
def test_the_answer_says_what_was_wrong(headers: dict[str, str], code: str) -> None:
    with pytest.raises(BatchServiceError) as caught:
        check_conditions("GET", headers, e_tag=E_TAG, last_modified=LAST_MODIFIED)
    assert caught.value.code == code


def test_a_file_has_no_e_tag_but_a_time() -> None:
    assert status("GET", {"if-modified-since": AFTER}, e_tag=None) == 304
    assert status("GET", {"if-match": E_TAG}, e_tag=None) == 412
    assert status("GET", {"if-none-match": E_TAG}, e_tag=None) == 200


conditional_headers = ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since"]


@given(st.dictionaries(st.sampled_from(conditional_headers), st.text()))
def test_any_header_is_a_condition_or_is_refused(headers: dict[str, str]) -> None:
    assert status("GET", headers) in (200, 304, 400, 412)
