"""Environment variables that every provider sets for its tasks."""

from __future__ import annotations

from remotebatch.provider.records import JobRecord

JOB_ID_VARIABLE = "REMOTEBATCH_JOB_ID"
"""Variable that is set in every task, and nowhere else."""
THREAD_COUNT_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "RAYON_NUM_THREADS",
    "JULIA_NUM_THREADS",
)
"""Variables by which numerical libraries take the number of threads to use."""


def job_variables(job: JobRecord) -> dict[str, str]:
    """Environment variables that a provider sets for all tasks of a job; the user's own win."""
    vcpus = str(job.settings.vcpu_count)
    return {
        **dict.fromkeys(THREAD_COUNT_VARIABLES, vcpus),
        "REMOTEBATCH_VCPU_COUNT": vcpus,
        **job.settings.environment,
    }


def task_variables(job: JobRecord, index: int, attempt: int) -> dict[str, str]:
    """Environment variables that a provider sets for one attempt of a task.

    What differs from job to job is among them, so that the rest may be shared by the tasks of several jobs.
    """
    variables = {
        JOB_ID_VARIABLE: job.id,
        "REMOTEBATCH_TASK_INDEX": str(index),
        "REMOTEBATCH_ATTEMPT": str(attempt),
    }
    if job.settings.seed is not None:  # none in a record from before there was one
        variables["REMOTEBATCH_SEED"] = str(job.settings.seed)
    return variables
