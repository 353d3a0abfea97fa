"""Errors of Microsoft's clients, in our words."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)

from remotebatch.errors import ProviderError, ProviderUnavailable

_SKEW = 300.0
"""Seconds that the clocks may differ before a message mentions it: both services refuse after 900."""
_BUSY = frozenset({408, 429, 500, 502, 503, 504})
BEING_DELETED = "containerbeingdeleted"
"""Code of a refusal that lasts until a container of that name is gone."""


def code_of(error: AzureError) -> str:
    """The service's own code for an error, in lower case, such as ``jobexists``; empty where it gave none."""
    return _code_as_written(error).lower()


def is_passing(error: AzureError) -> bool:
    """Whether the same call may succeed a moment later."""
    if isinstance(error, HttpResponseError):
        return error.status_code in _BUSY or code_of(error) == BEING_DELETED
    return isinstance(error, (ServiceRequestError, ServiceResponseError))


@contextmanager
def translated(doing: str, missing: Exception | None = None) -> Iterator[None]:
    """Turn the clients' errors into ours.

    :param doing: what is being done, for the message: ``"pool 'p' cannot be read"``.
    :param missing: raised if what it is done to is not there.
    :raises ProviderUnavailable: if the same call may succeed later.
    :raises ProviderError: for anything else that the service refuses.
    """
    try:
        yield
    except AzureError as error:
        if missing is not None and isinstance(error, ResourceNotFoundError):
            raise missing from None
        raise explain(error, doing) from error


def explain(error: AzureError, doing: str) -> ProviderError:
    """The error to raise for one of the clients' errors; see :func:`translated`."""
    reason = _reason(error).rstrip(".")
    if isinstance(error, ServiceRequestError):
        return ProviderUnavailable(f"{doing}: {reason}; check the address, or try again in a moment")
    if is_passing(error):
        return ProviderUnavailable(f"{doing}: {reason}; try again in a moment")
    if isinstance(error, ClientAuthenticationError) or getattr(error, "status_code", None) in (401, 403):
        return ProviderError(f"{doing}: {_refusal(error, reason)}")
    return ProviderError(f"{doing}: {reason}")


def _code_as_written(error: AzureError) -> str:
    found = getattr(error, "error_code", None) or getattr(getattr(error, "error", None), "code", None)
    return str(getattr(found, "value", found) or "")


def _reason(error: AzureError) -> str:
    code = _code_as_written(error)
    message = getattr(getattr(error, "error", None), "message", None)
    said = getattr(message, "value", message) or getattr(error, "reason", None) or str(error)
    words = (str(said).strip() or type(error).__name__).splitlines()[0]
    return f"{code}: {words}" if code and code not in words else words


def _refusal(error: AzureError, reason: str) -> str:
    skew = clock_skew(error)
    if skew is not None and abs(skew) > _SKEW:
        direction = "ahead of" if skew > 0 else "behind"
        return (
            f"{reason}. The clock of this machine is {abs(skew) / 60:.0f} minutes {direction} Azure's: set it"
        )
    return f"{reason}. Check the key or the role assignment; 'remotebatch login azure' asks for new ones"


def clock_skew(error: AzureError) -> float | None:
    """Seconds by which this machine's clock is ahead of the service's; None if the answer has no time."""
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    date = headers.get("Date") or headers.get("date")
    return None if not date else time.time() - parsedate_to_datetime(date).timestamp()
