"""Starts coverage in any Python of the environment for it; installed there by ``coverage.sh``."""

from __future__ import annotations

import os


def start(settings: str) -> None:
    """Measure this process and its forks, without a trace in the variables that programs see."""
    if not os.path.exists(settings):
        return
    import coverage

    os.environ["COVERAGE_PROCESS_START"] = settings
    coverage.process_startup()
    del os.environ["COVERAGE_PROCESS_START"]
