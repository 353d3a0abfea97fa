"""Each measurement in a fresh process and a fresh directory, so that none sees what another left.

Nothing is deleted between measurements, for that slows the making of files for a while after.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

_HERE = Path(__file__).resolve().parent
_TIMEOUT = 600.0


class NotMeasured(Exception):
    """Why there is no figure, in a few words."""


class Bench:
    """Runs measurements, all of them under one directory."""

    def __init__(self, directory: Path, cpus: int) -> None:
        self.directory = directory
        self.cpus = cpus
        self._runs = 0

    def measure(self, function: str, timeout: float = _TIMEOUT, **arguments: Any) -> Any:
        """Call ``module:function(directory=…, cpus=…, **arguments)`` in a process of its own.

        :param timeout: the longest that it may take, in seconds.
        :returns: what it returned, by way of JSON.
        :raises NotMeasured: if something is not installed, it failed, or it took too long.
        """
        self._runs += 1
        directory = self.directory / str(self._runs)
        directory.mkdir()
        given = {"directory": str(directory), "cpus": self.cpus, **arguments}
        answer = directory / "answer.json"
        programs = os.path.dirname(sys.executable)  # where Parsl looks for its own
        environment = {
            **os.environ,
            "PYTHONPATH": str(_HERE),
            "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        }
        with open(directory / "output.txt", "wb") as output:
            process = subprocess.Popen(
                [sys.executable, __file__, function, json.dumps(given), str(answer)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=directory,
                env=environment,
                start_new_session=True,
            )
            try:
                code = process.wait(timeout)
            except subprocess.TimeoutExpired:
                raise NotMeasured(f"took over {timeout:.0f} s") from None
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
        if answer.exists():
            reported = json.loads(answer.read_text())
            if "value" in reported:
                return reported["value"]
            raise NotMeasured(reported["error"])
        raise NotMeasured(f"its process ended with {code}")


def _main(function: str, arguments: str, answer: str) -> int:
    module, _, name = function.partition(":")
    reported: dict[str, Any]
    try:
        reported = {"value": getattr(importlib.import_module(module), name)(**json.loads(arguments))}
    except ModuleNotFoundError as error:
        reported = {"error": f"not installed: {error.name}"}
    except Exception as error:
        reported = {"error": f"failed: {type(error).__name__}: {error}"}
    Path(answer).write_text(json.dumps(reported))
    return int("error" in reported)


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
