"""Microsoft's clients of both services, and their errors in our words."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import requests
from azure.batch import BatchClient
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.core.pipeline.transport import RequestsTransport
from azure.core.rest import HttpRequest, HttpResponse
from azure.storage.blob import BlobServiceClient
from requests.adapters import HTTPAdapter

from remotebatch.errors import ProviderError, ProviderUnavailable
from remotebatch_azurebatch.accounts.connection import BatchAccount, StorageAccount
from remotebatch_azurebatch.accounts.retries import BlobRetry

API_VERSION = "2025-06-01"
_RETRIES = 6
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0  # seconds
_TIMEOUTS = {"connection_timeout": 10, "read_timeout": 100}  # seconds; the client's own are 300
_SKEW = 300.0
"""Seconds that the clocks may differ before it is worth a word: both services refuse after 900."""
_CONNECTIONS = 32
"""To a host at a time, kept open: as many threads as may ask."""
_BUSY = frozenset({408, 429, 500, 502, 503, 504})
BEING_DELETED = "containerbeingdeleted"
"""Code, in lower case, of a refusal that lasts until a container of that name is gone."""


def batch_client(account: BatchAccount) -> BatchClient:
    """Microsoft's client of a Batch account; it repeats what failed for a moment only."""
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=_CONNECTIONS))
    return BatchClient(
        account.endpoint,
        account.credential,
        transport=RequestsTransport(session=session, session_owner=True, **_TIMEOUTS),
        per_retry_policies=[_ReadErrors()],  # before the client looks for a code in what was refused
        api_version=API_VERSION,
        retry_total=_RETRIES,
        retry_read=_RETRIES,  # of each kind of failure it repeats but 3 by itself
        retry_status=_RETRIES,
        retry_backoff_factor=_FIRST_PAUSE,
        retry_backoff_max=_LONGEST_PAUSE,
    )


class _ReadErrors(SansIOHTTPPolicy[HttpRequest, HttpResponse]):
    """Reads what comes with a refusal: of a file that is streamed the client itself would not."""

    def on_response(
        self, request: PipelineRequest[HttpRequest], response: PipelineResponse[HttpRequest, HttpResponse]
    ) -> None:
        """See the class."""
        _read_refusal(response)


def _read_refusal(response: PipelineResponse[HttpRequest, HttpResponse]) -> None:
    """Read the rest of a refusal, so that its connection can be used again."""
    answer = response.http_response
    if answer.status_code >= HTTPStatus.BAD_REQUEST and isinstance(answer, HttpResponse):
        answer.read()  # those of another class, for requests in batches, are read already


def blob_client(account: StorageAccount) -> BlobServiceClient:
    """Microsoft's client of a storage account's blobs; likewise."""
    return BlobServiceClient(
        account.url, account.credential, retry_policy=BlobRetry(), raw_response_hook=_read_refusal
    )


def code_of(error: AzureError) -> str:
    """The service's own code for an error, such as ``JobExists``; empty where it gave none."""
    found = getattr(error, "error_code", None) or getattr(getattr(error, "error", None), "code", None)
    return str(getattr(found, "value", found) or "")


def is_passing(error: AzureError) -> bool:
    """Whether the same call may succeed a moment later."""
    if isinstance(error, HttpResponseError):
        return error.status_code in _BUSY or code_of(error).lower() == BEING_DELETED
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


def _reason(error: AzureError) -> str:
    code = code_of(error)
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
    """Seconds by which this machine's clock is ahead of the service's; None if the answer tells no time."""
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    date = headers.get("Date") or headers.get("date")
    return None if not date else time.time() - parsedate_to_datetime(date).timestamp()
