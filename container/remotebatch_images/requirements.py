"""Requirements files: which files they name on disk, as pip reads them."""

from __future__ import annotations

import argparse
import os
import re
import shlex
from pathlib import Path

from remotebatch.errors import InvalidSetting

_NEVER_SENT = ("**/.git", "**/.venv", "**/__pycache__")
_ARCHIVES = (".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_COMMENT = re.compile(r"(^|\s)#.*")


def files_named(requirements: Path) -> set[str]:
    """Paths, relative to a requirements file's directory, of itself and of all that it names on disk.

    :raises InvalidSetting: if it cannot be read, or names what does not exist or lies elsewhere.
    """
    root = requirements.parent
    files: set[str] = set()
    unread = [requirements]
    while unread:
        file = unread.pop()
        files.add(_relative(file, root, file))
        further, paths = _named_in(file, root)
        unread += [path for path in further if _relative(path, root, file) not in files]
        for path in paths:
            files |= _contents(path, root) if path.is_dir() else {_relative(path, root, file)}
    return files


def _named_in(file: Path, root: Path) -> tuple[list[Path], list[Path]]:
    """What a requirements file names on disk: further requirements files; wheels, projects, directories."""
    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSetting(f"the requirements cannot be read: {error}") from error
    further: list[Path] = []
    paths: list[Path] = []
    for line in text.replace("\\\n", "").splitlines():
        try:
            options, rest = _OPTIONS.parse_known_args(shlex.split(_COMMENT.sub("", line)))
        except (ValueError, argparse.ArgumentError) as error:
            raise InvalidSetting(f"{file}: {line.strip()!r}: {error}") from None
        # as pip looks for them: further files beside the one that names them, packages where it runs
        further += [file.parent / name for name in options.requirement + options.constraint if _is_here(name)]
        paths += [file.parent / name for name in options.find_links if _is_here(name)]
        packages = options.editable + [word for word in rest if _is_path(word)]
        paths += [root / name.partition("[")[0] for name in packages if _is_here(name)]
    return further, paths


def _options() -> argparse.ArgumentParser:
    """pip's options that name files."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for short, long in (
        ("-r", "requirement"),
        ("-c", "constraint"),
        ("-f", "find-links"),
        ("-e", "editable"),
    ):
        parser.add_argument(short, f"--{long}", action="append", default=[])
    return parser


_OPTIONS = _options()


def _is_here(name: str) -> bool:
    return "://" not in name


def _is_path(word: str) -> bool:
    """Whether a word of a requirements file is a path, by pip's own rule."""
    path = word.partition("[")[0]
    return not word.startswith("-") and (word.startswith(".") or os.sep in path or path.endswith(_ARCHIVES))


def _relative(path: Path, root: Path, named_by: Path) -> str:
    inside = os.path.relpath(path, root)
    if inside == os.pardir or inside.startswith(os.pardir + os.sep):
        raise InvalidSetting(f"{named_by} names {path}, which must lie in {root} or below to be in the image")
    if not path.exists():
        raise InvalidSetting(f"{named_by} names {path}, which does not exist")
    return inside


def _contents(directory: Path, root: Path) -> set[str]:
    """All that is below a directory, except what its ``.dockerignore`` excludes."""
    from docker.utils.build import exclude_paths

    inside = _relative(directory, root, directory)
    patterns = list(_NEVER_SENT)
    ignore = directory / ".dockerignore"
    if ignore.is_file():
        patterns += [
            line.strip() for line in ignore.read_text().splitlines() if _COMMENT.sub("", line).strip()
        ]
    return {os.path.normpath(os.path.join(inside, path)) for path in exclude_paths(str(directory), patterns)}
