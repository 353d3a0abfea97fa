"""What the kernel raises when it, and not the user's function, cannot go on."""

from __future__ import annotations


class KernelFailure(Exception):
    """A failure with a place in the client's ``FailureType`` and an exit code of its own."""

    def __init__(self, failure_type: str, exit_code: int, message: str) -> None:
        super().__init__(message)
        self.failure_type = failure_type
        self.exit_code = exit_code
        self.message = message
