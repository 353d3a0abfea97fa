"""What a running task finds in its surroundings."""

from __future__ import annotations

import os


def vcpu_count() -> int:
    """The task's ``vcpu_count``; outside of any task, the CPUs that this process may use."""
    setting = os.environ.get("REMOTEBATCH_VCPU_COUNT")
    return int(setting) if setting else len(os.sched_getaffinity(0))
