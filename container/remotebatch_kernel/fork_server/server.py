"""The fork server: one process that has imported what tasks need and forks a worker for each task.

The agent that started it speaks to it over a socket (see :mod:`.frames`). A task's description is read
only in the worker, because every page that the fork server itself touches between two forks is a page to
copy again.

Tasks share nothing but memory that is copied when written. What is loaded here, before the fork, is only
what every task would load first, and none of it is kept if it holds more than memory. When the agent goes
away, every task is killed with all its descendants.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import logging
import os
import select
import signal
import sys
from typing import NamedTuple, NoReturn

from remotebatch_kernel.evaluation import function
from remotebatch_kernel.evaluation.failure import KernelFailure
from remotebatch_kernel.evaluation.task import prepare_process
from remotebatch_kernel.evaluation.unreadable import RaisedAtImport
from remotebatch_kernel.fork_server import frames
from remotebatch_kernel.fork_server.exit_notices import ExitNotices
from remotebatch_kernel.fork_server.warm_up import WarmUp
from remotebatch_kernel.fork_server.watch import Watch
from remotebatch_kernel.fork_server.worker import PreForkedWorker, run_worker
from remotebatch_kernel.formats import exit_codes
from remotebatch_kernel.system import descriptors, linux, sigterm
from remotebatch_kernel.system.process_state import ProcessState

_STDERR = 2
_WORKERS_PER_TASK = 2


def serve(descriptor: int, scratch: str, function_path: str, code: str, modules: list[str]) -> int:
    """Serve the socket of that file descriptor until the agent closes it.

    :param scratch: directory for a few files of its own.
    :param function_path: function to load before the first fork; "" for none.
    :param code: the tree of its code package; "" if it has none.
    :param modules: modules to import before that.
    """
    os.environ.pop("LD_BIND_NOW", None)  # meant for this process alone
    inherited = _descriptors()
    state = ProcessState()
    before = _descriptors()
    again = [sys.executable, sys.argv[0], "serve", str(descriptor), scratch, "", ""]
    _import(modules)
    _close_archives()
    if _holds_more_than_memory(before) and (modules or function_path):
        _begin_again(descriptor, again, state, "holds threads or files")
    if function_path:
        reason = _load_ahead(function_path, code)
        _close_archives()
        if reason is None and _holds_more_than_memory(before):
            reason = "holds threads or files"
        if reason is not None:
            _begin_again(descriptor, [*again, *modules], state, reason)
    state.close()
    _ForkServer(descriptor, inherited, f"{scratch}/fork-server-{os.getpid()}").run()
    return 0


def _import(names: list[str]) -> None:
    for name in names:
        try:
            importlib.import_module(name)
        except Exception as error:  # the task meets it again and reports it where a user sees it
            print(f"fork server: cannot import {name}: {error!r}", file=sys.stderr)


def _load_ahead(path: str, code: str) -> str | None:
    """Load a function; return why it must not be kept, if so."""
    try:
        _import(function.standard_modules(path))
    except KernelFailure as failure:
        return failure.message
    readable = [directory for directory in (code, os.path.dirname(path)) if directory]
    with Watch((*readable, sys.prefix, sys.base_prefix)) as watch:
        try:
            function.load_ahead(path, code)
        except (KernelFailure, RaisedAtImport) as failure:  # the task meets it again
            return str(failure)
    return watch.noticed


def _begin_again(descriptor: int, arguments: list[str], state: ProcessState, reason: str) -> NoReturn:
    """Become a fork server that has loaded no function: each task loads for itself."""
    # not print: what was loaded may have replaced or closed the streams
    text = f"fork server: what was loaded {reason}; each task loads for itself\n"
    with contextlib.suppress(OSError):
        descriptors.write_all(_STDERR, text.encode(errors="backslashreplace"))
    state.begin_again(descriptor, arguments)


def _close_archives() -> None:
    """Modules that look up their own version leave this archive open in importlib.metadata's cache."""
    metadata = sys.modules.get("importlib.metadata")
    if metadata is not None:
        metadata.MetadataPathFinder().invalidate_caches()
        gc.collect()


def _holds_more_than_memory(before: list[int]) -> bool:
    """Whether loading has started threads or opened files.

    A worker would lack the threads but have their locks, and would share the files' positions with all
    other workers: then nothing is loaded ahead, and each task loads for itself.
    """
    return len(os.listdir("/proc/self/task")) > 1 or _descriptors() != before


def _descriptors() -> list[int]:
    """Open file descriptors beyond the standard streams."""
    found = [int(name) for name in os.listdir("/proc/self/fd")]
    return [number for number in found if number > _STDERR and os.path.exists(f"/proc/self/fd/{number}")]


class _Running(NamedTuple):
    """A worker that has been given its task."""

    key: int
    pid: int
    process: int
    """File descriptor of the process, readable when it has ended."""


class _ForkServer:
    def __init__(self, channel: int, inherited: list[int], directory: str) -> None:
        self._channel = channel
        self._own = inherited  # descriptors that no task may hold: the channel, the agent's lock
        self._directory = directory
        self._processes: dict[int, _Running] = {}  # by the descriptor of the process
        self._pids: dict[int, int] = {}  # key → pid, of tasks whose end has not been reported
        self._exit_notices: ExitNotices | None = None
        self._warm_up: WarmUp | None = None
        self._prefetched: dict[int, tuple[int, bytes]] = {}  # key → key and text of the task after it
        self._workers: list[PreForkedWorker] = []
        self._most_at_once = 1
        self._received = b""
        self._poll = select.poll()

    def run(self) -> None:
        self._poll.register(self._channel, select.POLLIN)
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where a shell began us with "&"
        prepare_process()  # here, so that no worker has to
        linux.become_subreaper()
        atexit.unregister(logging.shutdown)  # a task calls it if it has to
        # SIGTERM that reaches a worker too early would be lost in the interpreter's own after-fork code, or
        # end its warm-up: it is held back until the worker is ready for it
        sigterm.hold_back()
        try:
            self._prepare_tasks()
        except OSError as error:
            print(f"fork server: tasks start and end more slowly: {error}", file=sys.stderr)
        gc.collect()
        gc.freeze()  # keeps the collector from touching, and so copying, pages shared with tasks
        self._send(frames.READY, 0)
        try:
            while True:
                if not self._workers:
                    self._fork_ahead(idle=False)
                wanting = len(self._workers) < _WORKERS_PER_TASK * self._most_at_once
                events = self._poll.poll(_IDLE_MILLISECONDS if wanting else None)
                if not events:
                    self._fork_ahead(idle=True)
                ready = {descriptor for descriptor, _ in events}
                if self._exit_notices is not None and self._exit_notices.fileno() in ready:
                    self._receive_notices(self._exit_notices)
                # looked up before any of them is closed, because its number may be used again
                for running in [self._processes[number] for number in ready if number in self._processes]:
                    self._reap(running)
                if self._channel in ready and not self._receive():
                    return
        finally:
            for pid in linux.children(os.getpid()):
                if linux.kill_tree(pid):
                    os.waitpid(pid, 0)  # none may still write where files are removed
            _remove(self._directory)

    def _prepare_tasks(self) -> None:
        """What makes tasks start and end faster.

        :raises OSError: if there is no room for the few files that it takes.
        """
        _remove(self._directory)  # of a process that had the same id and was killed
        os.mkdir(self._directory, 0o700)
        self._exit_notices = ExitNotices(f"{self._directory}/exit-notices")
        self._poll.register(self._exit_notices, select.POLLIN)
        warm_up = WarmUp(self._directory, self._exit_notices)
        for _ in range(_WARM_UPS):
            warm_up.perform()
        self._warm_up = warm_up

    def _fork_ahead(self, idle: bool) -> None:
        """Fork workers for the tasks that may come next; several at once, which is cheaper.

        :param idle: nothing else happens just now.
        """
        # they begin faster then; among many tasks what counts is how much they take in all
        alone = not self._prefetched and len(self._pids) <= 1
        warm_up = self._warm_up.perform if self._warm_up and (idle or alone) else None
        foreign = [*self._processes, *(worker.pipe for worker in self._workers)]
        if self._exit_notices is not None:
            foreign.append(self._exit_notices.fileno())
        while len(self._workers) < _WORKERS_PER_TASK * self._most_at_once:
            reading, writing = os.pipe()
            foreign.append(writing)
            try:
                pid = os.fork()
            except OSError:  # out of processes or memory: the next task, if it fails too, says so
                os.close(reading)
                os.close(writing)
                return
            if pid == 0:
                run_worker(reading, foreign, self._own, self._channel, self._exit_notices, warm_up)
            os.close(reading)
            self._workers.append(PreForkedWorker(pid, writing))

    def _receive(self) -> bool:
        try:
            data = os.read(self._channel, 1 << 16)
        except ConnectionResetError:
            return False
        if not data:
            return False
        whole, self._received = frames.split(self._received + data)
        for frame in whole:
            self._handle(*frame)
        return True

    def _handle(self, kind: bytes, key: int, number: int, text: bytes) -> None:
        if kind == frames.START or (kind == frames.PREFETCH and number not in self._pids):
            self._start(key, text)
        elif kind == frames.PREFETCH:
            self._prefetched[number] = key, text
        elif kind == frames.REVOKE:
            if self._prefetched.get(number, (None,))[0] == key:
                del self._prefetched[number]
                self._send(frames.REVOKED, key)
        elif key in self._pids:
            self._signal(self._pids[key], number)

    def _start(self, key: int, task: bytes) -> None:
        if not self._workers:
            self._fork_ahead(idle=False)
        if not self._workers:
            self._send(frames.SETUP_FAILED, key, text=b"the system has no room for another process")
            self._send(frames.ENDED, key, exit_codes.SETUP_FAILED)
            return
        worker = self._workers.pop(0)
        try:
            descriptors.write_all(worker.pipe, task)  # before the book-keeping: a client may be waiting
        except BrokenPipeError:
            pass  # the worker was killed: it is reaped as the task that it was given
        finally:
            os.close(worker.pipe)
        running = _Running(key, worker.pid, os.pidfd_open(worker.pid))
        self._poll.register(running.process, select.POLLIN)
        self._processes[running.process] = running
        self._pids[key] = worker.pid
        self._most_at_once = max(self._most_at_once, len(self._pids))

    def _signal(self, pid: int, number: int) -> None:
        if number == signal.SIGKILL:
            linux.kill_tree(pid)
        else:
            os.kill(pid, number)

    def _receive_notices(self, exit_notices: ExitNotices) -> None:
        """Tasks that leave nothing behind have reported their ends: they are over, though still torn down."""
        for key, code, pid in exit_notices.receive():
            if self._pids.get(key) == pid:
                self._over(key, code)

    def _reap(self, running: _Running) -> None:
        _, status = os.waitpid(running.pid, 0)
        del self._processes[running.process]
        self._poll.unregister(running.process)
        os.close(running.process)
        if running.key in self._pids:  # one that sent a notice has no descendants, and nothing to start one
            self._kill_orphans()
            self._over(running.key, os.waitstatus_to_exitcode(status))

    def _over(self, key: int, code: int) -> None:
        del self._pids[key]
        following = self._prefetched.pop(key, None)
        if following is not None:
            self._start(*following)
        self._send(frames.ENDED, key, code)

    def _kill_orphans(self) -> None:
        """Kill what an ended task left behind: children of this process that are no worker."""
        known = {running.pid for running in self._processes.values()} | {
            worker.pid for worker in self._workers
        }
        for pid in linux.children(os.getpid()):
            if pid not in known and linux.kill_tree(pid):
                os.waitpid(pid, 0)

    def _send(self, kind: bytes, key: int, number: int = 0, text: bytes = b"") -> None:
        try:
            descriptors.write_all(self._channel, frames.pack(kind, key, number, text))
        except (BrokenPipeError, ConnectionResetError):
            pass  # the next read finds the agent gone and ends everything


def _remove(directory: str) -> None:
    """Remove a directory of files; without ``shutil``, which loads every compression library there is."""
    if os.path.isdir(directory):
        for name in os.listdir(directory):
            os.unlink(f"{directory}/{name}")
        os.rmdir(directory)


_WARM_UPS = 20
"""Code specializes after its first eight runs, and then what it calls in turn."""
_IDLE_MILLISECONDS = 2
"""While workers are left, others are forked only when nothing happens for so long: not while a task runs
that a client may be waiting for."""
