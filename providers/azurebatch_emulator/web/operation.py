"""What an operation is made of: the call it gets, the answer it gives, and the list of all operations."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from email.utils import format_datetime
from functools import cached_property
from typing import Protocol, TypeVar, runtime_checkable

import msgspec

from azurebatch_emulator.execution.storage import Storage
from azurebatch_emulator.protocol.errors import BatchServiceError
from azurebatch_emulator.protocol.models.common import decode, encode, moment
from azurebatch_emulator.state.account import Account
from azurebatch_emulator.web import lists
from azurebatch_emulator.web.conditions import check_conditions
from remotebatch.validation import problem_of

JSON = "application/json; odata=minimalmetadata"
T = TypeVar("T")


@runtime_checkable
class Resource(Protocol):
    """What has an eTag."""

    e_tag: str
    last_modified: str


@dataclass(frozen=True)
class Answer:
    """What a call is answered with."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | AsyncIterator[bytes] = b""


@dataclass(frozen=True)
class Call:
    """One request, authenticated, its body read."""

    account: Account
    storage: Storage
    """What reaches the containers that clients name."""
    endpoint: str
    """Address of the service as the client has it; addresses of an answer's own request begin with it.

    Addresses of resources are the service's own for all clients.
    """
    method: str
    path: str
    """As on the wire: percent-encoded."""
    query_text: str
    parameters: Mapping[str, str]
    """The variable parts of the path."""
    headers: Mapping[str, str]
    """By their names in lower case."""
    content: bytes

    @property
    def url(self) -> str:
        """Address of the request, without its query."""
        return self.endpoint + self.path

    @cached_property
    def query(self) -> lists.Query:
        """What the query wants of a list or a resource."""
        return lists.read_query(self.query_text)

    def flag(self, name: str) -> bool:
        """Whether a parameter of the query is true."""
        return dict(part.partition("=")[::2] for part in self.query_text.split("&")).get(name, "") == "true"

    def body(self, kind: type[T], default: T | None = None) -> T:
        """The body of the request.

        :param default: what a missing body stands for; without one it is refused.
        :raises BatchServiceError: if it is not as the operation wants it.
        """
        if not self.content.strip() and default is not None:
            return default
        try:
            return decode(kind, self.content)
        except msgspec.ValidationError as error:
            raise _invalid(error, self.content) from error
        except (msgspec.DecodeError, RecursionError) as error:
            raise BatchServiceError("InvalidRequestBody", Reason=str(error)) from error

    def check(self, resource: Resource) -> None:
        """Check the conditional headers.

        :raises BatchServiceError: if a condition is not met.
        """
        check_conditions(
            self.method, self.headers, last_modified=resource.last_modified, e_tag=resource.e_tag
        )

    # -- answers ----------------------------------------------------------------------------

    def created(self, url: str, resource: Resource, data_service_id: str | None = None) -> Answer:
        """201: something was made."""
        headers = {"DataServiceId": data_service_id or url, "Location": url, **_stamps(resource)}
        return Answer(201, headers)

    def changed(self, resource: Resource, status: int = 200) -> Answer:
        """Something was changed, or is about to."""
        return Answer(status, {"DataServiceId": self.url, **_stamps(resource)})

    def done(self, status: int = 200) -> Answer:
        """It is done; the answer has no body."""
        return Answer(status, {"DataServiceId": self.url})

    def element(self, resource: msgspec.Struct, kind: str) -> Answer:
        """200: one resource."""
        stamps = _stamps(resource) if isinstance(resource, Resource) else {}
        body = lists.element(resource, self.query, kind=kind, endpoint=self.endpoint)
        return Answer(200, {"Content-Type": JSON, **stamps}, body)

    def page(self, items: Iterable[tuple[str, msgspec.Struct]], kind: str) -> Answer:
        """200: one page of a list."""
        body = lists.page(items, self.query, kind=kind, endpoint=self.endpoint, path=self.path)
        return Answer(200, {"Content-Type": JSON}, body)

    def value(self, values: list[object], kind: str) -> Answer:
        """200: a list that has no pages."""
        return self.json({"odata.metadata": f"{self.endpoint}/$metadata#{kind}", "value": values})

    def json(self, body: object, headers: Mapping[str, str] | None = None) -> Answer:
        """200: anything else."""
        return Answer(200, {"Content-Type": JSON, **(headers or {})}, encode(body))


Handler = Callable[[Call], "Answer | Awaitable[Answer]"]


@dataclass(frozen=True)
class Operation:
    """One operation of the data plane."""

    name: str
    method: str
    path: str
    handler: Handler

    async def answer(self, call: Call) -> Answer:
        """Carry it out."""
        answer = self.handler(call)
        return await answer if inspect.isawaitable(answer) else answer


OPERATIONS: list[Operation] = []
"""All operations, by the files of this package that define them."""


def operation(method: str, path: str) -> Callable[[Handler], Handler]:
    """Make a function an operation, of the name that Microsoft's Python client gives it."""

    def add(handler: Handler) -> Handler:
        OPERATIONS.append(Operation(handler.__name__, method, path, handler))
        return handler

    return add


def http_time(text: str) -> str:
    """A time of ours as a header has it."""
    return format_datetime(moment(text), usegmt=True)


def _stamps(resource: Resource) -> dict[str, str]:
    return {"ETag": resource.e_tag, "Last-Modified": http_time(resource.last_modified)}


def _invalid(error: msgspec.ValidationError, content: bytes) -> BatchServiceError:
    problem = problem_of(error)
    if problem.missing is not None:
        name = ".".join(filter(None, (problem.where, problem.missing)))
        return BatchServiceError("MissingRequiredProperty", PropertyName=name)
    is_whole_body = problem.text.startswith("Expected") and not problem.path
    if is_whole_body or problem.text.startswith("Object contains unknown field"):
        return BatchServiceError("InvalidRequestBody", Reason=str(error))
    name, value = problem.where, _property(content, problem.path)
    if not value:
        return BatchServiceError("InvalidPropertyValue", PropertyName=name, Reason=problem.text)
    return BatchServiceError(
        "InvalidPropertyValue", PropertyName=name, PropertyValue=value, Reason=problem.text
    )


def _property(content: bytes, path: Iterable[str | int]) -> str | None:
    """The text of a property of a body; None if it cannot be found."""
    try:
        found = msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError):  # what comes after the property is wrong, too
        return None
    for step in path:
        if step == "...":
            continue
        if isinstance(found, dict):
            found = found.get(step)
        elif isinstance(found, list) and isinstance(step, int) and step < len(found):
            found = found[step]
        else:
            return None
    return found if found is None or isinstance(found, str) else encode(found).decode()
