"""Azure Batch's own objects: jobs and their parts, metadata, and the requests that make them."""
