"""The background process that runs jobs, and the client's side of it."""
