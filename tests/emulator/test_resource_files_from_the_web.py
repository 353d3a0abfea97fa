"""Resource files from a web server that knows nothing of blobs."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from azurebatch_emulator.execution.resource_files import fetch
from azurebatch_emulator.execution.storage import Storage
from azurebatch_emulator.protocol.models.common import ErrorCategory
from azurebatch_emulator.protocol.models.files import ResourceFile
from tests.support.resource_files import failure_of, files


@pytest.fixture
def storage(azurite: str) -> Iterator[Storage]:
    with Storage(azurite, timeout=2) as storage:
        yield storage


@pytest.fixture
def wd(tmp_path: os.PathLike[str]) -> str:
    path = os.path.join(tmp_path, "wd")
    os.mkdir(path)
    return path


class Answers(BaseHTTPRequestHandler):
    """A web server that knows nothing of blobs."""

    protocol_version = "HTTP/1.1"
    asked: ClassVar[list[str]]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path == "/moved":
            self.answer(302, headers={"Location": "/file?x=1"})
        elif self.path == "/file?x=1":
            self.answer(200, b"from the web")
        elif self.path == "/recovers":
            self.answer(503 if self.asked.count("/recovers") < 3 else 200, b"at last")
        elif self.path == "/short":
            self.answer(200, b"too short", headers={"Content-Length": "1000"})
            self.close_connection = True
        elif self.path in ("/silent", "/stalls"):
            if self.path == "/stalls":
                self.answer(200, b"some", headers={"Content-Length": "1000"})
            threading.Event().wait(30)
        else:
            self.answer(int(self.path.removeprefix("/")))

    def answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def web() -> Iterator[str]:
    """Address of that web server."""

    class Handler(Answers):
        asked: ClassVar[list[str]] = []

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("path", "content"),
    [("/file?x=1", b"from the web"), ("/moved", b"from the web"), ("/recovers", b"at last")],
)
def test_any_web_server_will_do(storage: Storage, web: str, wd: str, path: str, content: bytes) -> None:
    fetch([ResourceFile(http_url=web + path, file_path="f")], wd, storage)
    assert files(wd) == {"f": content}


@pytest.mark.parametrize(
    ("path", "code", "category"),
    [
        ("/404", "BlobNotFound", ErrorCategory.USER_ERROR),
        ("/403", "BlobAccessDenied", ErrorCategory.USER_ERROR),
        ("/401", "BlobAccessDenied", ErrorCategory.USER_ERROR),
        ("/500", "BlobDownloadMiscError", ErrorCategory.SERVER_ERROR),
        ("/418", "BlobDownloadMiscError", ErrorCategory.SERVER_ERROR),
        ("/short", "BlobDownloadMiscError", ErrorCategory.SERVER_ERROR),
        ("/stalls", "BlobDownloadTimedOut", ErrorCategory.SERVER_ERROR),
    ],
)
def test_a_web_server_that_does_not_give_the_file(
    storage: Storage, web: str, wd: str, path: str, code: str, category: str
) -> None:
    failure = failure_of(ResourceFile(http_url=web + path, file_path="f"), wd, storage)
    assert (failure.code, failure.category) == (code, category)
    assert files(wd) == {}


def test_a_web_server_that_says_nothing(azurite: str, web: str, wd: str) -> None:
    with Storage(azurite, timeout=0.3) as storage:
        failure = failure_of(ResourceFile(http_url=f"{web}/silent", file_path="f"), wd, storage)
    assert failure.code == "BlobDownloadTimedOut"


def test_nobody_there(storage: Storage, wd: str) -> None:
    url = "http://127.0.0.1:1/f?sig=secret"
    failure = failure_of(ResourceFile(http_url=url, file_path="f"), wd, storage)
    assert failure.code == "BlobDownloadMiscError"
    assert "secret" not in str(failure)
