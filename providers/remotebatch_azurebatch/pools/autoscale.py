"""The formula by which a pool scales."""

from __future__ import annotations

_FORMULA = """\
window = TimeInterval_Minute * 5;
known = $PendingTasks.GetSamplePercent(window) >= 50;
waiting = known ? max($PendingTasks.GetSample(1), avg($PendingTasks.GetSample(window))) \
: max(0, $PendingTasks.GetSample(1));
wanted = (waiting + $TaskSlotsPerNode - 1) / $TaskSlotsPerNode;
{target} = min({max_nodes}, wanted);
{other} = 0;
$NodeDeallocationOption = taskcompletion;
"""


def autoscale_formula(max_nodes: int, spot: bool = False) -> str:
    """The formula by which a pool has nodes while it has tasks, and none otherwise.

    :param max_nodes: nodes that it never exceeds.
    :param spot: use spot nodes in place of dedicated ones.
    """
    dedicated, low_priority = "$TargetDedicatedNodes", "$TargetLowPriorityNodes"
    target, other = (low_priority, dedicated) if spot else (dedicated, low_priority)
    return _FORMULA.format(max_nodes=max_nodes, target=target, other=other)
