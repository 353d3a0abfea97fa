"""Start and stop the service's process, from another one."""

from __future__ import annotations

import importlib.metadata
import os
import signal
import subprocess
import sys
import time

import msgspec

from azurebatch_emulator.process.addresses import require_free
from azurebatch_emulator.process.azurite import azurite_program, last_lines
from azurebatch_emulator.process.configuration import Configuration
from azurebatch_emulator.process.directory import AlreadyRunning, DataDirectory
from azurebatch_emulator.process.leftovers import end_leftovers
from remotebatch.errors import ProviderError
from remotebatch_kernel.system import linux

_START_TIMEOUT = 120.0
_STOP_TIMEOUT = 30.0
_POLL = 0.02
_NEEDED = ("azure-storage-blob", "starlette", "trustme", "uvicorn")


def start(configuration: Configuration, attached: bool = False) -> subprocess.Popen[bytes]:
    """Start a service and wait until it and Azurite answer.

    :param attached: have it end when this process ends, or closes the returned one's ``stdin``.
    :returns: the service's process.
    :raises AlreadyRunning: if one runs on that data directory.
    :raises PortTaken: if another program listens on one of its ports.
    :raises ProviderError: if it cannot be started; the message says why.
    """
    _require_dependencies()
    if configuration.storage_connection_string is None:
        azurite_program()  # installed here, if need be, where its output is seen
    directory = DataDirectory(configuration.data)
    lock = directory.claim()
    try:
        require_free(configuration.host, [configuration.port], "the Batch service")
        if configuration.storage_connection_string is None:
            require_free(configuration.host, configuration.storage_ports, "Azurite")
        msgspec.structs.replace(configuration, data=directory.path).save()
        process, log_start = _spawn(directory, lock, attached)
    finally:
        os.close(lock)  # the service has inherited it
    try:
        _wait_until_it_answers(process, directory, log_start)
    except BaseException:
        end(process)
        raise
    return process


def stop(directory: DataDirectory) -> bool:
    """Have the service of a data directory end, and wait until it and all it started are gone.

    :returns: whether there was one.
    :raises ProviderError: if it cannot be ended.
    """
    service, descriptor = None, -1
    deadline = time.monotonic() + _STOP_TIMEOUT
    try:
        while directory.claimed:
            found = directory.running()
            if found is not None and service is None:
                service, descriptor = found, os.pidfd_open(found.pid)
                signal.pidfd_send_signal(descriptor, signal.SIGTERM)
            elif found is not None and found != service:
                break  # the next one has been started
            if time.monotonic() > deadline:
                if service is None or not _kill(service.pid, descriptor):
                    raise ProviderError(f"processes that use {directory.path} do not end")
                deadline = time.monotonic() + _STOP_TIMEOUT
            time.sleep(_POLL)
    finally:
        if descriptor != -1:
            os.close(descriptor)
    if directory.crashed:
        _end_leftovers(directory)
    return service is not None


def end(process: subprocess.Popen[bytes]) -> None:
    """Have a process that :func:`start` returned end, and wait until it is gone."""
    process.terminate()
    try:
        process.wait(_STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        linux.kill_tree(process.pid)
        process.wait()
    if process.stdin is not None:
        process.stdin.close()


def _require_dependencies() -> None:
    if sys.platform != "linux":
        raise ProviderError(f"the emulator needs Linux; this is {sys.platform}")
    missing = [name for name in _NEEDED if not _installed(name)]
    if missing:
        raise ProviderError(
            f"the emulator needs {', '.join(missing)}: run pip install 'remotebatch[emulator]'"
        )


def _installed(distribution: str) -> bool:
    try:
        importlib.metadata.distribution(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _spawn(directory: DataDirectory, lock: int, attached: bool) -> tuple[subprocess.Popen[bytes], int]:
    """Start the service's process; also returns where its part of the log begins."""
    command = [sys.executable, "-m", "azurebatch_emulator.process.service", directory.path]
    command += ["--lock", str(lock)] + ["--attached"] * attached
    with open(directory.log, "ab") as log:
        log_start = log.tell()
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE if attached else subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            pass_fds=(lock,),
            start_new_session=True,
        )
    return process, log_start


def _wait_until_it_answers(
    process: subprocess.Popen[bytes], directory: DataDirectory, log_start: int
) -> None:
    deadline = time.monotonic() + _START_TIMEOUT
    while True:
        service = directory.running()
        if service is not None and service.pid == process.pid:
            return
        if process.poll() is not None:
            said = last_lines(directory.log, start=log_start)
            raise ProviderError(f"the emulator did not start: {said} (its log is {directory.log})")
        if time.monotonic() > deadline:
            raise ProviderError(f"the emulator does not answer; its log is {directory.log}")
        time.sleep(_POLL)


def _end_leftovers(directory: DataDirectory) -> None:
    try:
        lock = directory.claim()
    except AlreadyRunning:  # the next service has ended them
        return
    try:
        end_leftovers(Configuration.load(directory.path))
        directory.forget()
    finally:
        os.close(lock)


def _kill(pid: int, descriptor: int) -> bool:
    """Kill a process and all it started; returns whether it was still there.

    :param descriptor: of the process: the id may have come to mean another one.
    """
    try:
        signal.pidfd_send_signal(descriptor, 0)
    except ProcessLookupError:
        return False
    return linux.kill_tree(pid)
