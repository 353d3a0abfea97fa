"""What runs tasks: processes forked from a fork server, or containers. Users know only the protocol."""

from remotebatch_execution.runners.base import GRACE, Runner, TaskEnd, TaskSpec

__all__ = ["GRACE", "Runner", "TaskEnd", "TaskSpec"]
