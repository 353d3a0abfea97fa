"""File patterns: which files of a task `filePattern` means, and what they are called where they go."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})", re.ASCII)
_WILDCARD = re.compile(r"[*?[]")
_ESCAPED = re.compile(r"\[([*?[])\]")
_ANY_DIRECTORY = "**"


class Match(NamedTuple):
    """A file that a pattern means."""

    path: str
    name: str
    """Its path below the part of the pattern that has no wildcards; its file name if there are none."""


class FilePattern:
    """A pattern as the documentation of `OutputFile.filePattern` has it, on a Linux node.

    `*`, `?`, `[a-c]` and `[!a-c]` match within one name, `**` any number of directories. What begins with
    a dot is matched only by what begins with a dot. A wildcard in brackets stands for itself. The way `**`
    goes follows no symbolic links, so that it always ends.
    """

    def __init__(self, pattern: str, wd: str, environment: Mapping[str, str]) -> None:
        whole = os.path.join(_escape(wd), _expand(pattern, environment))
        segments = [segment for segment in whole.split("/") if segment not in ("", ".")]
        plain = 0
        while plain < len(segments) and not _has_wildcard(segments[plain]):
            plain += 1
        self.has_wildcard = plain < len(segments)
        fixed = os.path.normpath("/" + "/".join(map(_literal, segments[:plain])))
        self.base, name = (fixed, "") if self.has_wildcard else os.path.split(fixed)
        self._segments = segments[plain:] if self.has_wildcard else [_escape(name)]

    def find(self) -> list[Match]:
        """The regular files that match now, by name."""
        return [Match(os.path.join(self.base, name), name) for name in sorted(set(self._names()))]

    def _names(self) -> Iterator[str]:
        """Paths below the base, some perhaps twice. A loop, as directories may be nested without end."""
        pending = [("", self._segments)]
        while pending:
            directory, segments = pending.pop()
            first, rest = segments[0], segments[1:]
            entries = _entries(self.base, directory)
            if first == _ANY_DIRECTORY:
                pending.append((directory, rest or ["*"]))  # at the end it means all files below
                pending += (
                    (os.path.join(directory, entry.name), segments)
                    for entry in entries
                    if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)
                )
                continue
            matches = re.compile(fnmatch.translate(first)).match
            for entry in entries:
                if not matches(entry.name) or (entry.name.startswith(".") and not first.startswith(".")):
                    continue
                path = os.path.join(directory, entry.name)
                if rest and os.path.isdir(entry.path):
                    pending.append((path, rest))
                elif not rest and os.path.isfile(entry.path):
                    yield path


def _entries(base: str, directory: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(os.path.join(base, directory)) as entries:
            return list(entries)
    except OSError:
        return []  # not there, or not to be read: no file in it matches


def _expand(pattern: str, environment: Mapping[str, str]) -> str:
    """Replace `$NAME` and `${NAME}`; unknown variables stay as they are."""

    def value(reference: re.Match[str]) -> str:
        name = reference[1] or reference[2]
        text = environment.get(name, reference[0])
        # On Azure the node's own directories hold no wildcards; here they lie anywhere.
        return _escape(text) if name.startswith("AZ_BATCH_") and name in environment else text

    return _VARIABLE.sub(value, pattern)


def _has_wildcard(segment: str) -> bool:
    return _WILDCARD.search(_ESCAPED.sub("", segment)) is not None


def _escape(text: str) -> str:
    return _WILDCARD.sub(r"[\g<0>]", text)


def _literal(segment: str) -> str:
    return _ESCAPED.sub(r"\1", segment)
