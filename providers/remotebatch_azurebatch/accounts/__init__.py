"""The two accounts that a job needs: connections, Microsoft's clients, credentials."""
