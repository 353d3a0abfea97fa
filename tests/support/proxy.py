"""A proxy in front of one of the two services: it counts the requests, and lets some fail on order.

Signatures do not cover the host, so clients and nodes need only use its URL in place of the service's.
"""

from __future__ import annotations

import json
import re
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding"})
_GENEROUS = 60.0


@dataclass(frozen=True)
class Request:
    """What a client asks for."""

    method: str
    path: str
    """With the query."""
    headers: list[tuple[str, str]] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class Answer:
    """What it gets."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    length: int | None = None
    """Length that is announced, where it is not the body's: the connection ends with the body."""


Forward = Callable[[], Answer]
Treatment = Callable[[Request, Forward], "Answer | None"]
"""What is done to a request. It may pass it on by the second argument; None cuts the connection."""


# -- treatments -----------------------------------------------------------------------------


def failing(status: int, code: str = "Ordered", **headers: str) -> Treatment:
    """Answer with an error, in the form of either service; nothing is passed on.

    :param headers: further ones, with underscores in place of hyphens.
    """
    words = {"code": code, "message": {"lang": "en-US", "value": f"{code} was ordered.\nRequestId:0"}}
    further = {name.replace("_", "-"): text for name, text in headers.items()}

    def treat(request: Request, _: Forward) -> Answer:
        if any(name.lower() == "x-ms-version" for name, _ in request.headers):
            text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>Ordered.</Message></Error>"
            kind = {"Content-Type": "application/xml", "x-ms-error-code": code}
            return Answer(status, kind | further, text.encode())
        kind = {"Content-Type": "application/json;odata=minimalmetadata"}
        return Answer(status, kind | further, json.dumps(words).encode())

    return treat


def cut_before(_: Request, __: Forward) -> None:
    """The connection is cut, and nothing is passed on."""


def cut_after(_: Request, forward: Forward) -> None:
    """The connection is cut once the work is done."""
    forward()


def shortened(keep: int) -> Treatment:
    """Give only the beginning of the body, as if that were all."""
    return rewritten(lambda body: body[:keep])


def broken_off(keep: int) -> Treatment:
    """Cut the connection in the middle of the body."""

    def treat(_: Request, forward: Forward) -> Answer:
        whole = forward()
        return replace(whole, body=whole.body[:keep], length=len(whole.body))

    return treat


def rewritten(change: Callable[[bytes], bytes]) -> Treatment:
    """Give another body than the service's."""

    def treat(_: Request, forward: Forward) -> Answer:
        whole = forward()
        return replace(whole, body=change(whole.body))

    return treat


class Hold:
    """A treatment that keeps requests waiting until they are released, or cut."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        """Set once a request waits."""
        self._decided = threading.Event()
        self._cut = False

    def __call__(self, _: Request, forward: Forward) -> Answer | None:
        self.reached.set()
        self._decided.wait(_GENEROUS)
        return None if self._cut else forward()

    def wait(self) -> None:
        """Wait until a request does."""
        assert self.reached.wait(_GENEROUS), "no request came"

    def release(self) -> None:
        """Pass on what waits, and what comes."""
        self._decided.set()

    def cut(self) -> None:
        """Cut off what waits, and what comes; nothing of it reaches the service."""
        self._cut = True
        self._decided.set()


# -- the proxy ------------------------------------------------------------------------------


@dataclass
class Order:
    """A treatment for the next requests that match."""

    treatment: Treatment
    method: str | None
    path: str
    times: int

    def matches(self, request: Request) -> bool:
        return self.method in (None, request.method) and re.search(self.path, request.path) is not None


class Proxy:
    """Passes requests on, from the beginning to the end of a ``with`` statement."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = parts.hostname or "", parts.port or 80
        self._path = parts.path.rstrip("/")
        self._server = _Server(self)
        self.requests: list[Request] = []
        """All that came, in their order, those among them that were not passed on."""
        self.orders: list[Order] = []
        """What has been ordered and has not happened yet."""
        self._down = False
        self._lock = threading.Lock()

    def __enter__(self) -> Proxy:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._server.cut_all()

    @property
    def url(self) -> str:
        """Where it answers, with the path that the service's URL has."""
        return f"http://127.0.0.1:{self._server.server_address[1]}{self._path}"

    def order(self, treatment: Treatment, method: str | None = None, path: str = "", times: int = 1) -> None:
        """Treat the next requests that match, as many times.

        :param path: a regular expression to be found in path and query.
        """
        with self._lock:
            self.orders.append(Order(treatment, method, path, times))

    def clear(self) -> None:
        """Forget all that came and all that was ordered."""
        with self._lock:
            self.requests.clear()
            self.orders.clear()
            self._down = False

    def count(self, method: str | None = None, path: str = "") -> int:
        """How many requests came of a method, with a path in which a regular expression is found."""
        with self._lock:
            return sum(
                method in (None, request.method) and bool(re.search(path, request.path))
                for request in self.requests
            )

    @contextmanager
    def down(self) -> Iterator[None]:
        """As long as it lasts every connection is cut, new ones at once."""
        self._down = True
        self._server.cut_all()
        try:
            yield
        finally:
            self._down = False

    # -- within -----------------------------------------------------------------------------

    @property
    def is_down(self) -> bool:
        return self._down

    def handle(self, request: Request) -> Answer | None:
        with self._lock:
            self.requests.append(request)
            order = next((order for order in self.orders if order.matches(request)), None)
            if order is not None:
                order.times -= 1
                if not order.times:
                    self.orders.remove(order)
        if order is None:
            return self._forward(request)
        return order.treatment(request, lambda: self._forward(request))

    def _forward(self, request: Request) -> Answer:
        connection = HTTPConnection(*self._target, timeout=_GENEROUS)
        try:
            connection.putrequest(request.method, request.path, skip_host=True, skip_accept_encoding=True)
            for name, text in request.headers:
                if name.lower() not in _HOP_BY_HOP | {"content-length", "expect"}:
                    connection.putheader(name, text)
            if request.body or request.method in ("POST", "PUT"):
                connection.putheader("Content-Length", str(len(request.body)))
            connection.endheaders(request.body or None)
            response = connection.getresponse()
            body = response.read()
            headers = {name: text for name, text in response.getheaders() if name.lower() not in _HOP_BY_HOP}
            length = int(headers.get("Content-Length", 0)) if request.method == "HEAD" else None
            return Answer(response.status, headers, body, length)
        finally:
            connection.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, proxy: Proxy) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.proxy = proxy
        self._open: set[socket.socket] = set()

    def verify_request(self, request: Any, client_address: Any) -> bool:
        if self.proxy.is_down:
            return False
        self._open.add(request)
        return True

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], OSError):  # else one of the two ends has gone
            super().handle_error(request, client_address)

    def cut_all(self) -> None:
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _relay(self) -> None:
        request = Request(self.command, self.path, list(self.headers.items()), self._body())
        proxy = self.server.proxy
        answer = None if proxy.is_down else proxy.handle(request)
        if answer is None or proxy.is_down:
            self.close_connection = True
            return
        self.send_response_only(answer.status)
        headers = {"Date": formatdate(usegmt=True)} | answer.headers
        for name, text in headers.items():
            if name.lower() != "content-length":
                self.send_header(name, text)
        length = len(answer.body) if answer.length is None else answer.length
        if answer.status not in (204, 304):
            self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(answer.body)
        if length != len(answer.body) and self.command != "HEAD":
            self.close_connection = True

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_PATCH = _relay

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def log_message(self, *_: Any) -> None:
        pass
