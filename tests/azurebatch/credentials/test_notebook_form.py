"""The dialog in a real notebook: a form that is filled in between two runs of a cell."""

from __future__ import annotations

import sys
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from azurebatch_emulator import Emulator
from remotebatch_azurebatch.accounts.credentials.notebook import show_form
from tests.azurebatch.credentials.conftest import WRONG_KEY
from tests.support.machine import FIND, Machine

FIND_NEW = FIND.format(service_object="new")

# what the cells stand for: a user who types into the form's fields and clicks; no secret is in a cell
FIELDS = """
import os
from ipywidgets import HTML, ToggleButtons
from ipywidgets.widgets.widget import _instances
def named(description):
    return [one for one in _instances.values() if getattr(one, "description", None) == description][-1]
def status():
    print([one.value for one in _instances.values() if isinstance(one, HTML)][-1])
"""
FILL = (
    FIELDS
    + """
named("Batch endpoint").value = os.environ["TYPED_ENDPOINT"]
named("Batch account").value = os.environ["TYPED_ACCOUNT"]
named("Batch key").value = os.environ["TYPED_WRONG_KEY"]
named("Connection string").value = os.environ["TYPED_STORAGE"]
named("Connect").click()
"""
)
CORRECT = """
assert named("Connection string").value == ""
named("Batch key").value = os.environ["TYPED_KEY"]
named("Save connection").value = {save}
named("Connect").click()
"""


@pytest.fixture
def machine(desktop: Machine, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A desktop whose user has the emulator's credentials on a note."""
    desktop.set(
        {
            "TYPED_ENDPOINT": emulator.endpoint,
            "TYPED_ACCOUNT": emulator.account,
            "TYPED_KEY": emulator.key,
            "TYPED_WRONG_KEY": WRONG_KEY,
            "TYPED_STORAGE": emulator.storage_connection_string,
        }
    )
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    return desktop


def run_cells(machine: Machine, *cells: str) -> list[str]:
    """What each cell has printed or raised, by real runs in one kernel."""
    v4: Any = nbformat.v4
    notebook = v4.new_notebook(cells=[v4.new_code_cell(cell) for cell in cells])
    client = NotebookClient(notebook, timeout=60, kernel_name="python3", allow_errors=True)
    client.execute(env=machine.environment)
    machine.check(v4.writes(notebook))  # with the state of its widgets
    return ["\n".join(_text(output) for output in cell["outputs"]) for cell in notebook["cells"]]


def _text(output: nbformat.NotebookNode) -> str:
    if output["output_type"] == "error":
        return f"{output['ename']}: {output['evalue']}"
    return str(output.get("text", output.get("data")))


def test_the_next_run_of_the_cell_finds_what_the_form_was_told(machine: Machine) -> None:
    shown, _, refused, _, accepted, found, again = run_cells(
        machine, FIND_NEW, FILL, "status()", CORRECT.format(save=True), "status()", FIND_NEW, FIND_NEW
    )
    assert "application/vnd.jupyter.widget-view+json" in shown
    assert "fill in the form, click Connect, and run this cell again" in shown
    assert "✗ the Batch account &#x27;devbatchaccount&#x27; at" in refused
    assert "storage account" not in refused
    assert "✓ Connected to devbatchaccount and devstoreaccount1. Saved in the keyring." in accepted
    assert "dialog devbatchaccount" in found
    assert "fill in the form" in again
    assert "keyring devbatchaccount" in machine.find().output


def test_what_is_not_saved_lasts_as_long_as_the_kernel(machine: Machine) -> None:
    find = FIND.format(service_object=None)
    shown, *_, status, found, again = run_cells(
        machine, find, FILL, CORRECT.format(save=False), "status()", find, find
    )
    assert "fill in the form" in shown
    assert "Kept until this kernel ends." in status
    assert "dialog devbatchaccount" in found
    assert "dialog devbatchaccount" in again
    assert machine.find().code == 1


def test_microsoft_entra_id(machine: Machine) -> None:
    choose = """
[way] = [one for one in _instances.values() if isinstance(one, ToggleButtons)]
way.value = "Microsoft Entra ID"
named("Sign in with").value = "client secret"
named("Batch endpoint").value = os.environ["TYPED_ENDPOINT"]
"""
    submit = "named('Connect').click(); status()"
    enter = "named('Client secret').value = os.environ['TYPED_KEY']\n"
    *_, nothing, http = run_cells(machine, FIND_NEW, FIELDS + choose, submit, enter + submit)
    assert "Client secret: must not be empty" in nothing
    assert "over https only" in http


def test_without_ipywidgets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    assert "the form to enter them needs ipywidgets" in str(show_form())
