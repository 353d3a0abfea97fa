"""The service's face: from HTTP to operations and back."""

from __future__ import annotations

import logging
import uuid
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timezone

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from azurebatch_emulator.execution.storage import Storage
from azurebatch_emulator.protocol.errors import BatchServiceError
from azurebatch_emulator.protocol.models import common
from azurebatch_emulator.state.account import Account
from azurebatch_emulator.web import account as account_operations
from azurebatch_emulator.web import files, jobs, nodes, pools, schedules, tasks
from azurebatch_emulator.web.authentication import AUDIENCE, authenticate
from azurebatch_emulator.web.control import Faults
from azurebatch_emulator.web.operation import JSON, OPERATIONS, Answer, Call, Operation

__all__ = ["application"]

API_VERSIONS = frozenset(
    {"2022-10-01.16.0", "2023-05-01.17.0", "2024-02-01.19.0", "2024-07-01.20.0", "2025-06-01"}
)
MOST_BYTES = 1 << 20
"""The longest body that the service takes."""
_VERBS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_ERRORS = "Microsoft.Azure.Batch.Protocol.Entities.Container.errors/@Element"
_CHALLENGE = f'Bearer authorization_uri="https://login.microsoftonline.com/common", resource_id="{AUDIENCE}/"'
_BUSY = frozenset({429, 503})
_log = logging.getLogger(__name__)

# their import has made them operations
_FILES_OF_OPERATIONS = (account_operations, pools, nodes, jobs, schedules, tasks, files)


def application(account: Account, storage: Storage, faults: Faults | None) -> Router:
    """The service as an ASGI application.

    :param storage: what reaches the containers that clients name.
    :param faults: those that tests have ordered; None if none can be ordered.
    """
    by_path: dict[str, dict[str, Operation]] = {}
    for operation in OPERATIONS:
        by_path.setdefault(operation.path, {})[operation.method] = operation
    routes = [Route(path, _Endpoint(account, storage, faults, methods)) for path, methods in by_path.items()]
    if faults is not None:
        routes = [*faults.routes(account, storage), *routes]
    return Router(routes, redirect_slashes=False, default=_Endpoint(account, storage, faults, {}))


class _Endpoint:
    """Answers the requests to one path, whatever their verb."""

    def __init__(
        self, account: Account, storage: Storage, faults: Faults | None, methods: dict[str, Operation]
    ) -> None:
        self._account = account
        self._storage = storage
        self._faults = faults
        self._methods = methods

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request, request_id = Request(scope, receive), str(uuid.uuid4())
        try:
            answer = await self._answer(request)
        except BatchServiceError as error:
            answer = self._refusal(error, request, request_id)
        except ClientDisconnect:
            return  # there is no client left to answer
        except Exception:
            _log.exception("%s %s failed, request %s", request.method, scope["path"], request_id)
            answer = self._refusal(BatchServiceError("InternalError"), request, request_id)
        await _response(answer, request.headers, request_id)(scope, receive, send)

    async def _answer(self, request: Request) -> Answer:
        configuration, scope = self._account.configuration, request.scope
        headers = dict(request.headers)
        raw_path: bytes = scope["raw_path"]
        authenticate(
            request.method,
            raw_path,
            scope["query_string"],
            headers,
            account=configuration.account,
            key=configuration.key,
            takes_tokens=configuration.https,
            now=datetime.now(timezone.utc),
        )
        _check_version(request)
        operation = self._operation(request.method)
        call = Call(
            account=self._account,
            storage=self._storage,
            endpoint=self._endpoint(request),
            method=request.method,
            path=raw_path.decode("latin-1"),
            query_text=scope["query_string"].decode("latin-1"),
            parameters=request.path_params,
            headers=headers,
            content=await _content(request),
        )
        if self._faults is None:
            return await self._carry_out(operation, call)
        return await self._faults.around(request, lambda: self._carry_out(operation, call))

    def _operation(self, method: str) -> Operation:
        if method not in _VERBS:
            raise BatchServiceError("InvalidHttpVerb")
        if not self._methods:
            raise BatchServiceError("ResourceNotFound")
        if method not in self._methods:
            raise BatchServiceError("UnsupportedHttpVerb")
        return self._methods[method]

    async def _carry_out(self, operation: Operation, call: Call) -> Answer:
        answer = await operation.answer(call)
        recorded = self._account.ledger.flush()  # what a client has seen outlives a crash
        if call.method in _CHANGING and not recorded:
            raise BatchServiceError("InternalError", "The change could not be recorded.")
        return answer

    def _endpoint(self, request: Request) -> str:
        host = request.headers.get("host")
        return f"{request.scope['scheme']}://{host}" if host else self._account.configuration.endpoint

    def _refusal(self, error: BatchServiceError, request: Request, request_id: str) -> Answer:
        headers: dict[str, str] = {}
        if error.status == 401:
            headers["WWW-Authenticate"] = _CHALLENGE
        elif error.status == 405:
            headers["Allow"] = ", ".join(sorted(self._methods))
        elif error.status in _BUSY:
            headers["Retry-After"] = "1"
        if request.method == "HEAD" or error.status == 304:
            return Answer(error.status, headers)
        text = f"{error.message}\nRequestId:{request_id}\nTime:{common.now()}"
        body: dict[str, object] = {
            "odata.metadata": f"{self._endpoint(request)}/$metadata#{_ERRORS}",
            "code": error.code,
            "message": {"lang": "en-US", "value": text},
        }
        if error.values:
            body["values"] = [{"key": key, "value": value} for key, value in error.values.items()]
        return Answer(error.status, {"Content-Type": JSON, **headers}, common.encode(body))


def _check_version(request: Request) -> None:
    version = request.query_params.get("api-version")
    if version is None:
        raise BatchServiceError("MissingRequiredQueryParameter", QueryParameterName="api-version")
    if version not in API_VERSIONS:
        raise BatchServiceError("UnsupportedRequestVersion", QueryParameterValue=version)


async def _content(request: Request) -> bytes:
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > MOST_BYTES:
            raise BatchServiceError("RequestBodyTooLarge")
    return bytes(content)


def _response(answer: Answer, asked: Mapping[str, str], request_id: str) -> Response:
    headers = {
        "DataServiceVersion": "3.0",
        "request-id": request_id,
        "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
        "X-Content-Type-Options": "nosniff",
        **answer.headers,
    }
    own_id = asked.get("client-request-id")
    if own_id is not None and asked.get("return-client-request-id", "").lower() == "true":
        headers["client-request-id"] = own_id
    if isinstance(answer.body, AsyncIterator):
        response: Response = StreamingResponse(answer.body, answer.status)
    else:
        response = _PlainResponse(answer.body, answer.status)
    for name, value in headers.items():
        response.headers[name] = value
    return response


class _PlainResponse(Response):
    """Adds no headers of its own, except a length where the service has one."""

    def init_headers(self, headers: object = None) -> None:
        self.raw_headers = []
        if self.body or self.status_code == 204:
            self.raw_headers.append((b"content-length", str(len(self.body)).encode()))
