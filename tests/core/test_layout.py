"""Names of a job's files, the same in every store."""

from __future__ import annotations

from remotebatch.storage import layout

TASK = "10000001"


def test_names_in_a_jobs_container() -> None:
    assert layout.INPUTS == "$Inputs/inputs"
    assert layout.result(TASK) == "$Results/10000001"
    assert layout.outputs(TASK) == "10000001/$TaskOutput"
    assert layout.logs(TASK) == "10000001/$TaskLog"


def test_streams_are_addressed_by_task_attempt_and_rank() -> None:
    assert layout.stream(TASK, "stdout") == "10000001/$TaskLog/stdout.txt"
    assert layout.stream(TASK, "stderr", attempt=1) == "10000001/$TaskLog/attempt-1/stderr.txt"
    assert layout.stream(TASK, "stdout", rank=3) == "10000001/$TaskLog/rank-3/stdout.txt"
    assert layout.stream(TASK, "stdout", attempt=2, rank=3) == "10000001/$TaskLog/attempt-2/rank-3/stdout.txt"
    assert layout.stream(TASK, "stdout", attempt=2).startswith(f"{layout.logs(TASK, 2)}/")


def test_what_belongs_to_one_task() -> None:
    for name in (layout.result(TASK), layout.stream(TASK, "stdout"), f"{layout.outputs(TASK)}/a/b.txt"):
        assert layout.task_of(name) == TASK
    assert layout.task_of(layout.INPUTS) is None


def test_what_is_named_by_its_content() -> None:
    assert layout.stored_object("files", "abc") == "files/abc"
