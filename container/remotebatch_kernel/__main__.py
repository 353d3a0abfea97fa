"""Entry point of the kernel.

``kernel.pyz run CALL`` evaluates one task; ``kernel.pyz serve FD SCRATCH FUNCTION
CODE [MODULE…]`` is a fork server.
Without arguments it evaluates the task of the Azure Batch node that it runs on.

This file is parsed by whatever Python an image happens to have, so it stays within the syntax of
old versions until that version has been checked.
"""

import os
import sys

OLDEST_PYTHON = (3, 9)


def main(arguments):  # type: ignore[no-untyped-def]
    """Run the kernel and return its exit code."""
    if sys.version_info < OLDEST_PYTHON:
        sys.stderr.write(
            "remotebatch: this image has Python %d.%d, the kernel needs %d.%d or newer; "
            "choose a container_image with a newer Python\n" % (sys.version_info[:2] + OLDEST_PYTHON)
        )
        return 90  # exit_codes.VERSION_MISMATCH, which an old Python could not import
    # last of all: a remotebatch for tasks, where none is installed
    sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "absent"))
    if not arguments:
        from remotebatch_kernel.hosts.azure_node import run

        return run()
    if arguments[0] == "run":
        from remotebatch_kernel.evaluation.task import Call, prepare_process, run_call

        prepare_process()
        return run_call(Call.from_json(arguments[1]))
    from remotebatch_kernel.system import fork_handlers

    fork_handlers.lighten()
    from remotebatch_kernel.fork_server.server import serve

    return serve(int(arguments[1]), arguments[2], arguments[3], arguments[4], arguments[5:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))  # type: ignore[no-untyped-call]
