"""For authors of providers: the tests that every provider must pass.

Subclass :class:`ProviderContract` in a pytest module and give it an ``environment`` fixture::

    class TestMyProvider(ProviderContract):
        @pytest.fixture
        def environment(self):
            return SubmissionEnvironment("Mine", where="test")

A provider with an optional capability adds the mixin of that capability, such as :class:`PoolContract`.
Needs pytest, which remotebatch itself does not depend on.
"""

from remotebatch.testing.contract import (
    ArrayContract,
    AttachContract,
    CodeContract,
    CommandContract,
    ControlContract,
    FailureContract,
    PoolContract,
    ProviderContract,
    SingleContract,
)

__all__ = [
    "ArrayContract",
    "AttachContract",
    "CodeContract",
    "CommandContract",
    "ControlContract",
    "FailureContract",
    "PoolContract",
    "ProviderContract",
    "SingleContract",
]
