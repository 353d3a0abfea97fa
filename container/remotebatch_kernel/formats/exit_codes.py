"""Exit codes of the kernel. A user's own ``sys.exit(n)`` passes through unchanged.

A result object, where one could be written, names the failure exactly; the code is what remains
when nothing could be written, and what a platform's own tools show.
"""

SUCCESS = 0
USER_EXCEPTION = 1
VERSION_MISMATCH = 90
FUNCTION_UNREADABLE = 91
INPUT_UNREADABLE = 92
MODULE_MISSING = 93
RESULT_UNPICKLABLE = 94
RESULT_UNWRITABLE = 95
OUT_OF_MEMORY = 96
SETUP_FAILED = 97
NOT_EXECUTABLE = 126
PROGRAM_NOT_FOUND = 127
TERMINATED = 143

MEANINGS = {
    SUCCESS: "the function returned and its result is stored",
    USER_EXCEPTION: "the function raised an exception",
    VERSION_MISMATCH: "the Python here cannot run a function packed by another minor version",
    FUNCTION_UNREADABLE: "the packed function could not be read or unpickled",
    INPUT_UNREADABLE: "the packed arguments could not be read or unpickled",
    MODULE_MISSING: "a module that the function needs is not installed here",
    RESULT_UNPICKLABLE: "the function's result cannot be pickled",
    RESULT_UNWRITABLE: "the result could not be stored (a full disk, usually)",
    OUT_OF_MEMORY: "the function ran out of memory",
    SETUP_FAILED: "the task's directory, streams or code package could not be made",
    NOT_EXECUTABLE: "the command is not executable",
    PROGRAM_NOT_FOUND: "the command's program was not found",
    TERMINATED: "the task was asked to end (SIGTERM) and did",
}
"""What each code means, for messages and for the documentation."""
