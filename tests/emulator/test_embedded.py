"""``with Emulator() as emulator``: one for the length of a test."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient

from azurebatch_emulator import Emulator, Quotas, Timings
from azurebatch_emulator.process.directory import AlreadyRunning
from remotebatch.errors import InvalidSetting
from remotebatch_execution.runners.containers import ROOT_LABEL
from tests.support.batch import connect, wait_for_nodes
from tests.support.processes import await_end, processes_of

pytestmark = pytest.mark.azurite

_KILLED_PARENT = """
import os, signal, sys
from azurebatch_emulator import Emulator
with Emulator(sys.argv[1]):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_it_is_stopped_whole_and_its_data_removed() -> None:
    with Emulator() as emulator:
        assert _answers(emulator)
        assert _storage(emulator).get_account_information()
        assert len(processes_of(emulator.data)) == 2
    assert not os.path.exists(emulator.data)
    assert processes_of(emulator.data) == []


def test_a_given_directory_is_kept(tmp_path: Path, azurite: str) -> None:
    with Emulator(tmp_path / "data", storage_connection_string=azurite) as emulator:
        assert emulator.storage_connection_string == azurite
        assert processes_of(azurite) == []  # it may be secret, and arguments are not
    assert (tmp_path / "data" / "configuration.json").stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / "data" / "service.json").exists()


def test_killed_and_restarted_it_is_at_the_same_place_with_the_same_blobs() -> None:
    with Emulator() as emulator:
        endpoint, service = emulator.endpoint, _storage(emulator)
        service.create_container("kept").upload_blob("blob", b"content")
        emulator.kill()
        assert not _answers(emulator)
        emulator.restart()
        assert emulator.endpoint == endpoint
        assert _answers(emulator)
        assert service.get_blob_client("kept", "blob").download_blob().readall() == b"content"


def test_killed_it_is_stopped_whole(matching_image: str) -> None:
    with Emulator() as emulator:
        left = _container(emulator.data, matching_image)
        emulator.kill()
    assert processes_of(emulator.data) == []
    assert not os.path.exists(emulator.data)
    assert left not in subprocess.check_output(["docker", "ps", "--all", "--quiet", "--no-trunc"], text=True)


def test_it_is_stopped_whole_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), Emulator() as emulator:
        raise ZeroDivisionError
    assert processes_of(emulator.data) == []


def test_it_ends_with_its_azurite(tmp_path: Path) -> None:
    with Emulator(tmp_path) as emulator:
        [azurite] = processes_of(f"{emulator.data}/azurite")
        os.kill(azurite, signal.SIGKILL)
        await_end(processes_of(emulator.data))
    assert "Azurite has ended" in (tmp_path / "service.log").read_text()


def test_it_ends_with_a_killed_parent(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", _KILLED_PARENT, str(tmp_path)])
    await_end(processes_of(str(tmp_path)))


def test_it_outlives_the_thread_that_started_it(azurite: str) -> None:
    emulator = Emulator(storage_connection_string=azurite)
    thread = threading.Thread(target=emulator.__enter__)
    thread.start()
    thread.join()
    assert _answers(emulator)
    emulator.__exit__()


def test_two_run_side_by_side(azurite: str) -> None:
    with (
        Emulator(storage_connection_string=azurite) as one,
        Emulator(storage_connection_string=azurite) as other,
    ):
        assert one.endpoint != other.endpoint
        assert _answers(one)
        assert _answers(other)


def test_a_directory_has_one_at_most(tmp_path: Path, azurite: str) -> None:
    with Emulator(tmp_path, storage_connection_string=azurite) as emulator:
        with pytest.raises(AlreadyRunning, match=emulator.endpoint):
            Emulator(tmp_path, storage_connection_string=azurite).__enter__()
        assert _answers(emulator)


def test_options_are_checked() -> None:
    with pytest.raises(InvalidSetting, match="must be base64"):
        Emulator(key="?")
    with pytest.raises(InvalidSetting, match="timings"):
        Emulator(timings=Timings(resize=-1))
    with pytest.raises(InvalidSetting, match="quotas"):
        Emulator(quotas=Quotas(pools=-1))


def _container(data: str, image: str) -> str:
    """A container as a task of the emulator has it."""
    options = ["--detach", "--label", f"{ROOT_LABEL}={data}"]
    command = ["docker", "run", *options, image, "sleep", "600"]
    return subprocess.check_output(command, text=True).strip()


def _storage(emulator: Emulator) -> BlobServiceClient:
    return BlobServiceClient.from_connection_string(emulator.storage_connection_string)


def _answers(emulator: Emulator) -> bool:
    try:
        urllib.request.urlopen(emulator.endpoint).close()
    except urllib.error.HTTPError as error:
        error.close()
    except urllib.error.URLError:
        return False
    return True


def test_a_pool_can_be_there_from_the_start(azurite: str, tmp_path: Path) -> None:
    with Emulator(tmp_path, storage_connection_string=azurite, runtime="process", pool="ready") as emulator:
        with connect(emulator) as client:
            assert client.get_pool("ready").task_slots_per_node == len(os.sched_getaffinity(0))
            wait_for_nodes(client, "ready", 1)
        emulator.restart()
        with connect(emulator) as client:
            assert [pool.id for pool in client.list_pools()] == ["ready"]
