"""What this process knows of jobs, kept fresh for everyone who asks."""
