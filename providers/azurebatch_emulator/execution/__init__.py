"""What happens on the nodes: running tasks, and what surrounds a task's run."""
