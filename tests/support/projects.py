"""Small projects of a user's, run as scripts that submit to Local."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

_PRELUDE = """
import sys
import remotebatch
env = remotebatch.SubmissionEnvironment("Local", root={root!r}, slots=2)
def same(function, *args, **options):
    "What a call gives here, having given the same in a task."
    here = function(*args)
    there = env.options(**options).submit(function, *args).result(60)
    assert repr(here) == repr(there), (here, there)
    return here
"""


class Project:
    """A folder of the user's.

    :param root: root of the Local environment that its scripts submit to.
    """

    def __init__(self, folder: Path, root: str) -> None:
        self.folder = folder
        self.root = root
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, files: Mapping[str, str | bytes], under: Path | None = None) -> None:
        """Write files, by their paths relative to the folder, or to another."""
        for name, content in files.items():
            path = (under or self.folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)

    def run(
        self, script: str, *arguments: str, path: list[Path] | None = None, python: str = sys.executable
    ) -> str:
        """Run a script beside the project's files; ``env`` and ``same`` are there for it.

        :param path: PYTHONPATH.
        :param python: the interpreter.
        :returns: what it printed.
        """
        (self.folder / "main.py").write_text(_PRELUDE.format(root=self.root) + script)
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        if path:
            environment["PYTHONPATH"] = os.pathsep.join(map(str, path))
        done = subprocess.run(
            [python, str(self.folder / "main.py"), *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def forget_modules(folder: Path) -> None:
    """Have modules that were imported from a folder be imported anew."""
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(f"{folder}/"):
            del sys.modules[name]


def distribution(name: str, files: dict[str, str], recorded: bool = True) -> dict[str, str | bytes]:
    """The files of an installed distribution, with its metadata.

    :param recorded: whether it lists its files.
    """
    information = f"{name}-1.0.dist-info"
    metadata = {f"{information}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"}
    listed = {*files, *metadata, f"{information}/RECORD"}
    record = "".join(f"{file},sha256=abc,1\n" for file in sorted(listed))
    return {**files, **metadata, **({f"{information}/RECORD": record} if recorded else {})}
