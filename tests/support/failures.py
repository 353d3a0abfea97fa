"""Failures of jobs, typed."""

from __future__ import annotations

from remotebatch import JobFailed


def job_failed(error: object) -> JobFailed:
    """The error as the ``JobFailed`` that it is."""
    assert isinstance(error, JobFailed)
    return error
