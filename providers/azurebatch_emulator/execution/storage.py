"""Blob storage as a node reaches it, and what a task's failure is called when it does not."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import requests
import urllib3
from azure.core.exceptions import AzureError
from azure.core.pipeline.transport import RequestsTransport
from azure.storage.blob import BlobClient, BlobServiceClient, ContainerClient
from requests.adapters import HTTPAdapter

from azurebatch_emulator.protocol.failures import TaskFailure

MEBIBYTE = 1024 * 1024
PARALLEL_TRANSFERS = 4
"""How many files of a task are on their way at a time."""
REMOTE_ERRORS = (AzureError, requests.RequestException, urllib3.exceptions.HTTPError)
"""What goes wrong at the other end or on the way there."""

_CONNECT_TIMEOUT = 10
_CONNECTIONS = 64
_CONFLICTS = {409, 412}
_DENIED = {401, 403}
_DENIED_CODES = {"PublicAccessNotPermitted"}  # with status 409
_TIMEOUTS = (TimeoutError, requests.Timeout, urllib3.exceptions.ReadTimeoutError)
_SIGNATURE = re.compile(r"(\bsig=)[^&\s'\"]+", re.IGNORECASE)


class Storage:
    """The storage account of the Batch account, and the way to everybody else's.

    One serves all tasks: it keeps connections open, and any thread may use it.
    """

    def __init__(self, connection_string: str, authorities: str | None = None, timeout: float = 60) -> None:
        """Nothing is reached yet.

        :param connection_string: of the account.
        :param authorities: a file of the certificate authorities to trust; the usual ones if none is given.
        :param timeout: seconds without a byte after which the other end is given up.
        """
        self.request_options: Final = {
            "timeout": (_CONNECT_TIMEOUT, timeout),
            "verify": authorities or True,
        }
        """The same settings, for requests to any other web server."""
        self._session = requests.Session()
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=_CONNECTIONS))
        self._options: dict[str, Any] = {
            "transport": RequestsTransport(session=self._session, session_owner=False),
            "connection_verify": authorities or True,
            "connection_timeout": _CONNECT_TIMEOUT,
            "read_timeout": timeout,
            "retry_total": 2,
            "initial_backoff": 1,
            "increment_base": 2,
            "random_jitter_range": 1,
            "max_single_put_size": 4 * MEBIBYTE,
            "max_single_get_size": 4 * MEBIBYTE,
        }
        self._account = BlobServiceClient.from_connection_string(connection_string, **self._options)
        self._expired: set[str] = set()

    def __enter__(self) -> Storage:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def expire(self, container: str) -> None:
        """From now on, signatures in addresses of a container and what is in it do not count."""
        self._expired.add(container)

    def address(self, url: str) -> str:
        """An address as it is presented: with a signature that no storage takes, if it has expired."""
        # the container is the first part of the path, or the second, where the account is the first
        if self._expired.intersection(urlsplit(url).path.split("/")[1:3]):
            return _SIGNATURE.sub(r"\1expired", url)
        return url

    def container(self, url: str, as_account: bool) -> ContainerClient:
        """The container at an address, reached as the address allows or with the account's key."""
        credential = self._account.credential if as_account else None
        return ContainerClient.from_container_url(self.address(url), credential, **self._options)

    def own_container(self, name: str) -> ContainerClient:
        """A container of the account itself."""
        return self._account.get_container_client(name)

    def own_blob(self, url: str) -> BlobClient:
        """The blob at an address, reached with the account's key."""
        return BlobClient.from_blob_url(url, self._account.credential, **self._options)


class FailureCodes(NamedTuple):
    """What one kind of transfer's failures are called."""

    not_found: str
    denied: str
    timed_out: str
    other: str
    conflict: str | None = None


def failure(error: Exception, codes: FailureCodes, **details: str) -> TaskFailure:
    """What a transfer's error means for the task."""
    status = _status(error)
    if status == 404:
        code = codes.not_found
    elif status in _DENIED or getattr(error, "error_code", None) in _DENIED_CODES:
        code = codes.denied
    elif status in _CONFLICTS and codes.conflict is not None:
        code = codes.conflict
    elif _is_timeout(error):
        code = codes.timed_out
    else:
        code = codes.other
    details["Message"] = str(error).partition("\n")[0]
    return TaskFailure(code, **{name: without_signature(text) for name, text in details.items()})


def check_url(url: str, name: str) -> None:
    """Refuse what cannot be the address of a blob, a container or a file.

    :param name: the property that it was given for.
    :raises ValueError: with a sentence that says what is wrong.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or not parts.path.strip("/"):
        raise ValueError(f"{name} must be an http or https URL with a host and a path")


def without_signature(text: str) -> str:
    """Addresses with a shared access signature in them are keys; this makes them names again."""
    return _SIGNATURE.sub(r"\1REDACTED", text)


def _status(error: Exception) -> int | None:
    if isinstance(error, requests.RequestException):
        return None if error.response is None else error.response.status_code
    return getattr(error, "status_code", None)


def _is_timeout(error: BaseException | None) -> bool:
    """Whether an error is a timeout or comes of one, however often it was wrapped."""
    while error is not None:
        if isinstance(error, _TIMEOUTS):
            return True
        error = error.__cause__ or error.__context__
    return False
