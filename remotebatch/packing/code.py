"""The code package of a function: which of the user's own modules it needs, as archives."""

from __future__ import annotations

import hashlib
import io
import os
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from remotebatch.packing.archives import Archive, archive_of
from remotebatch.packing.ownership import Location, locate
from remotebatch.packing.registries import registrations
from remotebatch_kernel.evaluation.user_code import Main
from remotebatch_kernel.formats import code_package
from remotebatch_kernel.formats.code_package import Description, Root


@dataclass(frozen=True)
class CodePackage:
    """The user's own modules that a function needs."""

    description: Description
    archives: dict[str, Archive]
    """By their digests."""
    registrations: list[tuple[str, str]]
    """Modules in it, and others in it that have put something of theirs into them."""

    def lay(self, tree: str) -> None:
        """Lay it out as a tree, unless that is there.

        :raises OSError: if that is not possible.
        """
        roots = (
            [io.BytesIO(self.archives[digest].data) for digest in root.archives]
            for root in self.description.roots
        )
        code_package.lay(tree, roots)

    def path_of(self, location: Location) -> str:
        """Path of a location in the tree."""
        roots = [root.origin for root in self.description.roots]
        return f"{roots.index(location.root)}/{os.path.basename(location.path)}"


def collect(names: Iterable[str], main: Location | None, exclude: Sequence[str]) -> CodePackage | None:
    """Collect modules, and the user's own modules that these import in turn.

    :param names: modules to begin with.
    :param main: the script's own file, if it is needed.
    :returns: None if none of them is the user's own.
    :raises CannotSend: if a package is too large.
    :raises OSError: if a file cannot be read.
    """
    found: dict[Location, Archive] = {}
    registered: dict[tuple[str, str], None] = {}
    seen: set[str] = set()
    waiting = [name.partition(".")[0] for name in names]
    if main is not None:
        found[main] = archive_of(main)
        waiting += found[main].imports
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        for location in locate(name):
            archive = found[location] = archive_of(location, exclude)
            waiting += archive.imports
            for module, home in registrations(name):
                registered[module, home] = None
                waiting.append(home.partition(".")[0])
    if not found:
        return None
    own = {location.name for location in found}
    kept = [pair for pair in registered if pair[1].partition(".")[0] in own]
    return CodePackage(_describe(found), {archive.digest: archive for archive in found.values()}, kept)


def script() -> tuple[Main, Location | None]:
    """What ``__main__`` is here, and its file if it is the user's own."""
    module = sys.modules.get("__main__")
    argv = sys.argv[0] if sys.argv else ""
    file, spec = getattr(module, "__file__", None), getattr(module, "__spec__", None)
    if spec is not None:
        name = spec.name
        return Main(None, name if locate(name.partition(".")[0]) else None, argv), None
    if file is None or not os.path.isfile(file) or not file.endswith(".py"):
        return Main(None, None, argv), None
    path = os.path.abspath(file)
    return Main(None, None, argv), Location(os.path.basename(path), os.path.dirname(path), path, False)


def _describe(found: dict[Location, Archive]) -> Description:
    order = {os.path.abspath(path): place for place, path in reversed(list(enumerate(sys.path)))}
    library = min((order[path] for path in order if path in _library()), default=0)
    roots: dict[str, list[str]] = {}
    for location, archive in sorted(found.items(), key=lambda item: (item[0].root, item[0].name)):
        roots.setdefault(location.root, []).append(archive.digest)
    described = [
        Root(root, order.get(root, len(sys.path)) < library, roots[root])
        for root in sorted(roots, key=lambda root: (order.get(root, len(sys.path)), root))
    ]
    digest = hashlib.sha256(repr([(root.front, root.archives) for root in described]).encode()).hexdigest()
    platform = sysconfig.get_platform() if any(archive.compiled for archive in found.values()) else ""
    return Description(digest, described, platform)


def _library() -> set[str]:
    return {os.path.dirname(os.__file__), *(sysconfig.get_path(key) for key in ("stdlib", "platstdlib"))}
