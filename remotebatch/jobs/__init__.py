"""Job objects: single jobs, arrays and their children, waiting, and results."""
