"""The resource model: pools, nodes, jobs, tasks, schedules, what may become of them, and their ledger."""
