"""The warm kernel: one process that has imported what tasks need and forks a fresh copy for each.

It talks to whoever started it over a socket, a line of JSON a message:

=========================================  ====================================================
to the kernel                              from the kernel
=========================================  ====================================================
                                           ``{"ready": "3.11.7"}``, its Python, first of all
``{"start": key, "task": {…}}``            ``{"started": key, "pid": n}``
``{"signal": key, "number": 15 or 9}``     ``{"ended": key, "exit_code": n or null,
                                           "signal": n or null, "max_rss": bytes}``
                                           ``{"setup_failed": key, "message": text}``
=========================================  ====================================================

Tasks share nothing: what is imported here is only what the function's pickle would import anyway,
and no user code runs before the fork. When the other side goes away, every task is killed with all
its descendants.
"""
from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import resource
import select
import signal
import socket
import sys
import threading
from typing import Any, Callable, NoReturn

from remotebatch_kernel import exit_codes, linux
from remotebatch_kernel.files import place_files
from remotebatch_kernel.task import Call, run_call

_STDERR = 2
LEFTOVER_MARK = "REMOTEBATCH_AGENT"
"""Environment variable that marks every process of an agent's tasks, so leftovers can be found."""


def serve(descriptor: int, preload: list[str]) -> int:
    """Serve the socket of that file descriptor until the other side closes it.

    :param preload: modules to import before the first fork.
    """
    inherited = [int(name) for name in os.listdir("/proc/self/fd") if int(name) > _STDERR]
    for name in preload:
        try:
            importlib.import_module(name)
        except Exception as error:  # the task meets it again and reports it where a user sees it
            print(f"warm kernel: cannot preload {name}: {error!r}", file=sys.stderr)
    if preload and len(os.listdir("/proc/self/task")) > 1:
        # One of them started threads; a forked copy would have their locks without them.
        # Begin again with none: each task then imports for itself.
        os.set_inheritable(descriptor, True)
        os.execv(sys.executable, [sys.executable, sys.argv[0], "serve", str(descriptor)])
    _WarmKernel(socket.socket(fileno=descriptor), inherited).run()
    return 0


class _WarmKernel:
    def __init__(self, channel: socket.socket, inherited: list[int]) -> None:
        self._channel = channel
        self._own = inherited  # descriptors that no task may hold: the channel, the agent's lock
        self._tasks: dict[int, int] = {}  # pid → key
        self._pids: dict[int, int] = {}  # key → pid
        self._groups: set[int] = set()  # keys whose whole group gets a signal: foreign programs
        self._received = b""

    def run(self) -> None:
        wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._own += [wake_read, wake_write]
        linux.become_subreaper()
        gc.collect()
        gc.freeze()  # keeps the collector from touching, and so copying, pages shared with tasks
        self._send({"ready": "{}.{}.{}".format(*sys.version_info)})
        while True:
            readable, _, _ = select.select([self._channel, wake_read], [], [])
            if wake_read in readable:
                os.read(wake_read, 4096)
                self._reap()
            if self._channel in readable and not self._receive():
                self._kill_everything()
                return

    def _receive(self) -> bool:
        data = self._channel.recv(1 << 16)
        if not data:
            return False
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if "start" in message:
                self._start(message["start"], message["task"])
            elif message["signal"] in self._pids:
                self._signal(message["signal"], message["number"])
        return True

    def _start(self, key: int, task: dict[str, Any]) -> None:
        try:
            pid = os.fork()
        except OSError as error:  # out of processes or memory: this task's failure, not ours
            self._send({"setup_failed": key, "message": f"cannot start a process: {error}"})
            self._send({"ended": key, "exit_code": exit_codes.SETUP_FAILED, "signal": None})
            return
        if pid == 0:
            self._become_task(key, task)
        self._tasks[pid] = key
        self._pids[key] = pid
        if task.get("argv"):
            self._groups.add(key)
        self._send({"started": key, "pid": pid})

    def _signal(self, key: int, number: int) -> None:
        pid = self._pids[key]
        if number == signal.SIGKILL:
            linux.kill_tree(pid)
        elif key in self._groups:
            os.killpg(pid, number)
        else:
            os.kill(pid, number)

    def _reap(self) -> None:
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                break
            key = self._tasks.pop(pid, None)
            if key is None:
                continue  # an orphan, killed below on an earlier round
            self._kill_orphans()
            del self._pids[key]
            self._groups.discard(key)
            code = os.waitstatus_to_exitcode(status)
            self._send(
                {
                    "ended": key,
                    "exit_code": code if code >= 0 else None,
                    "signal": -code if code < 0 else None,
                    "max_rss": usage.ru_maxrss * 1024,
                }
            )

    def _kill_orphans(self) -> None:
        """Kill what an ended task left behind: children of this process that are no task."""
        for pid in linux.children(os.getpid()):
            if pid not in self._tasks:
                linux.kill_tree(pid)

    def _kill_everything(self) -> None:
        for pid in linux.children(os.getpid()):
            linux.kill_tree(pid)

    def _send(self, message: dict[str, Any]) -> None:
        try:
            self._channel.sendall(json.dumps(message).encode() + b"\n")
        except (BrokenPipeError, ConnectionResetError):
            pass  # the next read finds the other side gone and ends everything

    def _become_task(self, key: int, task: dict[str, Any]) -> NoReturn:
        """In the forked child: set up the task's surroundings, run it, never return."""
        code = exit_codes.SETUP_FAILED
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            linux.die_with_parent()
            linux.become_subreaper()
            try:
                enter(task)
            except OSError as error:
                self._send({"setup_failed": key, "message": str(error)})
                os._exit(code)
            for descriptor in self._own:
                _close(descriptor)
            code = _run(task)
        finally:
            os._exit(code)


def _close(descriptor: int) -> None:
    try:
        os.close(descriptor)
    except OSError:  # the directory listing's own, long closed
        pass


def enter(task: dict[str, Any]) -> None:
    """Make this process the task's: session, directory, streams, environment, limits."""
    os.setsid()
    logs = task["log_directory"]
    os.makedirs(logs, exist_ok=True)
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
    try:
        os.execvpe(argv[0], argv, os.environ)
    except FileNotFoundError:
        print(f"remotebatch: no program {argv[0]!r} was found", file=sys.stderr, flush=True)
        return exit_codes.PROGRAM_NOT_FOUND
    except OSError as error:
        print(f"remotebatch: {argv[0]!r} cannot be run: {error}", file=sys.stderr, flush=True)
        return exit_codes.NOT_EXECUTABLE


def _finish_interpreter() -> None:
    """What leaving Python does that a user may count on, without tearing every module down."""
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    run_exit_handlers: Callable[[], None] = atexit._run_exitfuncs
    run_exit_handlers()
    sys.stdout.flush()
    sys.stderr.flush()
