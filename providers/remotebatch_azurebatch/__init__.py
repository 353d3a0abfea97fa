"""Runs jobs on Azure Batch and Blob Storage."""
