"""What a provider implements, and the records that it stores."""
