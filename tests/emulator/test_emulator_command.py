"""``remotebatch emulator``: start, stop, status and env, from real processes."""

from __future__ import annotations

import json
import os
import shlex
import signal
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from azurebatch_emulator.process.addresses import free_ports
from tests.support.processes import await_end, processes_of


class EmulatorCommand:
    """``remotebatch emulator`` for one data directory, on ports of its own."""

    def __init__(self, data: Path, azurite: str) -> None:
        self.data = str(data)
        [self.port] = free_ports(1)
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.start_options = ["--port", str(self.port), "--storage-connection-string", azurite]

    def __call__(self, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self._argv(command, *arguments), capture_output=True, text=True, timeout=90)

    def start(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        done = self("start", "--detach", *self.start_options, *arguments)
        assert done.returncode == 0, done.stderr
        return done

    def start_in_foreground(self) -> subprocess.Popen[str]:
        """A foreground one that answers."""
        process = subprocess.Popen(
            self._argv("start", *self.start_options),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline().startswith("export ")
        return process

    def json(self, command: str) -> Any:
        done = self(command, "--json")
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)

    def fail(self, *arguments: str) -> str:
        done = self(*arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("Error: ")
        assert done.stderr.count("\n") == 1
        return done.stderr

    def _argv(self, command: str, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "remotebatch.cli", "emulator", command, "--data", self.data, *arguments]


@pytest.fixture
def command(tmp_path: Path, azurite: str) -> Iterator[EmulatorCommand]:
    command = EmulatorCommand(tmp_path / "data", azurite)
    yield command
    command("stop")
    assert processes_of(command.data) == []


def test_started_detached_it_answers_until_it_is_stopped(command: EmulatorCommand) -> None:
    command.start()
    assert _answers(command.endpoint)
    assert command("stop").stdout == f"Stopped the emulator of {command.data}\n"
    assert not _answers(command.endpoint)
    assert processes_of(command.data) == []


def test_start_and_env_write_what_clients_need(command: EmulatorCommand) -> None:
    started = command.start("--account", "mine", "--key", "bWluZQ==")
    assert _evaluated(started.stdout) == {
        "AZURE_BATCH_ACCOUNT": "mine",
        "AZURE_BATCH_ACCESS_KEY": "bWluZQ==",
        "AZURE_BATCH_ENDPOINT": command.endpoint,
        "AZURE_STORAGE_CONNECTION_STRING": command.start_options[-1],
    }
    env = command("env")
    assert (env.stdout, env.stderr) == (started.stdout, "")


def test_without_a_storage_account_azurite_runs_beside_it(command: EmulatorCommand) -> None:
    ports = free_ports(4)
    del command.start_options[-2:]
    started = command("start", "--detach", "--port", str(ports[0]), "--storage-port", str(ports[1]))
    assert started.returncode == 0, started.stderr
    blobs = f"http://127.0.0.1:{ports[1]}/devstoreaccount1"
    assert f"BlobEndpoint={blobs};" in started.stdout
    assert _answers(blobs)
    assert command.json("status")["storage_ports"] == [ports[1], ports[1] + 1, ports[1] + 2]
    command("stop")
    assert not _answers(blobs)


def test_status(command: EmulatorCommand) -> None:
    assert command("status").stdout == f"No emulator is running for {command.data}\n"
    assert command.json("status") == {"running": False, "data": command.data}
    assert not os.path.exists(command.data)
    command.start("--faults")
    found = command.json("status")
    assert (found["running"], found["endpoint"], found["faults"]) == (True, command.endpoint, True)
    assert datetime.fromisoformat(found["started_at"]).tzinfo is not None
    assert f"process   {found['pid']}\n" in command("status").stdout


def test_stop_without_one_says_so(command: EmulatorCommand) -> None:
    assert command("stop").stdout == f"No emulator is running for {command.data}\n"
    assert command.json("stop") == {"data": command.data, "stopped": False}


def test_env_without_one_writes_nothing_that_a_shell_would_take(command: EmulatorCommand) -> None:
    assert "no emulator is running" in command.fail("env")


def test_start_on_a_running_one_says_so_and_writes_the_same(command: EmulatorCommand) -> None:
    first = command.start()
    pid = command.json("status")["pid"]
    second = command("start", "--detach", "--account", "another")
    assert (second.returncode, second.stdout) == (0, first.stdout)
    assert f"running already: process {pid}" in second.stderr
    assert command.json("status")["pid"] == pid


def test_of_several_starts_at_once_one_serves_and_all_write_the_same(command: EmulatorCommand) -> None:
    argv = command._argv("start", "--detach", *command.start_options)
    starts = [subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(3)]
    answers = [start.communicate(timeout=90) for start in starts]
    assert [start.returncode for start in starts] == [0, 0, 0], answers
    assert len({output for output, _ in answers}) == 1
    assert sum(b"running already" in errors for _, errors in answers) == 2
    assert len(processes_of(command.data)) == 1


def test_several_are_told_apart_by_their_data(command: EmulatorCommand, tmp_path: Path, azurite: str) -> None:
    command.start()
    other = EmulatorCommand(tmp_path / "other", azurite)
    other.start()
    other("stop")
    assert not other.json("status")["running"]
    assert _answers(command.endpoint)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_in_the_foreground_it_runs_until_a_signal(command: EmulatorCommand, number: int) -> None:
    process = command.start_in_foreground()
    assert _answers(command.endpoint)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert not _answers(command.endpoint)


def test_in_the_foreground_it_ends_with_its_killed_command(command: EmulatorCommand) -> None:
    process = command.start_in_foreground()
    process.kill()
    process.communicate()
    await_end(processes_of(command.data))


def test_one_in_the_foreground_is_stopped_from_elsewhere(command: EmulatorCommand) -> None:
    process = command.start_in_foreground()
    assert command.json("stop")["stopped"]
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_one_in_the_foreground_tells_that_it_was_killed(command: EmulatorCommand) -> None:
    process = command.start_in_foreground()
    os.kill(command.json("status")["pid"], signal.SIGKILL)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Error: the emulator has failed" in errors


def test_killed_it_does_not_run_and_starts_again(command: EmulatorCommand) -> None:
    command.start()
    killed = command.json("status")["pid"]
    os.kill(killed, signal.SIGKILL)
    await_end([killed])
    assert command.json("status") == {"running": False, "data": command.data}
    assert "no emulator is running" in command.fail("env")
    assert command.json("stop")["stopped"] is False
    command.start()
    assert command.json("status")["pid"] != killed
    assert _answers(command.endpoint)


def test_a_hung_one_is_killed_in_the_end(command: EmulatorCommand, monkeypatch: pytest.MonkeyPatch) -> None:
    from azurebatch_emulator.process import launch
    from azurebatch_emulator.process.directory import DataDirectory

    command.start()
    monkeypatch.setattr(launch, "_STOP_TIMEOUT", 0.5)
    os.kill(command.json("status")["pid"], signal.SIGSTOP)
    assert launch.stop(DataDirectory(command.data))
    assert processes_of(command.data) == []


def test_a_taken_port_is_refused(command: EmulatorCommand, tmp_path: Path, azurite: str) -> None:
    command.start()
    other = EmulatorCommand(tmp_path / "other", azurite)
    refused = other.fail("start", "--detach", *command.start_options)
    assert f"port {command.port} of 127.0.0.1, for the Batch service, is taken" in refused


def test_one_that_cannot_start_says_why(command: EmulatorCommand) -> None:
    os.makedirs(f"{command.data}/azurite/azurite.log")
    refused = command.fail("start", "--detach", "--port", str(command.port))
    assert "the emulator did not start" in refused
    assert "Is a directory" in refused
    assert not command.json("status")["running"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--key", "no base64!"], "must be base64"),
        (["--account", "No"], "account"),
        (["--host", "192.0.2.1"], "cannot listen"),
    ],
)
def test_wrong_options_are_refused(command: EmulatorCommand, arguments: list[str], message: str) -> None:
    assert message in command.fail("start", "--detach", *command.start_options, *arguments)


def test_https_has_an_authority_of_its_own(command: EmulatorCommand) -> None:
    started = command.start("--https")
    assert "bearer token" in started.stderr
    variables = _evaluated(started.stdout)
    endpoint = variables["AZURE_BATCH_ENDPOINT"]
    assert endpoint == command.endpoint.replace("http", "https")
    for trusted in (variables["SSL_CERT_FILE"], variables["REQUESTS_CA_BUNDLE"]):
        assert _answers(endpoint, ssl.create_default_context(cafile=trusted))
    assert _answers(
        endpoint, ssl.create_default_context(cafile=command.json("status")["certificate_authority"])
    )


def test_the_process_runtime_says_that_images_are_ignored(command: EmulatorCommand) -> None:
    assert "images are ignored" in command.start("--runtime", "process").stderr


def test_other_commands_load_nothing_of_it() -> None:
    program = (
        "import sys; from remotebatch.cli import main; main(['providers'], standalone_mode=False); "
        "sys.exit(any(name.startswith(('remotebatch_azurebatch', 'starlette')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], stdout=subprocess.DEVNULL).returncode == 0


def _evaluated(lines: str) -> dict[str, str]:
    """What a shell makes of export lines."""
    names = [shlex.split(line)[1].split("=")[0] for line in lines.splitlines()]
    script = f"set -eu\n{lines}\nprintf '%s\\n' " + " ".join(f'"${name}"' for name in names)
    done = subprocess.run(["sh", "-c", script], stdout=subprocess.PIPE, text=True, check=True)
    return dict(zip(names, done.stdout.splitlines()))


def _answers(url: str, context: ssl.SSLContext | None = None) -> bool:
    try:
        urllib.request.urlopen(url, context=context).close()
    except urllib.error.HTTPError as error:
        error.close()
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLError):
            raise
        return False
    return True
