"""Working directories of tasks. One that a task leaves unchanged is used again."""

from __future__ import annotations

import os
import shutil
import threading
from queue import SimpleQueue

from remotebatch_kernel.evaluation.task import JOB_OUTPUT


class Scratch:
    """Hands out empty working directories under one root, each with an empty ``JobOutput`` in it."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._clean: list[str] = []
        self._made = 0
        self._as_made: list[int] = []
        self._trash: SimpleQueue[str | None] = SimpleQueue()
        self._remover = threading.Thread(target=self._remove_trash, name="scratch-remover", daemon=True)
        self._remover.start()
        for entry in os.listdir(root):  # of an earlier process
            self.remove(f"{root}/{entry}")

    def take(self) -> str:
        """An empty working directory."""
        if self._clean:
            return self._clean.pop()
        self._made += 1
        directory = f"{self._root}/{os.getpid()}-{self._made}"
        os.makedirs(f"{directory}/{JOB_OUTPUT}")
        self._as_made = _modes(directory)
        return directory

    def give_back(self, directory: str, outputs: str, keep: str | None) -> None:
        """Take a task's directory back.

        :param outputs: where its output files go; made only if there are any.
        :param keep: where the rest goes if there is any; None to remove it.
        """
        written = f"{directory}/{JOB_OUTPUT}"
        if _has_entries(written):
            os.makedirs(os.path.dirname(outputs), exist_ok=True)
            os.rename(written, outputs)
            os.mkdir(written)
        if os.listdir(directory) == [JOB_OUTPUT] and _modes(directory) == self._as_made:
            self._clean.append(directory)
        elif keep is not None:
            os.makedirs(os.path.dirname(keep), exist_ok=True)
            self.remove(keep)
            os.rename(directory, keep)
        else:
            self.remove(directory)

    def remove(self, path: str) -> None:
        """Remove a file or a tree, in the background."""
        if not os.path.lexists(path):
            return
        self._made += 1
        doomed = f"{self._root}/{os.getpid()}-{self._made}.trash"
        os.rename(path, doomed)
        self._trash.put(doomed)

    def close(self) -> None:
        """Finish removing."""
        self._trash.put(None)
        self._remover.join()

    def _remove_trash(self) -> None:
        while (path := self._trash.get()) is not None:
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path, ignore_errors=True)
            else:
                os.unlink(path)


def _modes(directory: str) -> list[int]:
    """Kinds and permissions of a working directory and its JobOutput, links not followed."""
    return [os.lstat(path).st_mode for path in (directory, f"{directory}/{JOB_OUTPUT}")]


def _has_entries(directory: str) -> bool:
    if os.path.islink(directory):
        return False  # made by a task; what it points to is not the task's output
    try:
        with os.scandir(directory) as entries:
            return any(True for _ in entries)
    except (FileNotFoundError, NotADirectoryError):  # the task removed or replaced it
        return False
