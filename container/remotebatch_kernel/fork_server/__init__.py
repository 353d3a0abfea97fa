"""The fork server: one process that has imported what tasks need and forks a worker for each task."""
