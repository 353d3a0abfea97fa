"""Where the kernel runs: what a host gives a task, and where its files are."""
