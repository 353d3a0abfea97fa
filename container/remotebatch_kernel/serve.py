"""The warm kernel: one process that has imported what tasks need and forks a fresh copy for each.

It talks to whoever started it over a socket, in frames of a fixed head and some text (see
:data:`FRAME`). The text of a START is a pickled dict (see :func:`enter`); it is read only in the
forked copy, for every page that the warm kernel itself touches between two forks is a page to copy
again.

Tasks share nothing but memory that is copied when written: what is loaded here, before the fork, is
only what every task would load first, and none of it is kept if it holds more than memory. When the
other side goes away, every task is killed with all its descendants.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import os
import pickle
import resource
import select
import signal
import socket
import struct
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, NoReturn

import cloudpickle

from remotebatch_kernel import envelope, exit_codes, function, linux
from remotebatch_kernel.failure import KernelFailure
from remotebatch_kernel.files import place_files
from remotebatch_kernel.task import Call, flush_streams, prepare_process, rehearse, run_call

FRAME = struct.Struct("<cQqI")
"""Head of a frame: kind, key of the task, a number, bytes of text that follow.

To the kernel: START (text: the task); FOLLOW (the same, to be started the moment that the task
named by the number has ended); RECALL (of a FOLLOW); SIGNAL (number: SIGTERM or SIGKILL).
From it: READY, first of all; SETUP_FAILED (text: why); ENDED (number: exit code, or the negative
number of the signal); RECALLED (of a task that will not follow; no answer means that it has begun).
"""
START, FOLLOW, RECALL, SIGNAL = b"S", b"N", b"C", b"K"
READY, SETUP_FAILED, ENDED, RECALLED = b"R", b"F", b"E", b"D"

_STDERR = 2
LEFTOVER_MARK = "REMOTEBATCH_AGENT"
"""Environment variable that marks every process of an agent's tasks, so leftovers can be found."""


def serve(descriptor: int, function_path: str, modules: list[str]) -> int:
    """Serve the socket of that file descriptor until the other side closes it.

    :param function_path: function to load before the first fork; "" for none.
    :param modules: modules to import before that.
    """
    os.environ.pop("LD_BIND_NOW", None)  # meant for this process alone
    inherited = _descriptors()
    for name in modules:
        try:
            importlib.import_module(name)
        except Exception as error:  # the task meets it again and reports it where a user sees it
            print(f"warm kernel: cannot import {name}: {error!r}", file=sys.stderr)
    if function_path:
        try:
            function.load_ahead(function_path)
        except KernelFailure as failure:  # as above
            print(f"warm kernel: {failure.message}", file=sys.stderr)
    _close_archives()
    if _holds_more_than_memory(inherited) and (modules or function_path):
        print(
            "warm kernel: what was loaded holds threads or files; each task loads for itself", file=sys.stderr
        )
        os.set_inheritable(descriptor, True)
        os.execv(sys.executable, [sys.executable, sys.argv[0], "serve", str(descriptor), ""])
    _WarmKernel(socket.socket(fileno=descriptor), inherited).run()
    return 0


def _close_archives() -> None:
    """Modules that look up their own version leave this archive open in importlib.metadata's cache."""
    metadata = sys.modules.get("importlib.metadata")
    if metadata is not None:
        metadata.MetadataPathFinder().invalidate_caches()
        gc.collect()


def _holds_more_than_memory(inherited: list[int]) -> bool:
    """Whether loading has started threads or opened files.

    A forked copy would lack the threads but have their locks, and would share the files' positions
    with all other copies: then nothing is loaded ahead, and each task loads for itself.
    """
    return len(os.listdir("/proc/self/task")) > 1 or _descriptors() != inherited


def _descriptors() -> list[int]:
    """Open file descriptors beyond the standard streams."""
    found = [int(name) for name in os.listdir("/proc/self/fd")]
    return [number for number in found if number > _STDERR and os.path.exists(f"/proc/self/fd/{number}")]


class _Spare(NamedTuple):
    """A copy forked ahead of need: it has nothing to do but read its task from a pipe."""

    pid: int
    pipe: int


class _Running(NamedTuple):
    """A spare that has been given its task."""

    key: int
    pid: int
    process: int
    """File descriptor that tells the end of the process."""


class _WarmKernel:
    def __init__(self, channel: socket.socket, inherited: list[int]) -> None:
        self._channel = channel
        self._own = inherited  # descriptors that no task may hold: the channel, the agent's lock
        self._processes: dict[int, _Running] = {}  # by the descriptor of the process
        self._pids: dict[int, int] = {}  # key → pid, of tasks whose end has not been told
        self._farewells = _Farewells()
        self._followers: dict[int, tuple[int, bytes]] = {}  # key → key and text of the task after it
        self._spares: list[_Spare] = []
        self._most_at_once = 1
        self._rehearsal = _Rehearsal()
        self._received = b""
        self._poll = select.poll()

    def run(self) -> None:
        self._poll.register(self._channel, select.POLLIN)
        self._poll.register(self._farewells, select.POLLIN)
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where a shell began us with "&"
        prepare_process()  # here, so that no forked copy has to
        linux.become_subreaper()
        for _ in range(_REHEARSALS):
            self._rehearsal.perform()
        # One that reaches a copy too early would be lost in the interpreter's own after-fork code:
        # it waits until the copy is ready for it
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        gc.collect()
        gc.freeze()  # keeps the collector from touching, and so copying, pages shared with tasks
        self._send(READY, 0)
        try:
            while True:
                if not self._spares:
                    self._fork_ahead(idle=False)
                wanting = len(self._spares) < 2 * self._most_at_once
                events = self._poll.poll(_IDLE_MILLISECONDS if wanting else None)
                if not events:
                    self._fork_ahead(idle=True)
                ready = {descriptor for descriptor, _ in events}
                if self._farewells.fileno() in ready:
                    self._hear_farewells()
                # told apart before any of them is closed, for its number may be given to another
                for running in [self._processes[number] for number in ready if number in self._processes]:
                    self._reap(running)
                if self._channel.fileno() in ready and not self._receive():
                    return
        finally:
            for pid in linux.children(os.getpid()):
                linux.kill_tree(pid)

    def _fork_ahead(self, idle: bool) -> None:
        """Fork spares for the tasks that may come next; several at once, for that is cheaper.

        :param idle: there is time for them to rehearse, and so to begin faster.
        """
        while len(self._spares) < 2 * self._most_at_once:
            reading, writing = os.pipe()
            try:
                pid = os.fork()
            except OSError:  # out of processes or memory: the next task, if it fails too, says so
                os.close(reading)
                os.close(writing)
                return
            if pid == 0:
                os.close(writing)
                self._become_task(reading, idle)
            os.close(reading)
            self._spares.append(_Spare(pid, writing))

    def _receive(self) -> bool:
        data = self._channel.recv(1 << 16)
        if not data:
            return False
        data = self._received + data
        start, end = 0, len(data)
        while end - start >= FRAME.size:
            kind, key, number, size = FRAME.unpack_from(data, start)
            text = start + FRAME.size
            if end - text < size:
                break
            start = text + size
            self._handle(kind, key, number, data[text:start])
        self._received = data[start:]
        return True

    def _handle(self, kind: bytes, key: int, number: int, text: bytes) -> None:
        if kind == START or (kind == FOLLOW and number not in self._pids):
            self._start(key, text)
        elif kind == FOLLOW:
            self._followers[number] = key, text
        elif kind == RECALL:
            if self._followers.get(number, (None,))[0] == key:
                del self._followers[number]
                self._send(RECALLED, key)
        elif key in self._pids:
            self._signal(self._pids[key], number)

    def _start(self, key: int, task: bytes) -> None:
        if not self._spares:
            self._fork_ahead(idle=False)
        if not self._spares:
            self._send(SETUP_FAILED, key, text="the system has no room for another process")
            self._send(ENDED, key, exit_codes.SETUP_FAILED)
            return
        spare = self._spares.pop(0)
        try:
            _write_all(spare.pipe, task)  # before the book-keeping: somebody may be waiting
        except BrokenPipeError:
            pass  # the spare was killed by somebody: it is reaped as the task it has become
        finally:
            os.close(spare.pipe)
        running = _Running(key, spare.pid, os.pidfd_open(spare.pid))
        self._poll.register(running.process, select.POLLIN)
        self._processes[running.process] = running
        self._pids[key] = spare.pid
        self._most_at_once = max(self._most_at_once, len(self._pids))

    def _signal(self, pid: int, number: int) -> None:
        if number == signal.SIGKILL:
            linux.kill_tree(pid)
        else:
            os.kill(pid, number)

    def _hear_farewells(self) -> None:
        """Tasks that leave nothing behind tell their exit codes: they are over, though still torn down."""
        for key, code, pid in self._farewells.receive():
            if self._pids.get(key) == pid:
                self._over(key, code)

    def _reap(self, running: _Running) -> None:
        _, status = os.waitpid(running.pid, 0)
        del self._processes[running.process]
        self._poll.unregister(running.process)
        os.close(running.process)
        self._kill_orphans()
        if running.key in self._pids:
            self._over(running.key, os.waitstatus_to_exitcode(status))

    def _over(self, key: int, code: int) -> None:
        del self._pids[key]
        follower = self._followers.pop(key, None)
        if follower is not None:
            self._start(*follower)
        self._send(ENDED, key, code)

    def _kill_orphans(self) -> None:
        """Kill what an ended task left behind: children of this process that are neither task nor spare."""
        known = {running.pid for running in self._processes.values()} | {spare.pid for spare in self._spares}
        for pid in linux.children(os.getpid()):
            if pid not in known and linux.kill_tree(pid):
                os.waitpid(pid, 0)

    def _send(self, kind: bytes, key: int, number: int = 0, text: str = "") -> None:
        encoded = text.encode()
        try:
            self._channel.sendall(FRAME.pack(kind, key, number, len(encoded)) + encoded)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the next read finds the other side gone and ends everything

    def _become_task(self, pipe: int, idle: bool) -> NoReturn:
        """In the forked copy: wait for a task, set up its surroundings, run it, never return."""
        code = exit_codes.SETUP_FAILED
        try:
            for spare in self._spares:
                os.close(spare.pipe)
            self._farewells.close()
            for descriptor in self._processes:
                os.close(descriptor)
            linux.become_subreaper()
            if idle:
                self._rehearsal.perform()
            text = _read_all(pipe)
            if not text:
                os._exit(0)  # the warm kernel ends, and this spare was never needed
            task = pickle.loads(text)
            try:
                enter(task)
            except OSError as error:
                self._send(SETUP_FAILED, task["key"], text=str(error))
                os._exit(code)
            for descriptor in self._own:
                os.close(descriptor)
            code = _run(task)
            if not _has_children():
                self._farewells.send(task["key"], code)
        except BaseException:  # nothing must return into the warm kernel's own code
            traceback.print_exc()
            flush_streams()
        finally:
            os._exit(code)


class _Farewells:
    """Where tasks tell their end the moment they are done: no descriptor of theirs, but an address."""

    _CONTENT = struct.Struct("<Qi")
    _CREDENTIALS = struct.Struct("iII")

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)  # the system vouches for who spoke
        self._socket.bind(b"")  # the system finds a name
        self._address = self._socket.getsockname()

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def send(self, key: int, code: int) -> None:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as own:
                own.sendto(self._CONTENT.pack(key, code), self._address)
        except OSError:  # no descriptor left, or too many speak at once: the process's end tells as well
            pass

    def receive(self) -> Iterator[tuple[int, int, int]]:
        """Key, exit code and process id of each task that has spoken."""
        while True:
            try:
                data, ancillary, _, _ = self._socket.recvmsg(64, socket.CMSG_SPACE(self._CREDENTIALS.size))
            except BlockingIOError:
                return
            if len(data) == self._CONTENT.size and ancillary:
                pid, _, _ = self._CREDENTIALS.unpack(ancillary[0][2])
                yield (*self._CONTENT.unpack(data), pid)


class _Rehearsal:
    """What every task does, done with a trifle: many times in the warm kernel, once in an idle spare."""

    def __init__(self) -> None:
        header = {"name": "rehearsal", "python": sys.version_info[:3]}
        content: dict[str, Any] = {"function": len, "initializer": None, "modules": {}, "source_lines": {}}
        self._function = envelope.pack(header, cloudpickle.dumps(content))
        self._element = cloudpickle.dumps((("word",), {}))
        self._task = pickle.dumps({"environment": {"REMOTEBATCH_REHEARSAL": "1"}})

    def perform(self) -> None:
        os.environ.update(pickle.loads(self._task)["environment"])
        rehearse(self._function, self._element)
        _wait_for_threads()
        del os.environ["REMOTEBATCH_REHEARSAL"]


_REHEARSALS = 20
_IDLE_MILLISECONDS = 2
"""With spares left, others are forked only when nothing happens for so long: not while a task runs
that somebody may be waiting for."""


def _read_all(descriptor: int) -> bytes:
    data = os.read(descriptor, 1 << 16)
    while data and (more := os.read(descriptor, 1 << 16)):
        data += more
    os.close(descriptor)
    return data


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def enter(task: dict[str, Any]) -> None:
    """Make this process the task's: session, directory, streams, environment, limits."""
    os.setsid()
    logs = task["log_directory"]
    for number, name in ((1, "stdout.txt"), (2, "stderr.txt")):
        stream = os.open(f"{logs}/{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
        os.dup2(stream, number)
        os.close(stream)
    place_files(task["directory"], task["files"])
    os.chdir(task["directory"])
    os.environ.update(task["environment"])
    if task.get("memory_limit"):
        resource.setrlimit(resource.RLIMIT_AS, (task["memory_limit"], task["memory_limit"]))


def _run(task: dict[str, Any]) -> int:
    if task.get("argv"):
        return _execute(task["argv"])
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()  # every fork would draw the same numbers otherwise
    code = run_call(Call(**task["call"]))
    _finish_interpreter()
    return code


def _execute(argv: list[str]) -> int:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    try:
        os.execvpe(argv[0], argv, os.environ)
    except FileNotFoundError:
        print(f"remotebatch: no program {argv[0]!r} was found", file=sys.stderr, flush=True)
        return exit_codes.PROGRAM_NOT_FOUND
    except OSError as error:
        print(f"remotebatch: {argv[0]!r} cannot be run: {error}", file=sys.stderr, flush=True)
        return exit_codes.NOT_EXECUTABLE


def _wait_for_threads() -> None:
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()


def _finish_interpreter() -> None:
    """What leaving Python does that a user may count on, without tearing every module down."""
    _wait_for_threads()
    run_exit_handlers: Callable[[], None] = atexit._run_exitfuncs
    run_exit_handlers()
    flush_streams()
