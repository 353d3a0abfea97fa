"""The capability of pools."""

from __future__ import annotations

from remotebatch import SubmissionEnvironment
from remotebatch.testing.contract.base import Contract


class PoolContract(Contract):
    """A provider that has pools."""

    def test_the_pool_reports_its_slots(self, environment: SubmissionEnvironment) -> None:
        status = environment.pool.show()
        assert status.id == environment.pool.id
        assert 0 <= status.free_slots <= status.slots
        assert status.slots >= 2
        assert sum(status.nodes.values()) >= 1
        assert f"{status.slots}, " in str(status)
