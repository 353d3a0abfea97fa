"""The wire models of the Batch data plane, one file per resource."""
