"""Running tasks on this machine: scheduler, runners, working directories, SQLite.

Local and the Azure Batch emulator both stand on it; it knows neither.
"""
