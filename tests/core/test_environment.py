"""What an environment refuses to give."""

from __future__ import annotations

import pytest

from remotebatch import ProviderError, SubmissionEnvironment


def test_a_provider_without_pools_says_so(env: SubmissionEnvironment) -> None:
    with pytest.raises(ProviderError, match="the Local provider has no pools to manage"):
        _ = env.pool
