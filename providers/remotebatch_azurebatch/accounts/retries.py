"""Microsoft's retry policies of the blob clients: they repeat what was answered 500 or 503; here 429 too."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from azure.storage.blob import ExponentialRetry
from azure.storage.blob.aio import ExponentialRetry as AsyncExponentialRetry

_FIRST_PAUSE, _GROWTH, _JITTER = 1, 2, 1
"""Seconds: a client waits the first plus the second to the n-th, more or less the third, before retry n."""
_RETRIES = 5
"""So a client gives up after about a minute."""


class BlobRetry(ExponentialRetry):
    """For the synchronous clients."""

    def __init__(self) -> None:
        super().__init__(**_options())

    def send(self, request: Any) -> Any:
        """Send a request, and again while the service says that there are too many."""
        start = _position(request)
        response = super().send(request)  # type: ignore[no-untyped-call]
        for tries in range(1, self.total_retries + 1):
            if not _is_throttled(response):
                break
            request.context.transport.sleep(_pause(self, tries, response))
            _rewind(request, start)
            response = super().send(request)  # type: ignore[no-untyped-call]
        return response


class AsyncBlobRetry(AsyncExponentialRetry):
    """For the asynchronous ones."""

    def __init__(self) -> None:
        super().__init__(**_options())

    async def send(self, request: Any) -> Any:  # type: ignore[override]
        """Likewise."""
        start = _position(request)
        response = await super().send(request)  # type: ignore[no-untyped-call]
        for tries in range(1, self.total_retries + 1):
            if not _is_throttled(response):
                break
            await request.context.transport.sleep(_pause(self, tries, response))
            _rewind(request, start)
            response = await super().send(request)  # type: ignore[no-untyped-call]
        return response


def _options() -> dict[str, Any]:
    """The total is nothing without the others: of each kind of failure the client repeats but 3 by itself."""
    return {
        "initial_backoff": _FIRST_PAUSE,
        "increment_base": _GROWTH,
        "random_jitter_range": _JITTER,
        "retry_total": _RETRIES,
        "retry_connect": _RETRIES,
        "retry_read": _RETRIES,
        "retry_status": _RETRIES,
    }


def _is_throttled(response: Any) -> bool:
    return bool(response.http_response.status_code == HTTPStatus.TOO_MANY_REQUESTS)


def _pause(policy: Any, tries: int, response: Any) -> float:
    """Seconds to wait: as the service says, and no less than after any other failure."""
    asked = str(response.http_response.headers.get("Retry-After") or "")
    pause: float = policy.get_backoff_time({"count": tries})
    return max(pause, float(asked)) if asked.isdigit() else pause


def _position(request: Any) -> int | None:
    """Where the body begins, if it is a file."""
    body = request.http_request.body
    return body.tell() if hasattr(body, "tell") else None


def _rewind(request: Any, start: int | None) -> None:
    if start is not None:
        request.http_request.body.seek(start)
