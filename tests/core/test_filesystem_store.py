"""The store in a file system: each object once, whole or absent."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path
from typing import IO

import pytest

from remotebatch.storage.filesystem import FilesystemStore, write_new


@pytest.fixture
def store(tmp_path: Path) -> FilesystemStore:
    store = FilesystemStore(str(tmp_path / "objects"))
    store.prepare(["functions", "files"])
    return store


def names(store: FilesystemStore, kind: str) -> list[str]:
    return sorted(os.listdir(f"{store.root}/{kind}"))


def test_is_prepared_again_without_harm(store: FilesystemStore) -> None:
    store.put("files", "digest", lambda: b"content")
    store.prepare(["files", "kernels"])
    assert names(store, "files") == ["digest"]
    assert names(store, "kernels") == []


def test_bytes_are_made_only_once(store: FilesystemStore) -> None:
    made = []

    def make() -> bytes:
        made.append(1)
        return b"content"

    path = store.put("functions", "digest", make)
    assert store.put("functions", "digest", make) == path == store.path("functions", "digest")
    assert Path(path).read_bytes() == b"content"
    assert len(made) == 1


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (1 << 21) + 5])
def test_a_file_is_named_by_its_content(store: FilesystemStore, tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    source = tmp_path / "source"
    source.write_bytes(content)
    digest = store.put_file("files", source)
    assert digest == store.put_file("files", content) == hashlib.sha256(content).hexdigest()
    assert names(store, "files") == [digest]
    assert Path(store.path("files", digest)).read_bytes() == content


def test_a_failed_write_leaves_nothing(store: FilesystemStore, tmp_path: Path) -> None:
    def half(file: IO[bytes]) -> None:
        file.write(b"half of it")
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        write_new(store.path("files", "digest"), half)
    assert names(store, "files") == []
    with pytest.raises(FileNotFoundError):
        store.put_file("files", tmp_path / "missing")


def test_many_writers_at_once(store: FilesystemStore) -> None:
    content = b"x" * 100_000
    threads = [threading.Thread(target=store.put_file, args=("files", content)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [name] = names(store, "files")
    assert Path(store.path("files", name)).read_bytes() == content
