"""Where a job's files are stored: Batch File Conventions, names of blobs, a store in a file system."""
