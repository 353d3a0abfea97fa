"""The REST face of the service: requests in, Azure's answers out."""
