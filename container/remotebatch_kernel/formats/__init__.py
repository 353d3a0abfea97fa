"""The file formats that client and kernel share, and the kernel's exit codes."""
