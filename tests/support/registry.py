"""A container registry that has no images, and notes who asks for them."""

from __future__ import annotations

import base64
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["Registry"]


class Registry:
    """Answers as registries do that want a user name and a password; Docker trusts those on its machine."""

    def __init__(self) -> None:
        self.credentials: set[tuple[str, str]] = set()
        """User names and passwords that were given."""
        credentials = self.credentials

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                kind, _, given = self.headers.get("Authorization", "").partition(" ")
                if kind != "Basic":
                    self._answer(401, b'{"errors": [{"code": "UNAUTHORIZED"}]}')
                    return
                name, _, password = base64.b64decode(given).decode().partition(":")
                credentials.add((name, password))
                if self.path == "/v2/":
                    self._answer(200, b"{}")
                else:
                    self._answer(404, b'{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "unknown"}]}')

            do_HEAD = do_GET

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                if status == 401:
                    self.send_header("WWW-Authenticate", 'Basic realm="test"')
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)

    @property
    def server(self) -> str:
        """Where it answers, as in the names of its images."""
        return f"127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Registry:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
