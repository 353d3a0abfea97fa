"""What every task does, done with a trifle before any task is there.

The interpreter's caches fill and its code specializes, so that a task finds what it needs without a
search; each search writes to memory, which a forked copy must copy first. A copy that has the time for a
rehearsal of its own has then copied what its task will write to.
"""

from __future__ import annotations

import os
import pickle
import sys
import warnings
from typing import Any

import cloudpickle

from remotebatch_kernel.evaluation.task import Call, flush_streams
from remotebatch_kernel.fork_server import worker as spare
from remotebatch_kernel.fork_server.exit_notices import Farewells
from remotebatch_kernel.fork_server.frames import Task
from remotebatch_kernel.formats import envelope, inputs
from remotebatch_kernel.system import descriptors, linux

_VARIABLE = "REMOTEBATCH_REHEARSAL"


class Rehearsal:
    """A task that nobody waits for.

    :param directory: for its few files.
    :raises OSError: if there is no room for them.
    """

    def __init__(self, directory: str, farewells: Farewells) -> None:
        self._directory = directory
        self._farewells = farewells
        self._task = pickle.dumps(tuple(self._trifle()))

    def perform(self) -> None:
        """Do all that a task does save what cannot be undone; SIGTERM is to be held back meanwhile.

        :raises OSError: if there is no room for what it writes.
        """
        directory, show_warning = os.getcwd(), warnings.showwarning
        streams = [os.dup(number) for number in (1, 2)]
        try:
            self._live()
        finally:
            warnings.showwarning = show_warning
            os.chdir(directory)
            for number, stream in zip((1, 2), streams):
                os.dup2(stream, number)
            descriptors.close_all(streams)
            os.environ.pop(_VARIABLE, None)

    def _live(self) -> None:
        reading, writing = os.pipe()
        descriptors.write_all(writing, self._task)
        os.close(writing)
        linux.become_subreaper()
        key, directory, logs, environment, limit, files, _, call = pickle.loads(descriptors.read_all(reading))
        spare.enter(directory, logs, environment, limit, files)
        code = spare.evaluate(call)
        flush_streams()
        spare.has_children()
        self._farewells.send(key, code)

    def _trifle(self) -> Task:
        header = {"name": "rehearsal", "python": sys.version_info[:3]}

        def trifle(number: int) -> int:  # within another function, and so it travels by value
            return abs(number)

        content: dict[str, Any] = {"function": trifle, "initializer": None, "modules": {}, "source_lines": {}}
        function, elements, result = (
            f"{self._directory}/{name}" for name in ("function", "inputs", "result")
        )
        envelope.write_atomically(function, envelope.pack(header, cloudpickle.dumps(content)))
        element = cloudpickle.dumps(((1,), {}))
        start = inputs.head_size(1)
        envelope.write_atomically(elements, inputs.pack_head([start, start + len(element)]) + element)
        return Task(
            key=0,  # nobody's
            directory=self._directory,
            log_directory=self._directory,
            environment={_VARIABLE: "1"},
            memory_limit=None,
            files={},
            argv=None,
            call=tuple(Call(function, elements, 0, 1, result)),
        )
