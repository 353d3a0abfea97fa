"""The user's own code: a function does in its task what it does here."""

from __future__ import annotations

import decimal
import importlib
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from remotebatch import FailureType, RandomStateWarning, SubmissionEnvironment
from remotebatch.testing.contract.base import TIMEOUT, Contract
from remotebatch.testing.contract.code_samples import MODULES, SCRIPT

Import = Callable[[str], Any]


class CodeContract(Contract):
    """Modules of the user's own, which are imported in the task, and a script's definitions."""

    @pytest.fixture
    def own(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Import]:
        """Imports modules of a project of the user's."""
        _write(tmp_path, MODULES)
        monkeypatch.syspath_prepend(str(tmp_path))
        before = set(sys.modules)
        with decimal.localcontext():  # which a module changes as it is imported, here too
            yield importlib.import_module
        for name in set(sys.modules) - before:
            if name.partition(".")[0].startswith("own_"):
                del sys.modules[name]

    @pytest.fixture
    def script(self, own: Import, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
        """The ``__main__`` of a script of the user's."""
        path = tmp_path / "script.py"
        path.write_text(SCRIPT)
        module = ModuleType("__main__")
        module.__file__ = str(path)
        monkeypatch.setitem(sys.modules, "__main__", module)
        exec(compile(SCRIPT, str(path), "exec"), vars(module))  # noqa: S102 - as Python runs a script
        return module

    @pytest.mark.parametrize(
        "name",
        [
            "own_settings.precision",
            "own_registry.known",
            "own_settings.configured",
            "own_settings.patched",
            "own_caches.use",
            "own_files.found_by_name",
            "own_files.data",
            "own_files.source",
            "own_registry.dispatched",
        ],
    )
    def test_what_a_module_does_here_it_does_there(
        self, environment: SubmissionEnvironment, own: Import, name: str
    ) -> None:
        own("own_plugin")  # registers itself in another module
        module, _, function = name.partition(".")
        call = getattr(own(module), function)
        there = environment.submit(call).result(TIMEOUT)
        assert there == call()

    def test_an_initializer_sets_a_module_up(self, environment: SubmissionEnvironment, own: Import) -> None:
        settings = own("own_settings")
        array = environment.map_submit(settings.debug, [1, 2], initializer=settings.turn_on)
        assert list(array.results(TIMEOUT)) == [(1, True), (2, True)]
        assert settings.debug(1) == (1, False)

    @pytest.mark.parametrize("name", ["caches", "pickled", "holder", "registered"])
    def test_what_a_script_does_here_it_does_there(
        self, environment: SubmissionEnvironment, script: Any, name: str
    ) -> None:
        call = getattr(script, name)
        there = environment.submit(call).result(TIMEOUT)
        assert there == call()

    @pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
    def test_child_processes_of_a_task_find_the_script(
        self, environment: SubmissionEnvironment, script: Any, method: str
    ) -> None:
        assert environment.submit(script.spread, method, [1, 2]).result(TIMEOUT) == [2, 4, 6, 8]

    def test_a_generator_of_the_script_is_warned_of(
        self, environment: SubmissionEnvironment, script: Any
    ) -> None:
        with pytest.warns(RandomStateWarning, match=r"the global 'generator' .*remotebatch\.task"):
            copied = environment.map_submit(script.draw, range(3))
        own = environment.map_submit(script.draw_its_own, range(3))
        assert len(set(copied.results(TIMEOUT))) == 1
        assert len(set(own.results(TIMEOUT))) == 3

    def test_dataclasses_with_slots_come_and_go(
        self, environment: SubmissionEnvironment, script: Any, own: Import
    ) -> None:
        for module in (script, own("own_caches")):
            given = module.Slotted(1)
            made = environment.submit(module.advance, given).result(TIMEOUT)
            assert type(made) is module.Slotted
            assert made == module.advance(given)
            assert not hasattr(made, "__dict__")

    def test_a_submission_after_the_path_is_mended(
        self,
        environment: SubmissionEnvironment,
        own: Import,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        call = own("own_files").use_what_lies_elsewhere
        job = environment.submit(call).wait(TIMEOUT)
        assert job.failure_type in (FailureType.MODULE_MISSING, FailureType.USER_EXCEPTION)
        assert "own_elsewhere" in str(job.status_reason)
        _write(tmp_path / "elsewhere", {"own_elsewhere.py": "VALUE = 'found'\n"})
        monkeypatch.syspath_prepend(str(tmp_path / "elsewhere"))
        assert environment.submit(call).result(TIMEOUT) == "found"

    def test_a_queued_task_has_the_code_of_its_submission(
        self, environment: SubmissionEnvironment, own: Import, tmp_path: Path
    ) -> None:
        module = own("own_edited")
        first = environment.submit(module.value)
        (tmp_path / "own_edited.py").write_text("def value():\n    return 'edited, and longer'\n")
        importlib.invalidate_caches()
        second = environment.submit(importlib.reload(module).value)
        assert first.result(TIMEOUT) == "first"
        assert second.result(TIMEOUT) == "edited, and longer"

    def test_a_traceback_is_that_of_a_plain_run(
        self, environment: SubmissionEnvironment, own: Import, script: Any
    ) -> None:
        for call in (own("own_files").fail, script.fail):
            with pytest.raises(ValueError, match="said") as caught:
                call(0)
            trace = caught.value.__traceback__
            here = "".join(traceback.format_tb(trace and trace.tb_next))
            job = environment.submit(call, 0).wait(TIMEOUT)
            assert here
            assert here in job.error_log()


def _write(directory: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
