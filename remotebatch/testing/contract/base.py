"""What the parts of the contract have in common.

Functions that are sent are defined inside the tests, and use no global of their module: they travel by value,
so that a node needs nothing but Python.
"""

from __future__ import annotations

import pytest

from remotebatch import SubmissionEnvironment

TIMEOUT = 60.0
"""Seconds in which a task of the tests must have ended."""


class Contract:
    """A part of the contract; a subclass gives the ``environment`` fixture."""

    @pytest.fixture
    def environment(self) -> SubmissionEnvironment:
        """The environment to test, with at least two slots."""
        raise NotImplementedError("a subclass gives the environment fixture")
