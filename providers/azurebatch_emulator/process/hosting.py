"""What the service's process does around the service: holds the data directory, has Azurite beside it.

``python -m azurebatch_emulator.process.service DATA --lock DESCRIPTOR [--attached]``
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, TypeAlias

from azurebatch_emulator.process.azurite import Azurite
from azurebatch_emulator.process.certificate import make_certificate
from azurebatch_emulator.process.configuration import Configuration
from azurebatch_emulator.process.directory import DataDirectory, Service
from remotebatch.errors import ProviderError, RemoteBatchError

Serve: TypeAlias = Callable[[Configuration, int, Callable[[], None]], Coroutine[Any, Any, None]]
"""Serves until SIGTERM or SIGINT, as uvicorn does. Its arguments: the configuration; a descriptor for
processes to inherit that must have ended before the next service starts; and what to call once
requests are answered."""

_STOP_TIMEOUT = 15.0
_THREADS_TIMEOUT = 2.0


def host(arguments: list[str], serve: Serve) -> None:
    """Run a service until it is asked to end, or cannot go on."""
    parser = argparse.ArgumentParser(prog="python -m azurebatch_emulator.process.service")
    parser.add_argument("data", help="data directory, with the configuration in it")
    parser.add_argument("--lock", type=int, required=True, help="descriptor of the directory's lock")
    parser.add_argument("--attached", action="store_true", help="end when standard input does")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("azure").setLevel(logging.WARNING)  # it logs every request
    os.set_inheritable(options.lock, False)
    try:
        _Host(DataDirectory(options.data), options.lock, options.attached).run(serve)
    except RemoteBatchError as error:
        _leave(str(error))
    _leave()


def _leave(message: str | None = None) -> None:
    """End the process, even where a thread waits for what never comes."""
    until = time.monotonic() + _THREADS_TIMEOUT
    others = [one for one in threading.enumerate() if one is not threading.current_thread()]
    for thread in others:
        if not thread.daemon:
            thread.join(max(until - time.monotonic(), 0))
    if not any(thread.is_alive() for thread in others if not thread.daemon):
        sys.exit(message)
    if message is not None:
        print(message, file=sys.stderr, flush=True)
    logging.shutdown()
    os._exit(0 if message is None else 1)


class _Host:
    """A service with what belongs to it."""

    def __init__(self, directory: DataDirectory, lock: int, attached: bool) -> None:
        self._directory = directory
        self._lock = lock
        self._attached = attached
        self._configuration = Configuration.load(directory.path)
        self._ending = asyncio.Event()
        self._answers = False
        self._failure: str | None = None

    def run(self, serve: Serve) -> None:
        configuration, certificate = self._configuration, None
        if configuration.https:
            certificate = make_certificate(self._directory.certificate, configuration.host)
            os.environ.update(certificate.trust_variables)  # as the service itself calls Azurite
        location, ports = self._directory.azurite, configuration.storage_ports
        with ExitStack() as stack:
            azurite = None
            if configuration.storage_connection_string is None:
                azurite = Azurite(location, ports, configuration.host, certificate, self._lock)
                stack.enter_context(azurite)
            asyncio.run(self._serve(serve, azurite))

    async def _serve(self, serve: Serve, azurite: Azurite | None) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end)
        with self._ending_with_input(), self._ending_with_azurite(azurite):
            serving = asyncio.ensure_future(serve(self._configuration, self._lock, self._started))
            asked = asyncio.ensure_future(self._ending.wait())
            await asyncio.wait([serving, asked], return_when=asyncio.FIRST_COMPLETED)
            asked.cancel()
            if not serving.done():  # the signal has reached it, too, unless it was still starting
                await asyncio.wait([serving], timeout=_STOP_TIMEOUT if self._answers else 0)
                serving.cancel()
            self._directory.withdraw()
            with suppress(asyncio.CancelledError):
                await serving
        if self._failure is not None:
            raise ProviderError(self._failure)

    def _started(self) -> None:
        if not self._ending.is_set():
            self._answers = True
            self._directory.announce(Service(os.getpid(), self._configuration.endpoint, time.time()))

    def _end(self) -> None:
        self._directory.withdraw()
        self._ending.set()

    @contextmanager
    def _ending_with_input(self) -> Iterator[None]:
        """End when the process that holds the other side of standard input does."""
        if not self._attached:
            yield
            return
        loop = asyncio.get_running_loop()

        def ended() -> None:
            if not os.read(0, 1):
                loop.remove_reader(0)
                signal.raise_signal(signal.SIGTERM)

        loop.add_reader(0, ended)
        yield
        loop.remove_reader(0)

    @contextmanager
    def _ending_with_azurite(self, azurite: Azurite | None) -> Iterator[None]:
        if azurite is None:
            yield
            return
        loop = asyncio.get_running_loop()

        def ended() -> None:
            loop.remove_reader(descriptor)
            self._failure = f"Azurite has ended; see {azurite.log}"
            signal.raise_signal(signal.SIGTERM)

        descriptor = os.pidfd_open(azurite.pid)
        loop.add_reader(descriptor, ended)
        yield
        loop.remove_reader(descriptor)
        os.close(descriptor)
