"""Commands that the AzureBatch provider adds to ``remotebatch``."""
