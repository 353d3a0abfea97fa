"""Where the emulator may differ from the recorded answers, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from tests.emulator.golden.comparison import Difference


@dataclass(frozen=True)
class Allowed:
    """What may differ: an operation, a place in its answer and the problem there, all with wildcards."""

    operation: str
    place: str
    problem: str
    reason: str

    def covers(self, operation: str, difference: Difference) -> bool:
        """Whether this difference in an answer to this operation is one of them."""
        return (
            fnmatchcase(operation, self.operation)
            and fnmatchcase(difference.place, self.place)
            and fnmatchcase(difference.problem, self.problem)
        )


ALLOWED: Sequence[Allowed] = (
    Allowed(
        "list_applications", "value.*", "missing", "the emulator has no application packages, so lists none"
    ),
    Allowed("get_pool", "autoScaleRun*", "*", "the emulator shows the first evaluation at once, Azure later"),
    Allowed("list_pool_usage_metrics", "value.*", "missing", "the emulator keeps no account of core hours"),
    Allowed(
        "list_*_files", "value.*certs", "missing", "Azure's place for certificates, which it has abolished"
    ),
    Allowed("list_node_files", "value.volatile/startup", "missing", "a directory of Azure's node agent"),
)
