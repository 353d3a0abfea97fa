"""Where a job's files lie: Microsoft's Batch File Conventions."""
