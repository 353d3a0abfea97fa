"""The code package of a function as objects to be stored, and fetched once by each node.

Up to :data:`MOST` archives are an object each. Azure takes 32,768 characters of resource files, each of which
has a signed URL: 50 to 80 of them. Of more archives, as a project of 60 top-level modules has, several lie in
one object: each in that which the name of its package or module chooses. So a change of one still stores one
object, with the few that lie beside it. The job's metadata name all of its objects: 1.8 KB at most.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections import defaultdict

from remotebatch.packing.archives import Archive
from remotebatch.packing.code import CodePackage

MOST = 24
"""Objects that a code package has at most."""
_EPOCH = (1980, 1, 1, 0, 0, 0)  # zip's earliest


def code_objects(code: CodePackage | None) -> dict[str, bytes]:
    """Digest → content of the objects of a code package."""
    if code is None:
        return {}
    if len(code.archives) <= MOST:
        return {digest: archive.data for digest, archive in code.archives.items()}
    groups: dict[int, list[Archive]] = defaultdict(list)
    for archive in code.archives.values():
        groups[_group(archive)].append(archive)
    return dict(map(_as_one, groups.values()))


def _group(archive: Archive) -> int:
    with zipfile.ZipFile(io.BytesIO(archive.data)) as files:
        first = next(iter(files.namelist()), "")
    return hashlib.sha256(first.partition("/")[0].encode()).digest()[0] % MOST


def _as_one(archives: list[Archive]) -> tuple[str, bytes]:
    if len(archives) == 1:
        return archives[0].digest, archives[0].data
    buffer = io.BytesIO()
    ordered = sorted(archives, key=lambda archive: archive.digest)
    with zipfile.ZipFile(buffer, "w") as bundle:
        for archive in ordered:
            bundle.writestr(zipfile.ZipInfo(archive.digest, _EPOCH), archive.data)
    return hashlib.sha256(
        " ".join(archive.digest for archive in ordered).encode()
    ).hexdigest(), buffer.getvalue()
