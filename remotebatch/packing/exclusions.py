"""What of the user's packages and folders does not travel."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

_USELESS = (
    "__pycache__",
    "*.pyo",
    ".git",
    ".hg",
    ".svn",
    ".tox",
    ".nox",
    ".venv",
    ".*_cache",
    ".ipynb_checkpoints",
    ".DS_Store",
    "node_modules",
    "*.egg-info",
)
"""Names of files and folders, as :mod:`fnmatch` reads them."""
_SECRET_FOLDERS = (".aws", ".azure", ".docker", ".gnupg", ".kube", ".ssh")
_SECRET_FILES = (
    ".env",
    ".env.*",
    ".envrc",
    ".git-credentials",
    ".htpasswd",
    ".netrc",
    ".pgpass",
    ".pypirc",
    "*.pem",
    "*.key",
    "*.p12",
    "*.pfx",
    "*.jks",
    "*.kdbx",
    "*.keystore",
    "id_dsa*",
    "id_ecdsa*",
    "id_ed25519*",
    "id_rsa*",
    "credentials",
    "*credentials.json",
    "credentials.ini",
    "credentials.toml",
    "credentials.y*ml",
    "secrets.env",
    "secrets.ini",
    "secrets.json",
    "secrets.toml",
    "secrets.y*ml",
)
"""Names of files. A module is never among them, whatever its name."""
_MODULES = (".py", ".pyi", ".so")
_MARKS = ("pyvenv.cfg", "conda-meta")
"""What only virtual environments have in their folders."""


class Exclusions:
    """Decides what of a folder stays here.

    :param patterns: the user's own. One without a slash is the name of files and folders wherever they are;
        one with a slash is a path relative to the directory on ``sys.path``. ``**/`` stands for any folders.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        self.patterns = tuple(patterns)
        plain = [pattern.removeprefix("./").rstrip("/") for pattern in patterns]
        self._names = _any_of(pattern for pattern in plain if "/" not in pattern)
        paths = [pattern for pattern in plain if "/" in pattern]
        self._paths = _any_of([*paths, *(pattern.replace("**/", "") for pattern in paths)])

    def name(self, name: str, path: str) -> bool:
        """Whether the user excluded a file or folder by its name, or by its path relative to the root."""
        return self._names(name) is not None or self._paths(path) is not None

    def entry(self, entry: os.DirEntry[str], path: str, is_folder: bool) -> bool:
        """Whether a file or folder is left out; see :func:`remotebatch.files.files_in`."""
        name = entry.name
        if _useless(name) or self._names(name) or self._paths(path):
            return True
        if is_folder:
            return bool(_secret_folder(name)) or any(
                os.path.exists(f"{entry.path}/{mark}") for mark in _MARKS
            )
        if name.endswith(".pyc"):  # unless it is a module without source
            return os.path.exists(entry.path[:-1])
        return not name.endswith(_MODULES) and _secret_file(name) is not None


Match = Callable[[str], "re.Match[str] | None"]


def _any_of(patterns: Iterable[str]) -> Match:
    translated = "|".join(fnmatch.translate(pattern) for pattern in patterns)
    return re.compile(translated or "(?!)").match


_useless = _any_of(_USELESS)
_secret_folder = _any_of(_SECRET_FOLDERS)
_secret_file = _any_of(_SECRET_FILES)


@lru_cache(maxsize=64)
def exclusions(patterns: tuple[str, ...]) -> Exclusions:
    """The exclusions of a job, compiled once."""
    return Exclusions(patterns)
