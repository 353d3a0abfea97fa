"""A real container registry, of the Distribution project, with one user."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

from azurebatch_emulator.process.addresses import free_ports
from tests.support.batch import wait_for

USER = "pusher"
PASSWORD = "open-sesame"
_HTPASSWD = f"{USER}:$2b$04$R56yDfJ7Y40rp1aYpNCTG.UoQqOICBS3gh37II5eDhwyNP5SKa/zC\n"
_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


@dataclass(frozen=True)
class StoringRegistry:
    """A registry; Docker trusts those on its own machine without TLS."""

    server: str

    def login(self, home: Path, password: str = PASSWORD) -> dict[str, str]:
        """Log Docker in, as ``docker login`` does; return the variable that says where."""
        token = base64.b64encode(f"{USER}:{password}".encode()).decode()
        home.mkdir(exist_ok=True)
        (home / "config.json").write_text(json.dumps({"auths": {self.server: {"auth": token}}}))
        return {"DOCKER_CONFIG": str(home)}

    def digest(self, repository: str, tag: str) -> str:
        """Digest of an image that is here."""
        token = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        request = Request(
            f"http://{self.server}/v2/{repository}/manifests/{tag}",
            headers={"Authorization": f"Basic {token}", "Accept": _MANIFEST},
        )
        with urlopen(request) as answer:
            return str(answer.headers["Docker-Content-Digest"])

    def answers(self) -> bool:
        try:
            with urlopen(f"http://{self.server}/"):
                return True
        except URLError:
            return False


@contextmanager
def storing_registry(directory: Path) -> Iterator[StoringRegistry]:
    """Run a registry that keeps its images in a directory."""
    registry = StoringRegistry(f"127.0.0.1:{free_ports(1)[0]}")
    (directory / "htpasswd").write_text(_HTPASSWD)
    configuration = directory / "config.json"  # JSON is YAML
    configuration.write_text(
        json.dumps(
            {
                "version": 0.1,
                "storage": {"filesystem": {"rootdirectory": str(directory / "images")}},
                "http": {"addr": registry.server},
                "auth": {"htpasswd": {"realm": "test", "path": str(directory / "htpasswd")}},
            }
        )
    )
    with (directory / "log").open("w") as log:
        program = ["docker-registry", "serve", str(configuration)]
        with subprocess.Popen(program, stdout=log, stderr=subprocess.STDOUT) as process:
            try:
                wait_for(registry.answers)
                yield registry
            finally:
                process.terminate()
