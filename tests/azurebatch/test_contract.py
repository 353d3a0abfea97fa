"""The AzureBatch provider keeps the contract, its tasks in containers."""

from __future__ import annotations

import pytest

from remotebatch import SubmissionEnvironment
from remotebatch.testing import ProviderContract


class TestContainers(ProviderContract):
    @pytest.fixture
    def environment(self, env: SubmissionEnvironment) -> SubmissionEnvironment:
        return env
