"""Blob Storage: where a job's blobs lie, and how they are read and written."""
