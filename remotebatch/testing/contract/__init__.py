"""What users may rely on, whatever the provider: the same assertions for all, in mixins by capability."""

from remotebatch.testing.contract.arrays import ArrayContract
from remotebatch.testing.contract.attach import AttachContract
from remotebatch.testing.contract.code import CodeContract
from remotebatch.testing.contract.commands import CommandContract
from remotebatch.testing.contract.control import ControlContract
from remotebatch.testing.contract.failures import FailureContract
from remotebatch.testing.contract.pools import PoolContract
from remotebatch.testing.contract.single import SingleContract


class ProviderContract(
    SingleContract,
    FailureContract,
    ControlContract,
    ArrayContract,
    CommandContract,
    AttachContract,
    CodeContract,
):
    """The core, which every provider has; subclass it with an ``environment`` fixture."""


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
