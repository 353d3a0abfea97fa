"""What is known of a submission's tasks, and why they failed."""
