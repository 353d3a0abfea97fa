"""Files of tasks and nodes: what the real service answered, and the flows that ask the emulator the same."""

from __future__ import annotations

from tests.emulator.golden.flows import delete, flow, get, head, post
from tests.emulator.golden.nodes import NODE, started
from tests.emulator.golden.recorded import TIME, Answer, Body, Kind, answer, listed
from tests.emulator.golden.tasks import TASK, TASKS, on_pool, task

JS = "js file_operations_test"


def entry(name: str, *, of: str, size: str | None = None) -> Body:
    """A file or, without a size, a directory in a list; a size is a text."""
    shown: Body = {
        "name": name,
        "url": "{endpoint}" + f"{of}/files/{name}",
        "isDirectory": size is None,
    }
    if size is not None:
        shown["properties"] = {
            "lastModified": TIME,
            "contentLength": size,
            "contentType": "text/plain",
            "fileMode": "0o100644",
        }
    return shown


def file(operation: str, sources: str, url: str, content: str | None = None) -> Answer:
    """The properties of a file, or its content. The URL in the headers is quoted as a whole."""
    return answer(
        operation,
        sources,
        200,
        content,
        content_type="text/plain",
        last_modified=Kind.DATE,
        ocp_batch_file_isdirectory="False",
        ocp_batch_file_mode="0o100644",
        ocp_batch_file_url=url,
        **({"content_length": Kind.SIZE} if content is None else {}),
    )


_task_file = "{quoted_endpoint}%2Fjobs%2F{job}%2Ftasks%2F{task}%2Ffiles%2Fstdout.txt"
_node_file = "{quoted_endpoint}%2Fpools%2F{pool}%2Fnodes%2F{node}%2Ffiles%2Fstartup%252Fwd%252Fhello.txt"

OF_TASK = listed(
    "list_task_files",
    f"{JS} list task files",
    "files",
    entry("certs", of=TASK),
    entry("stderr.txt", of=TASK, size="0"),
    entry("stdout.txt", of=TASK, size="12"),
    entry("wd", of=TASK),
)
TASK_PROPERTIES = file("get_task_file_properties", f"{JS} get task file properties", _task_file)
TASK_CONTENT = file("download_task_file", f"{JS} get task file content", _task_file, "Hello World\n")
TASK_DELETED = answer("delete_task_file", f"{JS} delete task file")
NO_TASK_FILE = answer("get_task_file_properties", f"{JS} delete task file", 404)

OF_NODE = listed(
    "list_node_files",
    f"{JS} list node files",
    "files",
    *(
        entry(name, of=NODE)
        for name in ("applications", "fsmounts", "shared", "startup", "volatile", "workitems")
    ),
    *(entry(name, of=NODE) for name in ("volatile/startup", "startup/certs", "startup/wd")),
    entry("startup/stderr.txt", of=NODE, size="0"),
    entry("startup/stdout.txt", of=NODE, size="0"),
    entry("startup/wd/hello.txt", of=NODE, size="6"),
)
NODE_PROPERTIES = file("get_node_file_properties", f"{JS} get node file properties", _node_file)
NODE_CONTENT = file("download_node_file", f"{JS} get node file content", _node_file, "hello\n")
NODE_DELETED = answer("delete_node_file", f"{JS} delete node file")
NO_NODE_FILE = answer("get_node_file_properties", f"{JS} delete node file", 404)

_hello = f"{NODE}/files/startup%2Fwd%2Fhello.txt"

FLOWS = (
    flow(
        "a task's files",
        *on_pool(1),
        post(TASKS, body=task("/bin/bash -c 'echo Hello World'")),
        get(TASK).wait("state", "completed"),
        get(f"{TASK}/files", OF_TASK),
        head(f"{TASK}/files/stdout.txt", TASK_PROPERTIES),
        get(f"{TASK}/files/stdout.txt", TASK_CONTENT),
        delete(f"{TASK}/files/stdout.txt", TASK_DELETED),
        head(f"{TASK}/files/stdout.txt", NO_TASK_FILE),
    ),
    flow(
        "a node's files",
        *started,
        get(f"{NODE}/files", OF_NODE, recursive="true"),
        head(_hello, NODE_PROPERTIES),
        get(_hello, NODE_CONTENT),
        delete(_hello, NODE_DELETED),
        head(_hello, NO_NODE_FILE),
    ),
)
