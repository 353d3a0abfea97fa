"""The code package of a function: which of the user's own modules it needs, as archives."""

from __future__ import annotations

import hashlib
import io
import os
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import ModuleType

from remotebatch.packing.archives import Archive, archive_of
from remotebatch.packing.exclusions import Exclusions, exclusions
from remotebatch.packing.included import included
from remotebatch.packing.ownership import (
    OURS,
    PROGRAMS,
    Location,
    has_installed,
    is_front,
    is_installed,
    locate,
    metadata_of,
    misplaced,
    places,
    roots,
)
from remotebatch.packing.registries import homes_in
from remotebatch_kernel.evaluation.user_code import Main
from remotebatch_kernel.formats import code_package
from remotebatch_kernel.formats.code_package import Description, Root


@dataclass(frozen=True)
class CodePackage:
    """The user's own modules that a function needs."""

    description: Description
    archives: dict[str, Archive]
    """By their digests."""
    found: dict[Location, Archive]
    """What is in it."""
    registrations: list[tuple[str, str]]
    """Modules in it, and others in it that have put something of theirs into them."""
    touched: list[str]
    """Modules in it that hold something of the script."""

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
        origins = [root.origin for root in self.description.roots]
        return f"{origins.index(location.root)}/{location.place}"


def collect(
    names: Iterable[str],
    main: Location | None,
    include: Iterable[str | os.PathLike[str]] = (),
    exclude: Sequence[str] = (),
    beside: Location | None = None,
) -> CodePackage | None:
    """Collect modules, and the user's own modules that these import in turn.

    :param names: modules to begin with.
    :param main: the script's own file, if it is needed.
    :param include: what travels in any case, as the setting of that name says.
    :param exclude: what is left out, as the setting of that name says.
    :param beside: the script's file, needed or not, beside which there may be files to include.
    :returns: None if none of them is the user's own.
    :raises CannotSend: if a package is too large, or a file cannot be read.
    :raises InvalidSetting: if something to include is not there.
    """
    collected = _Collected(exclude)
    if main is not None:
        collected.take(main, exclusions(()))
    collected.follow(names)
    for location in included(include, beside, list(collected.found)):
        collected.take(location)
    collected.follow(())
    return _package(collected) if collected.found else None


class _Collected:
    """What has been collected so far."""

    def __init__(self, exclude: Sequence[str]) -> None:
        self.found: dict[Location, Archive] = {}
        self.registered: dict[tuple[str, str], None] = {}
        self._exclude = exclusions(tuple(exclude))
        self._seen: set[str] = set()
        self._waiting: list[str] = []
        self._loaded: dict[str, list[tuple[str, ModuleType]]] = {}
        for name, module in list(sys.modules.items()):
            if type(module) is ModuleType:
                self._loaded.setdefault(name.partition(".")[0], []).append((name, module))

    def take(self, location: Location, leave_out: Exclusions | None = None) -> None:
        """Take an archive of something, and note what that imports."""
        if location not in self.found:
            archive = self.found[location] = archive_of(location, leave_out or self._exclude)
            self._waiting += archive.imports

    def follow(self, names: Iterable[str]) -> None:
        """Take modules and what they import, and what is noted already."""
        self._waiting += names
        while self._waiting:
            name = self._waiting.pop()
            package = name.partition(".")[0]
            if package not in self._seen:
                self._seen.add(package)
                self._follow_package(package)

    def _follow_package(self, package: str) -> None:
        if package in OURS:
            return
        all_places = places(package)
        own = [
            location
            for location in all_places
            if not is_installed(location)
            and not self._exclude.name(os.path.basename(location.path), location.place)
        ]
        for location in own:
            for part in (location, *metadata_of(location)):
                self.take(part)
        if not own and (all_places or package in _NEVER_OWN):
            return
        imports = {package}.union(*(self.found[location].imports for location in own))
        for name, module in self._loaded.get(package, ()):
            homes = homes_in(name, module)
            unseen = {home for home in homes.held if home.partition(".")[0] not in imports}
            self.registered |= {(name, home): None for home in sorted(homes.collected | unseen)}
            self._waiting += sorted(homes.held | homes.collected)
            if name != package and (odd := misplaced(name)) is not None:
                self.take(odd)


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


def _package(collected: _Collected) -> CodePackage:
    found = collected.found
    order = roots()
    archives: dict[str, list[str]] = {}
    for location, archive in sorted(found.items(), key=lambda item: (item[0].root, item[0].place)):
        archives.setdefault(location.root, []).append(archive.digest)
    described = [
        Root(root, is_front(root, order), archives[root], has_installed(root))
        for root in sorted(archives, key=lambda root: (order.get(root, len(sys.path)), root))
    ]
    origins = [root.origin for root in described]
    names = {
        location.module: f"{origins.index(location.root)}/{location.place}"
        for location in found
        if location.module is not None
    }
    content = [[(root.front, root.archives) for root in described], sorted(names.items())]
    digest = hashlib.sha256(repr(content).encode()).hexdigest()
    platform = sysconfig.get_platform() if any(archive.compiled for archive in found.values()) else ""
    own = {location.name.partition(".")[0] for location in found}
    return CodePackage(
        Description(digest, described, platform, names),
        {archive.digest: archive for archive in found.values()},
        found,
        [pair for pair in collected.registered if pair[1].partition(".")[0] in own],
        [name for name, home in collected.registered if home == "__main__" and name.partition(".")[0] in own],
    )


_NEVER_OWN = sys.stdlib_module_names | PROGRAMS
