"""One task's evaluation: its function and arguments are read, called, and the result is stored."""
