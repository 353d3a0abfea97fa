"""Microsoft's clients of both services, with our retries and time limits."""

from __future__ import annotations

from http import HTTPStatus

import requests
from azure.batch import BatchClient
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.core.pipeline.transport import RequestsTransport
from azure.core.rest import HttpRequest, HttpResponse
from azure.storage.blob import BlobServiceClient
from requests.adapters import HTTPAdapter

from remotebatch_azurebatch.accounts.connection import BatchAccount, StorageAccount
from remotebatch_azurebatch.accounts.retries import BlobRetry

API_VERSION = "2025-06-01"
_RETRIES = 6
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0  # seconds
_TIMEOUTS = {"connection_timeout": 10, "read_timeout": 100}  # seconds; the client's own are 300
_CONNECTIONS = 32
"""To a host at a time, kept open: as many threads as may ask."""


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
