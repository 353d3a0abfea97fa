"""From a packed submission to Azure Batch jobs."""
