"""`$select`, `$expand`, `maxresults` and paging: a list request, and the body that answers it."""

import base64
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple, TypeVar
from urllib.parse import parse_qsl, unquote_plus

from msgspec import Struct

from azurebatch_emulator.protocol.errors import BatchServiceError
from azurebatch_emulator.protocol.models.common import encode
from azurebatch_emulator.web.filters import Filter, compile_filter

MOST = 1000
"""The most resources that one page can have, and how many it has unless the client wants fewer."""

ENTITIES = "Microsoft.Azure.Batch.Protocol.Entities."
"""What the names of those begin with that are no element of a list."""
_SETS = {"jobsofschedule": "jobs", "applications": "listapplicationsummariesresponses"}
"""Lists whose metadata has another name."""

T = TypeVar("T")


class Query(NamedTuple):
    """What a request wants of a list, or of one resource."""

    filter: str | None = None
    select: str | None = None
    expands_stats: bool = False
    limit: int = MOST
    after: str | None = None
    """The key of the last resource of the page before."""
    repeated: str = ""
    """The query for the next page, but for its skip token."""


def read_query(text: str) -> Query:
    """Read the query of a URL, without its question mark.

    :raises BatchServiceError: if a value is not valid.
    """
    given: dict[str, str] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        given.setdefault(name.lower(), value)
    return Query(
        filter=given.get("$filter", "").strip() or None,
        select=given.get("$select", "").strip() or None,
        expands_stats=_expands_stats(given.get("$expand")),
        limit=_limit(given.get("maxresults")),
        after=_key(given.get("$skiptoken")),
        repeated="&".join(part for part in text.split("&") if not _is_skip_token(part)),
    )


def in_order(resources: Mapping[str, T], query: Query) -> Iterator[tuple[str, T]]:
    """The resources that come after the pages already given, by the order of their keys.

    What is added or removed between two pages, or while this runs, makes no other resource appear twice or
    not at all.
    """
    after = query.after
    for key in sorted(key for key in list(resources) if after is None or key > after):
        resource = resources.get(key)
        if resource is not None:
            yield key, resource


def page(items: Iterable[tuple[str, Struct]], query: Query, *, kind: str, endpoint: str, path: str) -> bytes:
    """The body of one page.

    `items` are keys and resources in ascending order of keys, beginning after `query.after`; `kind` is one of
    `filterable.LISTS`; `endpoint` and `path` are those of the request, the path still percent-encoded.

    :raises BatchServiceError: if the filter or the selection is not valid.
    """
    passes = compile_filter(query.filter, kind) if query.filter is not None else None
    found = list(islice(_passing(items, passes), query.limit + 1))
    names = _names(query.select)
    body: dict[str, object] = {
        "odata.metadata": f"{endpoint}/$metadata#{_SETS.get(kind, kind)}",
        "value": [_shown(resource, names, query.expands_stats) for _, resource in found[: query.limit]],
    }
    if len(found) > query.limit:
        last, _ = found[query.limit - 1]
        query_text = f"{query.repeated}&" if query.repeated else ""
        body["odata.nextLink"] = f"{endpoint}{path}?{query_text}$skiptoken={_token(last)}"
    return encode(body)


def element(resource: Struct, query: Query, *, kind: str, endpoint: str) -> bytes:
    """The body that shows one resource.

    :raises BatchServiceError: if the selection is not valid.
    """
    element = kind if kind.startswith(ENTITIES) else f"{kind}/@Element"
    metadata = {"odata.metadata": f"{endpoint}/$metadata#{element}"}
    return encode(metadata | _fields(resource, _names(query.select), query.expands_stats))


def _passing(items: Iterable[tuple[str, Struct]], passes: Filter | None) -> Iterable[tuple[str, Struct]]:
    return items if passes is None else (item for item in items if passes(item[1]))


def _refusal(name: str, value: str, reason: str) -> BatchServiceError:
    return BatchServiceError(
        "InvalidQueryParameterValue", QueryParameterName=name, QueryParameterValue=value, Reason=reason
    )


# $select and $expand. Statistics are shown only to who expands them.


def _names(text: str | None) -> frozenset[str] | None:
    """The selected properties; None for all."""
    names = _listed(text)
    return None if "*" in names else names or None


def _listed(text: str | None) -> frozenset[str]:
    return frozenset(name.strip() for name in (text or "").split(",")) - {""}


def _shown(resource: Struct, names: frozenset[str] | None, stats: bool) -> object:
    if names is None and (stats or getattr(resource, "stats", None) is None):
        return resource
    return _fields(resource, names, stats)


def _fields(resource: Struct, names: frozenset[str] | None, stats: bool) -> dict[str, object]:
    wire_names, values = _reader(type(resource), names, stats)
    return {name: value for name, value in zip(wire_names, values(resource)) if value is not None}


@lru_cache(maxsize=256)
def _reader(
    model: type[Struct], names: frozenset[str] | None, stats: bool
) -> tuple[tuple[str, ...], Callable[[Struct], tuple[object, ...]]]:
    """The wire names of the selected fields of a model, and a function that gets their values."""
    fields = dict(zip(model.__struct_encode_fields__, model.__struct_fields__))
    # Every resource may be asked for its statistics, also one that has none.
    if unknown := (names or frozenset()) - fields.keys() - {"stats"}:
        raise _refusal("$select", min(unknown), f"There is no property '{min(unknown)}'.")
    if not stats:
        fields.pop("stats", None)
    chosen = {wire: field for wire, field in fields.items() if names is None or wire in names}
    return tuple(chosen), _values(tuple(chosen.values()))


def _values(fields: tuple[str, ...]) -> Callable[[Struct], tuple[Any, ...]]:
    if len(fields) > 1:
        return operator.attrgetter(*fields)
    return lambda resource: tuple(getattr(resource, field) for field in fields)


def _expands_stats(text: str | None) -> bool:
    names = _listed(text)
    if unknown := names - {"stats"}:
        raise _refusal("$expand", min(unknown), f"The property '{min(unknown)}' cannot be expanded.")
    return bool(names)


# maxresults and $skiptoken


def _limit(text: str | None) -> int:
    if text is None:
        return MOST
    if re.fullmatch(r"-?[0-9]{1,10}", text) is None:
        raise _refusal("maxresults", text, "It must be an integer.")
    if int(text) < 1:
        raise _refusal("maxresults", text, "MaxResults cannot be less than 1")
    if int(text) > MOST:
        raise _refusal("maxresults", text, f"MaxResults cannot be greater than {MOST}")
    return int(text)


def _token(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def _key(token: str | None) -> str | None:
    if token is None:
        return None
    try:
        return base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True).decode()
    except ValueError as error:
        raise _refusal("$skiptoken", token, "It is not one that the service gave.") from error


def _is_skip_token(part: str) -> bool:
    return unquote_plus(part.partition("=")[0]).lower() == "$skiptoken"
