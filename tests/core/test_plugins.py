"""Where a package is missing that only some providers and commands need."""

from __future__ import annotations

import subprocess
import sys

import pytest

WITHOUT_AZURE = "import sys; sys.modules['azure'] = None\n"


def run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", WITHOUT_AZURE + script], capture_output=True, text=True)


def test_the_provider_says_what_to_install() -> None:
    done = run("import remotebatch; remotebatch.SubmissionEnvironment('AzureBatch', pool_id='p')")
    last = done.stderr.splitlines()[-1]
    assert last.startswith("remotebatch.errors.ProviderError: AzureBatch needs the module 'azure")
    assert last.endswith("which is not installed: pip install 'remotebatch[azure]'")


def test_local_needs_none_of_it() -> None:
    assert run("import remotebatch; remotebatch.SubmissionEnvironment('Local')").returncode == 0


@pytest.mark.parametrize("command", ["whoami", "login azure", "azure pool show p"])
def test_a_command_says_what_to_install(command: str) -> None:
    done = run(f"from remotebatch.cli import main; main({command.split()!r})")
    assert (done.returncode, done.stdout) == (1, "")
    assert "pip install 'remotebatch[azure]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_list_of_commands_is_whole() -> None:
    done = run("from remotebatch.cli import main; main(['--help'])")
    assert done.returncode == 0
    assert " whoami " in done.stdout
    assert " jobs " in done.stdout
