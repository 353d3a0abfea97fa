"""What an environment refuses to give."""

from __future__ import annotations

import pytest

from remotebatch import ProviderError
from remotebatch_local import LocalProvider
from tests.support.providers import environment_of


class Poolless(LocalProvider):
    """A provider that has no pools."""

    @property
    def pools(self) -> None:  # type: ignore[override]
        return None


def test_a_provider_without_pools_says_so(root: str) -> None:
    with pytest.raises(ProviderError, match="the Local provider has no pools to manage"):
        _ = environment_of(Poolless(root=root)).pool
