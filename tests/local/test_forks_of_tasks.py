"""A task is a fork without some of Python's after-fork work: no task may notice, whatever it does."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

from remotebatch import JobStatus, SubmissionEnvironment
from tests.support.local import agent_of


def test_a_task_that_forks_beside_its_threads(env: SubmissionEnvironment) -> None:
    def threads_after_a_fork() -> tuple[int, int]:
        import os
        import threading

        stop = threading.Event()
        thread = threading.Thread(target=stop.wait)
        thread.start()
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.write(writing, bytes([threading.active_count()]))
            os._exit(0)
        os.waitpid(pid, 0)
        stop.set()
        thread.join()
        return os.read(reading, 1)[0], threading.active_count()

    assert env.submit(threads_after_a_fork).result(30) == (1, 1)


def test_a_lock_of_logging_that_a_thread_holds_does_not_hold_up_a_fork(env: SubmissionEnvironment) -> None:
    def logs_after_a_fork() -> int:
        import logging
        import os
        import threading

        handler = logging.StreamHandler()
        logging.getLogger().addHandler(handler)
        assert handler.lock is not None
        lock = handler.lock
        held, stop = threading.Event(), threading.Event()

        def hold() -> None:
            with lock:
                held.set()
                stop.wait()

        thread = threading.Thread(target=hold)
        thread.start()
        held.wait()
        pid = os.fork()
        if pid == 0:
            logging.getLogger().error("from the copy")
            os._exit(7)
        _, status = os.waitpid(pid, 0)
        stop.set()
        thread.join()
        return os.waitstatus_to_exitcode(status)

    job = env.options(time_constraint=20).submit(logs_after_a_fork)
    assert job.result(30) == 7
    assert job.error_log() == "from the copy\n"


def test_worker_processes_of_a_task(env: SubmissionEnvironment) -> None:
    def squares() -> list[int]:
        import multiprocessing

        with multiprocessing.get_context("fork").Pool(2) as pool:
            return pool.map(abs, [-1, -2, -3])

    assert env.options(time_constraint=20).submit(squares).result(30) == [1, 2, 3]


def test_the_main_thread_is_the_tasks_own(env: SubmissionEnvironment) -> None:
    def identity() -> tuple[int | None, int]:
        import os
        import threading

        return threading.main_thread().native_id, os.getpid()

    native_id, pid = env.submit(identity).result(30)
    assert native_id == pid


def test_random_numbers_differ_in_each_task(env: SubmissionEnvironment) -> None:
    import random

    values = env.map_submit(lambda _: random.random(), range(8)).results(30)
    assert len(set(values)) == 8


def test_log_records_that_a_handler_holds_back_are_flushed_at_the_end(env: SubmissionEnvironment) -> None:
    def log() -> None:
        import logging.handlers
        import sys

        target = logging.StreamHandler(sys.stdout)
        logging.getLogger().addHandler(logging.handlers.MemoryHandler(100, target=target))
        logging.getLogger().warning("held back")

    job = env.submit(log)
    job.result(30)
    assert job.log() == "held back\n"


def test_log_records_of_a_handler_that_was_configured_are_flushed_too(env: SubmissionEnvironment) -> None:
    def log() -> None:
        import logging.config
        import sys

        memory = {"class": "logging.handlers.MemoryHandler", "capacity": 100, "target": "out"}
        out = {"class": "logging.StreamHandler", "stream": sys.stdout}
        handlers = {"out": out, "held": memory}
        logging.config.dictConfig({"version": 1, "handlers": handlers, "root": {"handlers": ["held"]}})
        logging.getLogger().warning("held back")

    job = env.submit(log)
    job.result(30)
    assert job.log() == "held back\n"


def test_an_executor_that_was_not_shut_down_does_not_hold_up_the_end(env: SubmissionEnvironment) -> None:
    def leave_one() -> int:
        import concurrent.futures
        import sys

        sys.executor = concurrent.futures.ThreadPoolExecutor(1)  # type: ignore[attr-defined]
        return sys.executor.submit(abs, -1).result()  # type: ignore[attr-defined,no-any-return]

    assert env.options(time_constraint=15).submit(leave_one).result(30) == 1


def test_what_a_daemon_thread_starts_at_the_end_ends_with_the_task(env: SubmissionEnvironment) -> None:
    def start_until_the_end(marker: str) -> None:
        import subprocess
        import threading

        def start() -> None:
            while True:
                subprocess.Popen(["sleep", marker])

        threading.Thread(target=start, daemon=True).start()

    marker = f"300.{os.getpid()}"
    env.map_submit(lambda _: start_until_the_end(marker), range(20)).results(60)
    assert not [
        process for process in psutil.process_iter(["cmdline"]) if marker in (process.info["cmdline"] or ())
    ]


def test_threads_that_fork_at_once(env: SubmissionEnvironment) -> None:
    def fork_in_threads() -> int:
        import os
        import threading

        ends = []

        def fork() -> None:
            pid = os.fork()
            if pid == 0:
                os._exit(threading.active_count())
            ends.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))

        threads = [threading.Thread(target=fork) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sum(ends)

    array = env.map_submit(lambda _: fork_in_threads(), range(20))
    assert array.results(60) == [4] * 20
    assert "".join(child.error_log() for child in array) == ""


def test_sigterm_reaches_a_task_however_early_it_comes(env: SubmissionEnvironment) -> None:
    import time

    for _ in range(10):
        job = env.submit(time.sleep, 60)
        while job.status is JobStatus.ACTIVE:
            pass
        assert job.abort().wait(20).exit_code == 143


def test_exit_handlers_run(env: SubmissionEnvironment) -> None:
    def register() -> None:
        import atexit

        atexit.register(print, "at the end")

    job = env.submit(register)
    job.result(30)
    assert job.log() == "at the end\n"


def test_every_descriptor_closed(env: SubmissionEnvironment) -> None:
    """As programs do that become daemons."""

    def close_all() -> str:
        import os

        os.closerange(3, 4096)
        return "done"

    assert env.map_submit(lambda _: close_all(), range(6)).results(30) == ["done"] * 6


def test_fork_servers_leave_no_files(env: SubmissionEnvironment, root: str) -> None:
    def files() -> list[Path]:
        return list(Path(root, "scratch").glob("fork-server-*/*"))

    assert env.submit(abs, -1).result(30) == 1
    assert files()
    agent_of(env).stop()
    assert not files()
