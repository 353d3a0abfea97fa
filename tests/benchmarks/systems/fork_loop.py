"""A bare ``os.fork`` for each task: the floor for tasks with a process and files of their own.

Each task gets its own directory, session and stream files, unpickles function and argument, and
writes its result to a file that is either whole or absent. There is no queue, no journal, no exit
code kept, nothing reported.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import cloudpickle
import noop


class ForkLoop:
    """Forks with at most ``width`` tasks at once."""

    def __init__(self, directory: str, width: int) -> None:
        self._directory = directory
        self._width = width
        self._batches = 0
        cloudpickle.register_pickle_by_value(noop)  # as remotebatch sends what is not installed

    def call(self, element: int) -> int:
        return self._run([element])[0]

    def map(self, count: int) -> list[int]:
        return self._run(range(count))

    def _run(self, elements: list[int] | range) -> list[int]:
        self._batches += 1
        batch = f"{self._directory}/{self._batches}"
        os.mkdir(batch)
        function = cloudpickle.dumps(noop.noop)
        running = 0
        for index, element in enumerate(elements):
            if running == self._width:
                _await_one()
                running -= 1
            argument = cloudpickle.dumps(element)
            if os.fork() == 0:
                _become_task(f"{batch}/{index}", function, argument)
            running += 1
        for _ in range(running):
            _await_one()
        return [_read(f"{batch}/{index}/result") for index in range(len(elements))]


def _become_task(directory: str, function: bytes, argument: bytes) -> NoReturn:
    code = 1
    try:
        os.setsid()
        os.mkdir(directory)
        for number, name in ((1, "stdout.txt"), (2, "stderr.txt")):
            stream = os.open(f"{directory}/{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            os.dup2(stream, number)
            os.close(stream)
        os.chdir(directory)
        value = pickle.loads(function)(pickle.loads(argument))
        with open("result.new", "wb") as file:
            file.write(cloudpickle.dumps(value))
        os.rename("result.new", "result")
        code = 0
    finally:
        os._exit(code)


def _await_one() -> None:
    _, status = os.wait()
    if status != 0:
        raise RuntimeError(f"a task ended with {os.waitstatus_to_exitcode(status)}")


def _read(path: str) -> int:
    with open(path, "rb") as file:
        value: int = pickle.load(file)
    return value


@contextmanager
def started(directory: str, cpus: int) -> Iterator[ForkLoop]:
    yield ForkLoop(directory, cpus)
