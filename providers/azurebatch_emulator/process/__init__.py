"""The service as a process: configuration, data directory, Azurite beside it, start and stop."""
