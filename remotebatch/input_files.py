"""The setting ``input_files``: which files it names."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from remotebatch.files import files_in


def expand(input_files: Mapping[str, Any]) -> dict[str, bytes | Path]:
    """Each file's name in the working directory, with its content or its path here.

    A folder stands for the files in it, under the name that is given. A pattern stands for the files that
    match it and those in the folders that match, under that name, as they lie below the last folder of the
    pattern that has no wildcard.

    :raises ValueError: if a name or a source is not allowed, if there is no such file, if a folder is empty
        or a pattern matches nothing, or if two files have the same place.
    """
    found: dict[str, bytes | Path] = {}
    origins: dict[str, str] = {}
    for name, source in input_files.items():
        _check_name(name)
        for inside, content in _sources(name, source):
            place = str(Path(name, inside))
            if place in found:
                raise ValueError(
                    f"input_files: {origins[place]!r} and {name!r} have a file in the same place, {place!r}"
                )
            _check_text(place)
            found[place], origins[place] = content, name
    _check_places(found)
    return found


def _sources(name: str, source: Any) -> Iterator[tuple[str, bytes | Path]]:
    """The files of an entry, with their paths below its name."""
    if isinstance(source, bytes):
        yield "", source
        return
    if not isinstance(source, (str, os.PathLike)):
        raise ValueError(f"input_files: {name!r} is a {type(source).__name__}; give a path or bytes")
    path = os.fspath(source)
    if os.path.isfile(path):
        yield "", Path(path)
    elif os.path.isdir(path):
        yield from _in_folder(name, path, path)
    elif glob.has_magic(path):
        yield from _matches(name, path)
    else:
        raise ValueError(f"input_files: {name!r}: {path!r} does not exist")


def _in_folder(name: str, folder: str, shown: str) -> Iterator[tuple[str, Path]]:
    empty = True
    try:
        for file in files_in(folder):
            empty = False
            yield file.name, Path(file.path)
    except OSError as error:
        raise ValueError(f"input_files: {name!r}: {shown!r} cannot be read: {error}") from error
    if empty:
        raise ValueError(f"input_files: {name!r}: there is no file in the folder {shown!r}")


def _matches(name: str, pattern: str) -> Iterator[tuple[str, Path]]:
    parts = Path(pattern).parts
    fixed = next(number for number, part in enumerate(parts) if glob.has_magic(part))
    base = str(Path(*parts[:fixed]))
    found: dict[str, Path] = {}
    for match in sorted(glob.glob(pattern, recursive=True)):
        inside = os.path.relpath(match, base)
        if os.path.isfile(match):
            found[inside] = Path(match)
        elif os.path.isdir(match):
            found.update(
                (os.path.normpath(f"{inside}/{file.name}"), Path(file.path)) for file in files_in(match)
            )
    if not found:
        raise ValueError(f"input_files: {name!r}: no file matches {pattern!r}")
    yield from found.items()


def _check_name(name: str) -> None:
    _check_text(name)
    path = Path(name)
    if path.parts[:1] == ("JobOutput",):
        raise ValueError(f"input_files: {name!r} lies in JobOutput, which is for what the task writes")
    if not name or path.is_absolute() or ".." in path.parts or path == Path("."):
        raise ValueError(
            f"input_files: {name!r} must be a relative path that stays inside the working directory"
        )


def _check_text(name: str) -> None:
    check_text("input_files", name, f"{name!r}")


def check_text(setting: str, text: str, what: str) -> None:
    """Refuse what no environment variable and no file name can hold."""
    if "\0" in text or (not text.isprintable() and any("\ud800" <= letter <= "\udfff" for letter in text)):
        raise ValueError(f"{setting}: {what} has a null character or half a surrogate pair in it")


def _check_places(names: Mapping[str, Any]) -> None:
    """Refuse a file where another has a directory."""
    places = {Path(name): name for name in names}
    for path, name in places.items():
        for parent in path.parents:
            if parent in places:
                raise ValueError(f"input_files: {places[parent]!r} is a file, so {name!r} cannot lie in it")
