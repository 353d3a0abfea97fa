"""What people read when one of their own modules fails in a task: in their words, with their own paths."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from remotebatch import FailureType, JobFailed, SubmissionEnvironment

IN_TASK = "import os\nin_task = 'REMOTEBATCH_JOB_ID' in os.environ\n"
FILES = {
    "rb_helpers.py": """
import warnings

def divide(value):
    return value / 0

def import_broken():
    import rb_broken

def import_lacking():
    from rb_package import absent_name

def warn():
    warnings.warn("careful")
""",
    "rb_broken.py": "def f(:\n",
    "rb_package/__init__.py": "",
    "rb_raises.py": f"""{IN_TASK}
def check():
    raise ValueError("not in a task")
if in_task:
    check()
def work(value=None): return value
""",
    "rb_exits.py": f"""{IN_TASK}
import sys
if in_task:
    sys.exit(0)
def work(): pass
""",
    "rb_missing.py": f"""{IN_TASK}
if in_task:
    import a_module_nobody_has
def work(value=None): return value
class Thing: pass
""",
    "rb_computed.py": f"""{IN_TASK}
import importlib
if in_task:
    importlib.import_module("a_module" + "_nobody_has")
def work(): pass
""",
    "rb_partly.py": f"""{IN_TASK}
import rb_package
if in_task:
    import rb_package.absent
def work(): pass
""",
    "rb_lacks.py": f"""{IN_TASK}
if not in_task:
    def work(): pass
    class Thing: pass
def use(value): return value
""",
    "rb_edited.py": "def work(): pass\n",
    "rb_unpickled.py": """
class Refuses:
    def __setstate__(self, state):
        raise ValueError("not again")
    def __init__(self): self.value = 1
def use(value): return value
""",
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("rb_")]:
        del sys.modules[name]


def imported(name: str) -> ModuleType:
    return importlib.import_module(name)


@pytest.mark.parametrize("name", ["divide", "import_broken", "import_lacking"])
def test_the_text_of_an_error_is_that_of_a_plain_run(
    env: SubmissionEnvironment, project: Path, name: str
) -> None:
    call = getattr(imported("rb_helpers"), name)
    arguments = (1,) if name == "divide" else ()
    with pytest.raises((ZeroDivisionError, ImportError, SyntaxError)) as caught:
        call(*arguments)
    trace = caught.value.__traceback__
    assert trace is not None
    here = "".join(traceback.format_exception(caught.type, caught.value, trace.tb_next))
    job = env.submit(call, *arguments)
    assert str(job.exception(60)) == str(caught.value)
    assert job.error_log() == here
    shown = "".join(traceback.format_exception(job.exception()))
    assert f"{project}{'/rb_broken.py' if name == 'import_broken' else ''}" in shown
    assert "objects/code" not in shown + str(job.status_reason)


def test_a_warning_names_the_file_here(env: SubmissionEnvironment, project: Path) -> None:
    job = env.submit(imported("rb_helpers").warn).wait(60)
    assert job.evaluation is not None
    file = str(project / "rb_helpers.py")
    assert [(warning["filename"], warning["lineno"]) for warning in job.evaluation.warnings] == [(file, 14)]
    assert job.error_log() == f'{file}:14: UserWarning: careful\n  warnings.warn("careful")\n'


def test_a_module_that_raises_is_an_error_of_the_user(env: SubmissionEnvironment, project: Path) -> None:
    work = imported("rb_raises").work
    array = env.map_submit(lambda value: work(value), [1, 2, 3], chunksize=2)
    for job in env.submit(work), array.wait(60)[0]:
        assert isinstance(job.exception(60), ValueError)
        assert (job.failure_type, job.exit_code) == (FailureType.USER_EXCEPTION, 1)
        assert job.error_log() == (
            "Traceback (most recent call last):\n"
            f'  File "{project}/rb_raises.py", line 7, in <module>\n    check()\n'
            f'  File "{project}/rb_raises.py", line 5, in check\n    raise ValueError("not in a task")\n'
            "ValueError: not in a task\n"
        )


def test_a_module_that_was_edited_until_it_cannot_be_read(env: SubmissionEnvironment, project: Path) -> None:
    work = imported("rb_edited").work
    (project / "rb_edited.py").write_text("def work(:\n")
    error = env.submit(work).exception(60)
    assert isinstance(error, SyntaxError)
    assert (error.filename, error.lineno) == (f"{project}/rb_edited.py", 1)


def test_a_module_that_ends_the_process(env: SubmissionEnvironment, project: Path) -> None:
    job = env.submit(imported("rb_exits").work).wait(60)
    assert job.failure_type is FailureType.NON_ZERO_EXIT
    assert job.status_reason == "a module, as it was imported, called sys.exit(0)"


def reason(env: SubmissionEnvironment, failure: FailureType, function: Any, *args: Any) -> str:
    job = env.submit(function, *args)
    with pytest.raises(JobFailed) as caught:
        job.result(60)
    assert caught.value.failure_type is failure
    assert "objects/code" not in str(caught.value) + job.error_log()
    return str(job.status_reason)


def test_a_missing_module_is_said_to_be_imported_where(env: SubmissionEnvironment, project: Path) -> None:
    module = imported("rb_missing")
    remedy = (
        f"needs the module 'a_module_nobody_has' (imported at {project}/rb_missing.py:5), which is not "
        f"installed where the task runs: install it into the Python there, {sys.executable}, or choose"
    )
    assert f"function work {remedy}" in reason(env, FailureType.MODULE_MISSING, module.work)
    by_argument = reason(env, FailureType.MODULE_MISSING, lambda value: value, module.Thing())
    assert f"an argument of function <lambda> {remedy}" in by_argument
    by_name = reason(env, FailureType.MODULE_MISSING, imported("rb_computed").work)
    assert f"(imported at {project}/rb_computed.py:6)" in by_name
    assert "If it is a module of your own, name it with include=" in by_name


def test_an_own_module_that_did_not_travel(env: SubmissionEnvironment, project: Path) -> None:
    partly = reason(env, FailureType.MODULE_MISSING, imported("rb_partly").work)
    assert (
        f"'rb_package.absent' (imported at {project}/rb_partly.py:6), which is not among the files" in partly
    )
    assert "name it with include=" in partly
    names_only = env.options(include_definitions=False)
    unsent = reason(names_only, FailureType.MODULE_MISSING, imported("rb_helpers").warn)
    assert "'rb_helpers', which is your own and did not travel, because include_definitions is off" in unsent


def test_a_name_that_a_module_lacks_in_the_task(env: SubmissionEnvironment, project: Path) -> None:
    module = imported("rb_lacks")
    for name, args in ("work", ()), ("use", (module.Thing(),)):
        said = reason(env, FailureType.INPUT_UNAVAILABLE, getattr(module, name), *args)
        lacking = name if name == "work" else "Thing"
        assert f"needs {lacking!r} of the module 'rb_lacks' ({project}/rb_lacks.py as it was at" in said


def test_a_class_that_raises_when_it_is_unpickled(env: SubmissionEnvironment, project: Path) -> None:
    module = imported("rb_unpickled")
    said = reason(env, FailureType.INPUT_UNAVAILABLE, module.use, module.Refuses())
    where = f"{project}/rb_unpickled.py:4"
    assert said == f"an argument of function use cannot be read: ValueError: not again, raised at {where}"
