"""An emulator for the length of a ``with`` statement, as tests want it."""

from __future__ import annotations

import os
import subprocess
import tempfile
from typing import Literal

import msgspec

from azurebatch_emulator.execution.removal import remove
from azurebatch_emulator.process import launch
from azurebatch_emulator.process.addresses import PortTaken, free_ports
from azurebatch_emulator.process.certificate import certificate_in
from azurebatch_emulator.process.configuration import Configuration
from azurebatch_emulator.process.directory import DataDirectory
from azurebatch_emulator.state.configuration import ACCOUNT, KEY, Quotas, Timings
from remotebatch.validation import check

_TRIES = 3


class Emulator:
    """A local Azure Batch service on free ports, stopped whole at the end.

    ::

        with Emulator(runtime="process") as emulator:
            credential = AzureNamedKeyCredential(emulator.account, emulator.key)
            client = BatchClient(emulator.endpoint, credential)

    It also ends when this process does, however that comes about.
    """

    def __init__(
        self,
        data: str | os.PathLike[str] | None = None,
        *,
        account: str = ACCOUNT,
        key: str = KEY,
        runtime: Literal["docker", "process"] = "docker",
        storage_connection_string: str | None = None,
        pool: str | None = None,
        https: bool = False,
        faults: bool = False,
        timings: Timings | None = None,
        quotas: Quotas | None = None,
    ) -> None:
        """Nothing is started yet.

        :param data: directory for all its files, which is kept; by default a temporary one, which is not.
        :param account: name of the Batch account.
        :param key: the account's key, in base64.
        :param runtime: whether tasks with container settings run in containers, or on the host.
        :param storage_connection_string: a storage account to use; without one Azurite is started.
        :param pool: a pool to be there from the start: one container node, a task slot for each CPU.
        :param https: answer over HTTPS, and take bearer tokens.
        :param faults: let faults be ordered through the control endpoint.
        :param timings: simulated delays.
        :param quotas: limits of the account.
        :raises InvalidSetting: if a value is not of the right type.
        """
        self._keep = data is not None
        self._options = check(
            Configuration,
            {
                "data": "" if data is None else os.fspath(data),
                "account": account,
                "key": key,
                "runtime": runtime,
                "storage_connection_string": storage_connection_string,
                "pool": pool,
                "https": https,
                "faults": faults,
                "timings": msgspec.to_builtins(timings or Timings()),
                "quotas": msgspec.to_builtins(quotas or Quotas()),
            },
            "option",
        )
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Emulator:
        """Start it and wait until it and Azurite answer.

        :raises AlreadyRunning: if a service runs on the data directory.
        :raises ProviderError: if it cannot be started; the message says why.
        """
        data = self._options.data if self._keep else tempfile.mkdtemp(prefix="remotebatch-emulator-")
        self._directory = DataDirectory(data)
        try:
            self._start_on_free_ports()
        except BaseException:
            self._remove_data()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it, with Azurite and all tasks."""
        self._stop()
        self._remove_data()

    @property
    def data(self) -> str:
        """Its data directory."""
        return self._directory.path

    @property
    def endpoint(self) -> str:
        """URL of the Batch service."""
        return self._configuration.endpoint

    @property
    def account(self) -> str:
        """Name of the Batch account."""
        return self._configuration.account

    @property
    def key(self) -> str:
        """The account's key."""
        return self._configuration.key

    @property
    def storage_connection_string(self) -> str:
        """What clients need for the storage account."""
        return self._configuration.storage

    @property
    def authority(self) -> str | None:
        """File with the certificate authority that clients must trust; None without HTTPS."""
        return certificate_in(self._directory.certificate).authority if self._configuration.https else None

    def kill(self) -> None:
        """End the service's process with SIGKILL, as a crash would; what it ran ends by itself."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def restart(self) -> None:
        """Stop it if it runs, and start it again with the same options, ports and data.

        :raises ProviderError: if it cannot be started; the message says why.
        """
        self._stop()
        self._process = launch.start(self._configuration, attached=True)

    def _start_on_free_ports(self) -> None:
        for last_try in [False] * (_TRIES - 1) + [True]:
            port, *storage_ports = free_ports(4, self._options.host)
            self._configuration = msgspec.structs.replace(
                self._options, data=self.data, port=port, storage_ports=tuple(storage_ports)
            )
            try:
                self._process = launch.start(self._configuration, attached=True)
            except PortTaken:  # since it was found free
                if last_try:
                    raise
            else:
                return

    def _stop(self) -> None:
        if self._process is not None:
            launch.end(self._process)
            self._process = None
        launch.stop(self._directory)  # waits for what a killed service left to end

    def _remove_data(self) -> None:
        if not self._keep:
            remove(self.data)
