"""The Local provider keeps the contract, in both of its runtimes."""

from __future__ import annotations

import pytest

from remotebatch import SubmissionEnvironment
from remotebatch.testing import ProviderContract


class TestProcesses(ProviderContract):
    @pytest.fixture
    def environment(self, env: SubmissionEnvironment) -> SubmissionEnvironment:
        return env


class TestContainers(ProviderContract):
    @pytest.fixture
    def environment(self, env: SubmissionEnvironment, matching_image: str) -> SubmissionEnvironment:
        return env.options(container_image=matching_image)
