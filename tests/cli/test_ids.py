"""Shortened, ambiguous, unknown and empty ids."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from remotebatch import SubmissionEnvironment


def _submit_with_ids(env: SubmissionEnvironment, monkeypatch: pytest.MonkeyPatch, *job_ids: str) -> None:
    for job_id in job_ids:
        with monkeypatch.context() as patched:
            patched.setattr(uuid, "uuid4", lambda chosen=job_id: uuid.UUID(chosen))
            job = env.submit(str.upper, job_id[-2:])
        job.wait()


FIRST = "aaaa1111-0000-4000-8000-0000000000f1"
SECOND = "aaaa2222-0000-4000-8000-0000000000f2"


@pytest.fixture
def two(env: SubmissionEnvironment, monkeypatch: pytest.MonkeyPatch) -> None:
    _submit_with_ids(env, monkeypatch, FIRST, SECOND)


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize("given", [FIRST, FIRST.upper(), FIRST[:8], "AAAA1", FIRST[:-1]])
def test_unambiguous(cli: Any, given: str) -> None:
    assert cli.succeed("result", given) == "F1\n"


@pytest.mark.usefixtures("two")
def test_ambiguous(cli: Any) -> None:
    said = cli.fail("status", "aaaa")
    assert said.startswith("Error: 2 jobs begin with 'aaaa': ")
    assert FIRST in said
    assert SECOND in said


@pytest.mark.usefixtures("two")
def test_unknown(cli: Any) -> None:
    said = cli.fail("status", "b")
    assert said.startswith("Error: no job begins with 'b'; the newest are: ")
    assert SECOND in said
    assert "Error: no job '00000000-" in cli.fail("status", str(uuid.UUID(int=0)))


def test_empty(cli: Any, env: SubmissionEnvironment) -> None:
    env.submit(pow, 2, 3).wait()
    assert cli.fail("delete", "") == "Error: the id is empty\n"
    assert len(env.jobs()) == 1
