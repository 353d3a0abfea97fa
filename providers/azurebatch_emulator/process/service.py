"""The service process: configuration, state, execution and web, tied together and served.

``python -m azurebatch_emulator.process.service`` runs it; see :mod:`.hosting`.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Callable

import uvicorn

from azurebatch_emulator.execution.executor import Executor
from azurebatch_emulator.execution.machine import Machine
from azurebatch_emulator.execution.storage import Storage
from azurebatch_emulator.process import ready_pool
from azurebatch_emulator.process.certificate import certificate_in
from azurebatch_emulator.process.configuration import Configuration
from azurebatch_emulator.process.directory import DataDirectory
from azurebatch_emulator.process.hosting import host
from azurebatch_emulator.process.leftovers import end_leftovers
from azurebatch_emulator.state.account import Account
from azurebatch_emulator.state.background import Background
from azurebatch_emulator.state.context import Context
from azurebatch_emulator.state.ledger import Ledger
from azurebatch_emulator.web.application import application
from azurebatch_emulator.web.connections import Connection
from azurebatch_emulator.web.control import Faults
from remotebatch_kernel.system import linux

_KEEP_ALIVE = 120  # as long as Azure's, and longer than its clients wait between two requests


class _Server(uvicorn.Server):
    """Reports when it has started."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._report_started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._report_started()


async def serve(configuration: Configuration, lock_descriptor: int, started: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT.

    :param lock_descriptor: inherited by what must have ended before the next service starts.
    :param started: called once requests are answered.
    """
    linux.become_subreaper()
    end_leftovers(configuration)
    certificate = (
        certificate_in(DataDirectory(configuration.data).certificate) if configuration.https else None
    )
    storage = Storage(configuration.storage, certificate.bundle if certificate else None)
    machine = Machine(configuration, lock_descriptor, storage)
    ledger = Ledger(os.path.join(configuration.data, "ledger.sqlite"))
    background = Background()
    account = Account(Context(configuration, ledger, background, Executor(machine, background)))
    account.recover()
    if configuration.pool is not None:
        ready_pool.ensure(account, configuration.pool)
    recording = asyncio.ensure_future(account.keep_recorded())
    server = _Server(
        uvicorn.Config(
            application(account, storage, Faults() if configuration.faults else None),
            host=configuration.host,
            port=configuration.port,
            http=Connection,
            ws="none",
            lifespan="off",
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=3,
            ssl_certfile=certificate.server if certificate else None,
            ssl_keyfile=certificate.server_key if certificate else None,
        ),
        started,
    )
    try:
        await server.serve()
    finally:
        recording.cancel()
        await account.close()
        storage.close()


if __name__ == "__main__":
    host(sys.argv[1:], serve)
