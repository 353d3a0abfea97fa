"""The wire format of the data plane: its models and its errors."""
