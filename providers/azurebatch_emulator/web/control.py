"""Faults on demand: what tests order through the control endpoint, which is there only if enabled.

``POST /control/faults`` orders a fault for the next requests that match; ``GET`` lists what is still
ordered, ``DELETE`` cancels all of it. ``POST /control/losenode`` and ``POST /control/expiresas`` act at
once. Every client that reaches the endpoint may use it: it needs no signature.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from azurebatch_emulator.execution.storage import Storage
from azurebatch_emulator.protocol.errors import ERRORS, BatchServiceError
from azurebatch_emulator.protocol.models.common import encode
from azurebatch_emulator.protocol.models.nodes import NodeState
from azurebatch_emulator.state.account import Account
from azurebatch_emulator.web.connections import cut
from azurebatch_emulator.web.operation import Answer

T = TypeVar("T")
_USUAL_CODES = {
    403: "AuthenticationFailed",
    404: "ResourceNotFound",
    429: "TooManyRequests",
    503: "ServerBusy",
}


class Fault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What is to happen to the next requests that match."""

    kind: Literal["status", "hang", "cutBefore", "cutAfter"]
    """Fail with a status; take long; cut the connection before, or after, the work is done."""
    method: str | None = None
    """HTTP verb of the requests; any if it is missing."""
    path: str = ""
    """Regular expression that is to be found in their path."""
    times: Annotated[int, Meta(ge=1)] = 1
    """How many requests it is for."""
    status: Annotated[int, Meta(ge=400, le=599)] = 503
    """What to fail with."""
    code: str | None = None
    """Error code that goes with the status; a usual one if it is missing."""
    seconds: Annotated[float, Meta(ge=0)] = 60.0
    """How long to hang before the work is done, which it is not if the client gives up."""

    def __post_init__(self) -> None:
        try:
            re.compile(self.path)
        except re.error as error:
            raise ValueError(f"path is no regular expression: {error}") from error

    @property
    def error(self) -> BatchServiceError:
        """What a failing request is answered with."""
        code = self.code or _USUAL_CODES.get(self.status, "InternalError")
        _, message = ERRORS.get(code, (self.status, "This error was ordered."))
        return BatchServiceError(code, message, status=self.status)

    def matches(self, request: Request) -> bool:
        """Whether it is for that request."""
        return (
            self.method in (None, request.method) and re.search(self.path, request.scope["path"]) is not None
        )


class _LostNode(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    pool_id: str
    node_id: str | None = None
    """The pool's first one that takes tasks, if it is missing."""
    state: Literal["preempted", "unusable", "unknown"] = "preempted"


class _ExpiredSas(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    container: str
    """Name of the container whose signatures no longer count."""


class Faults:
    """Faults that have been ordered and have not happened yet."""

    def __init__(self) -> None:
        self._ordered: list[Fault] = []

    async def around(self, request: Request, work: Callable[[], Awaitable[Answer]]) -> Answer:
        """Do the work of a request, with the fault that is ordered for it, if one is."""
        fault = self._take(request)
        if fault is None:
            return await work()
        if fault.kind == "status":
            raise fault.error
        if fault.kind == "hang":
            await _hang(request, fault.seconds)
            return await work()
        if fault.kind == "cutAfter":
            await work()
        cut(request)
        return Answer(500)

    def routes(self, account: Account, storage: Storage) -> list[Route]:
        """The control endpoint."""

        async def order(request: Request) -> Response:
            self._ordered.append(await _body(request, Fault))
            return Response(status_code=204)

        async def show(request: Request) -> Response:
            return Response(encode(self._ordered), media_type="application/json")

        async def clear(request: Request) -> Response:
            self._ordered.clear()
            return Response(status_code=204)

        async def lose_node(request: Request) -> Response:
            lost = await _body(request, _LostNode)
            pool = account.pool(lost.pool_id)
            candidates = [node for node in pool.nodes.values() if node.takes_tasks]
            node = pool.node(lost.node_id) if lost.node_id else next(iter(candidates), None)
            if node is None:
                raise BatchServiceError("NodeNotFound")
            node.life.lose(NodeState(lost.state))
            account.ledger.flush()
            return Response(encode({"nodeId": node.resource.id}), media_type="application/json")

        async def expire_sas(request: Request) -> Response:
            storage.expire((await _body(request, _ExpiredSas)).container)
            return Response(status_code=204)

        return [
            Route("/control/faults", _plainly(order), methods=["POST"]),
            Route("/control/faults", show, methods=["GET"]),
            Route("/control/faults", clear, methods=["DELETE"]),
            Route("/control/losenode", _plainly(lose_node), methods=["POST"]),
            Route("/control/expiresas", _plainly(expire_sas), methods=["POST"]),
        ]

    def _take(self, request: Request) -> Fault | None:
        for fault in self._ordered:
            if fault.matches(request):
                fault.times -= 1
                if fault.times == 0:
                    self._ordered.remove(fault)
                return fault
        return None


async def _hang(request: Request, seconds: float) -> None:
    """Let time pass.

    :raises ClientDisconnect: if the client does not wait so long.
    """

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    leaving = asyncio.ensure_future(gone())
    done, _ = await asyncio.wait([leaving], timeout=seconds)
    leaving.cancel()
    if done:
        raise ClientDisconnect


async def _body(request: Request, kind: type[T]) -> T:
    return msgspec.json.decode(await request.body(), type=kind)


def _plainly(endpoint: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """Answers with what is wrong with an order."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except (msgspec.DecodeError, ValueError) as error:
            return Response(str(error), 400, media_type="text/plain")
        except BatchServiceError as error:
            return Response(str(error), error.status, media_type="text/plain")

    return answer
