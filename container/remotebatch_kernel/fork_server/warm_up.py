"""The warm-up: all that a task does, done with a trivial function before the first task arrives.

The interpreter's caches fill and its code specializes, so that a task finds what it needs without a
search. Each search writes to memory, and a forked process must copy a page before it writes there. A
worker that warms up by itself has then already copied the pages that its task will write to.
"""

from __future__ import annotations

import os
import pickle
import sys
import warnings
from typing import Any

import cloudpickle

from remotebatch_kernel.evaluation.task import ELEMENT_VARIABLES, Call, flush_streams
from remotebatch_kernel.evaluation.user_code import Main
from remotebatch_kernel.fork_server import worker
from remotebatch_kernel.fork_server.exit_notices import ExitNotices
from remotebatch_kernel.fork_server.frames import Task
from remotebatch_kernel.formats import envelope, inputs
from remotebatch_kernel.system import descriptors, linux

_VARIABLE = "REMOTEBATCH_WARM_UP"


class WarmUp:
    """A trivial task, to be performed as often as wanted.

    :param directory: for its few files.
    :raises OSError: if there is no room for them.
    """

    def __init__(self, directory: str, exit_notices: ExitNotices) -> None:
        self._directory = directory
        self._exit_notices = exit_notices
        self._task = pickle.dumps(tuple(self._trivial_task()))

    def perform(self) -> None:
        """Do all that a task does except what cannot be undone; SIGTERM must be held back meanwhile.

        :raises OSError: if there is no room for what it writes.
        """
        directory, show_warning = os.getcwd(), warnings.showwarning
        streams = [os.dup(number) for number in (1, 2)]
        try:
            self._run()
        finally:
            warnings.showwarning = show_warning
            os.chdir(directory)
            for number, stream in zip((1, 2), streams):
                os.dup2(stream, number)
            descriptors.close_all(streams)
            for name in (_VARIABLE, *ELEMENT_VARIABLES):
                os.environ.pop(name, None)

    def _run(self) -> None:
        reading, writing = os.pipe()
        descriptors.write_all(writing, self._task)
        os.close(writing)
        linux.become_subreaper()
        key, directory, logs, environment, limit, files, _, call = pickle.loads(descriptors.read_all(reading))
        worker.enter(directory, logs, environment, limit, files)
        code = worker.evaluate(call)
        flush_streams()
        worker.has_children()
        self._exit_notices.send(key, code)

    def _trivial_task(self) -> Task:
        header: dict[str, Any] = {
            "name": "warm-up",
            "python": sys.version_info[:3],
            "code": None,
            "registrations": [],
            "main": Main(None, None, ""),
            "source_lines": {},
            "installed": [],
        }

        def trivial(number: int) -> int:  # within another function, and so pickled by value
            return abs(number)

        content: dict[str, Any] = {"function": trivial, "initializer": None}
        function, elements, result = (
            f"{self._directory}/{name}" for name in ("function", "inputs", "result")
        )
        envelope.write_atomically(function, envelope.pack(header, cloudpickle.dumps(content)))
        element = cloudpickle.dumps(((1,), {}))
        start = inputs.head_size(1)
        envelope.write_atomically(elements, inputs.pack_head([start, start + len(element)]) + element)
        return Task(
            key=0,  # no task has it
            directory=self._directory,
            log_directory=self._directory,
            environment={_VARIABLE: "1"},
            memory_limit=None,
            files={},
            argv=None,
            call=tuple(Call(function, elements, 0, 1, result)),
        )
