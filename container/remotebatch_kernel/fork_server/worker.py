"""The pre-forked worker: a process forked from the fork server that waits for one task, runs it, and ends.

Every task pays for what Python does here. Each object that is touched, if only to count a reference,
lies on a page of memory that is copied first. So this takes few steps, by direct system calls. What the
fork server has done in its warm-up touches less (see :mod:`.warm_up`).
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import pickle
import resource
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, NoReturn

from remotebatch_kernel.evaluation.task import Call, flush_streams, run_call
from remotebatch_kernel.fork_server import frames
from remotebatch_kernel.fork_server.exit_notices import ExitNotices
from remotebatch_kernel.formats import exit_codes
from remotebatch_kernel.hosts.input_files import place_files
from remotebatch_kernel.system import descriptors, fork_handlers, linux, sigterm

_STREAM_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_log_handlers = logging._handlerList  # type: ignore[attr-defined]
_own_log_handlers = list(_log_handlers)


class PreForkedWorker(NamedTuple):
    """A worker as the fork server knows it."""

    pid: int
    pipe: int
    """Where to write its task."""


def run_worker(
    pipe: int,
    foreign: Iterable[int],
    own: Iterable[int],
    channel: int,
    exit_notices: ExitNotices | None,
    warm_up: Callable[[], None] | None,
) -> NoReturn:
    """In the forked process: wait for a task, run it, and end.

    :param pipe: where the task arrives; closed with nothing written when there will be none.
    :param foreign: descriptors to close at once: those of other tasks and workers.
    :param own: the fork server's descriptors, which are closed before the task begins.
    :param channel: the fork server's socket, for a task that cannot be set up.
    :param warm_up: what to do while waiting.
    """
    code = exit_codes.SETUP_FAILED
    try:
        descriptors.close_all(foreign)
        linux.become_subreaper()
        if warm_up is not None:
            with contextlib.suppress(OSError):  # no room for its files: the task starts more slowly
                warm_up()
        text = descriptors.read_all(pipe)
        if not text:
            os._exit(exit_codes.SUCCESS)
        key, directory, log_directory, environment, memory_limit, files, argv, call = pickle.loads(text)
        try:
            os.setsid()
            enter(directory, log_directory, environment, memory_limit, files)
        except OSError as error:
            descriptors.write_all(channel, frames.pack(frames.SETUP_FAILED, key, text=str(error).encode()))
            os._exit(code)
        descriptors.close_all(own)
        if argv:
            code = _execute(argv)
        else:
            sigterm.let_through()  # from here on it can be heeded
            code = evaluate(call)
        finish_interpreter()
        # a thread that is left could still start a process
        if exit_notices is not None and threading.active_count() == 1 and not has_children():
            exit_notices.send(key, code)
    except sigterm.Terminated:
        code = exit_codes.TERMINATED
        flush_streams()
    except BaseException:  # nothing must return into the fork server's own code
        traceback.print_exc()
        flush_streams()
    finally:
        os._exit(code)


def enter(
    directory: str,
    log_directory: str,
    environment: dict[str, str],
    memory_limit: int | None,
    files: dict[str, str],
) -> None:
    """Make this process the task's: streams, directory, environment, limits.

    :raises OSError: if it cannot be.
    """
    for number, name in ((1, "/stdout.txt"), (2, "/stderr.txt")):
        stream = os.open(log_directory + name, _STREAM_FLAGS, 0o644)
        os.dup2(stream, number)
        os.close(stream)
    if files:
        place_files(directory, files)
    os.chdir(directory)
    for name, value in environment.items():
        os.environ[name] = value
    if memory_limit:
        resource.setrlimit(resource.RLIMIT_AS, (memory_limit, memory_limit))
    fork_handlers.become_task()


def evaluate(call: tuple[Any, ...]) -> int:
    """Evaluate a task's call.

    :returns: its exit code.
    """
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()  # every fork would draw the same numbers otherwise
    return run_call(Call(*call))


def has_children() -> bool:
    """Whether this process has any, ended ones included."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def finish_interpreter() -> None:
    """What leaving Python does that a user may count on, without tearing every module down."""
    if threading.active_count() > 1:
        wait_for_threads: Callable[[], None] = threading._shutdown  # type: ignore[attr-defined]
        wait_for_threads()  # as leaving Python does: it asks executors to end their threads first
    run_exit_handlers: Callable[[], None] = atexit._run_exitfuncs
    run_exit_handlers()
    if _log_handlers != _own_log_handlers:
        logging.shutdown()
    flush_streams()


def _execute(argv: list[str]) -> int:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    sigterm.let_through()
    try:
        os.execvpe(argv[0], argv, os.environ)
    except FileNotFoundError:
        print(f"remotebatch: no program {argv[0]!r} was found", file=sys.stderr, flush=True)
        return exit_codes.PROGRAM_NOT_FOUND
    except OSError as error:
        print(f"remotebatch: {argv[0]!r} cannot be run: {error}", file=sys.stderr, flush=True)
        return exit_codes.NOT_EXECUTABLE
