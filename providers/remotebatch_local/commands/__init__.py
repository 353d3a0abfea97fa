"""Commands that the Local provider adds to the command line."""
