"""The Batch File Conventions, against the table of the standard's own unit tests."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remotebatch import InvalidSetting
from remotebatch.storage.conventions import container_name, job_output_path, task_output_path

JOB_IDS = st.from_regex(r"[A-Za-z0-9_:-]{1,64}", fullmatch=True)


@pytest.mark.parametrize(
    ("job_id", "container"),
    [
        ("job-15", "job-job-15"),
        ("MyTerrificJob", "job-myterrificjob"),
        ("J", "job-j"),
        ("my_job-bob", "job-my-job-bob-e04620bc2add214df74e158ba60d24273a0e0927"),
        ("-my_job-sam--", "job-my-job-sam-47f54d840815af2592a12213db05f8a8277a098d"),
        ("---", "job-job-58b63e273b964039d6ef432a415df3f177c818e5"),
        (
            "myverylongjobnameallinonewordreallystartingtogetreallysillynow",
            "job-myverylongjobna-a8700e4947d0c8c621e53b24246aa0349d830e41",
        ),
        ("a" * 59, "job-" + "a" * 59),
    ],
)
def test_container_name(job_id: str, container: str) -> None:
    assert container_name(job_id) == container


@given(JOB_IDS)
def test_container_name_is_one_that_blob_storage_takes(job_id: str) -> None:
    name = container_name(job_id)
    assert 3 <= len(name) <= 63
    assert re.fullmatch(r"[a-z0-9](-?[a-z0-9])*", name)
    assert name == container_name(job_id.upper())


@pytest.mark.parametrize("job_id", ["", "a" * 65, "with space", "dot.ted", "ü"])
def test_impossible_ids_are_refused(job_id: str) -> None:
    with pytest.raises(InvalidSetting, match="job id"):
        container_name(job_id)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("stdout.txt", "t1/$TaskLog/stdout.txt"),
        ("a/b.txt", "t1/$TaskLog/a/b.txt"),
        (r"a\b.txt", "t1/$TaskLog/a/b.txt"),
        ("../../x", "t1/$TaskLog/x"),
        ("./x", "t1/$TaskLog/x"),
    ],
)
def test_task_output_path(path: str, expected: str) -> None:
    assert task_output_path("t1", "TaskLog", path) == expected
    assert task_output_path("t1", "$TaskLog", path) == expected


def test_job_output_path() -> None:
    assert job_output_path("JobOutput", "model.bin") == "$JobOutput/model.bin"


@pytest.mark.parametrize("path", ["/etc/passwd", "c:/x", "", "..", "../"])
def test_paths_that_are_not_relative_are_refused(path: str) -> None:
    with pytest.raises(InvalidSetting, match="output path"):
        task_output_path("t1", "TaskLog", path)
