"""A managed identity: the endpoint on a machine of Azure that gives tokens to the programs that run there."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

SECRET_HEADER = "known on this machine only"
ISSUER = "https://sts.windows.net/ab1f708d-50f6-404c-a006-d71b2ac7a606/"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        resource = parse_qs(urlsplit(self.path).query)["resource"][0]
        now = int(time.time())
        times = {"iat": now, "nbf": now, "exp": now + 3600}
        claims = {"aud": resource, "iss": ISSUER, "tid": "ab1f708d", **times}
        answer = {
            "access_token": ".".join([_encoded({"alg": "none", "typ": "JWT"}), _encoded(claims), "c2ln"]),
            "expires_on": str(times["exp"]),
            "resource": resource,
            "token_type": "Bearer",
        }
        allowed = self.headers["X-IDENTITY-HEADER"] == SECRET_HEADER
        self.send_response(200 if allowed else 400)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(answer if allowed else {"error": "unknown"}).encode())

    def log_message(self, *_: object) -> None:
        """Not into the tests' output."""


@contextmanager
def managed_identity() -> Iterator[dict[str, str]]:
    """The variables that Azure sets on such a machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield {
            "IDENTITY_ENDPOINT": f"http://127.0.0.1:{server.server_port}/token",
            "IDENTITY_HEADER": SECRET_HEADER,
        }
        server.shutdown()
        thread.join()


def _encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
