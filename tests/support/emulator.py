"""A storage account and a Batch account on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypedDict, cast

import pytest
from azure.batch import BatchClient
from azure.storage.blob import ContainerClient

from azurebatch_emulator import Emulator, Quotas, Timings
from azurebatch_emulator.process.addresses import free_ports
from azurebatch_emulator.process.azurite import Azurite
from tests.support.batch import Gate, connect
from tests.support.blobs import new_container

if TYPE_CHECKING:
    from typing_extensions import Unpack

AT_ONCE = Timings(resize=0)
"""A pool has its nodes, and is steady, as soon as it is asked for."""


class _ServiceOptions(TypedDict, total=False):
    runtime: Literal["docker", "process"]
    https: bool
    faults: bool
    timings: Timings
    quotas: Quotas


class EmulatorOptions(_ServiceOptions, total=False):
    """What an emulator can be started with."""

    own_storage: bool
    """It has a storage account of its own; otherwise the tests' Azurite is its account."""


USUAL: EmulatorOptions = {"faults": True, "timings": AT_ONCE}


class MakeEmulator(Protocol):
    """Starts an emulator, unless there is one with the same options."""

    def __call__(self, **options: Unpack[EmulatorOptions]) -> Emulator: ...


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Connection string of an Azurite that all tests share."""
    with Azurite(str(tmp_path_factory.mktemp("azurite")), free_ports(3)) as azurite:
        yield azurite.connection_string


@pytest.fixture(scope="module")
def emulator(azurite: str, request: pytest.FixtureRequest) -> Iterator[Emulator]:
    """The emulator of a file: one of the usual options, or of those that the file names as ``EMULATOR``."""
    options: EmulatorOptions = getattr(request.module, "EMULATOR", USUAL)
    with _making(azurite) as make:
        yield make(**options)


@pytest.fixture(scope="module")
def client(emulator: Emulator) -> Iterator[BatchClient]:
    """Microsoft's client of the file's emulator."""
    with connect(emulator) as client:
        yield client


@pytest.fixture(scope="module")
def make_emulator(azurite: str) -> Iterator[MakeEmulator]:
    """Further emulators that the tests of a file share, by their options."""
    with _making(azurite) as make:
        yield make


@pytest.fixture(scope="session")
def share_emulator(azurite: str) -> Iterator[MakeEmulator]:
    """Emulators that all tests share, by their options."""
    with _making(azurite) as make:
        yield make


@contextmanager
def _making(azurite: str) -> Iterator[MakeEmulator]:
    with ExitStack() as stack:
        started: list[tuple[EmulatorOptions, Emulator]] = []

        def make(**options: Unpack[EmulatorOptions]) -> Emulator:
            for known, emulator in started:
                if known == options:
                    return emulator
            service = {**options}
            storage = None if service.pop("own_storage", False) else azurite
            emulator = Emulator(storage_connection_string=storage, **cast("_ServiceOptions", service))
            started.append((options, stack.enter_context(emulator)))
            return emulator

        yield make


@pytest.fixture
def container(azurite: str) -> Iterator[ContainerClient]:
    """A blob container of its own, which is empty."""
    with new_container(azurite) as container:
        yield container


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """A gate that is closed."""
    return Gate(tmp_path / "gate")
