"""``remotebatch image``: container images for tasks, and the Dockerfiles that they are built from."""
