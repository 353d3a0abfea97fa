"""What a template comes to: an ARM template and one in Bicep, evaluated as a deployment would, without Azure.

The expressions of both are parsed by one grammar, Bicep's, as those of ARM are a part of it. What the
evaluation does not know, a function or a name, is a KeyError.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

GROUP = "/subscriptions/s/resourceGroups/g"
Scope = Mapping[str, Callable[[], Any]]


@dataclass(frozen=True)
class Resource:
    """A resource as it is asked for."""

    type: str
    name: str
    """Its own, after those of its parents."""
    api_version: str
    body: dict[str, Any]
    """Everything but what has a field of its own here."""
    depends_on: set[str]
    """Ids that an ARM template names; in Bicep they follow from the rest."""

    @property
    def id(self) -> str:
        return resource_id(self.type, *self.name.split("/"))


@dataclass(frozen=True)
class Deployment:
    """All that a template comes to."""

    resources: dict[str, Resource] = field(default_factory=dict)
    """By their ids."""
    outputs: dict[str, Any] = field(default_factory=dict)
    unused: set[str] = field(default_factory=set)
    """Parameters and variables that nothing asked for."""

    def of_type(self, kind: str) -> list[Resource]:
        return [resource for resource in self.resources.values() if resource.type == kind]

    def add(self, resource: Resource) -> None:
        assert resource.id not in self.resources
        self.resources[resource.id] = resource


def deploy_arm(text: str, given: Mapping[str, Any]) -> Deployment:
    """Evaluate an ARM template."""
    template = json.loads(text)
    declared = set(template["parameters"])
    assert set(given) <= declared
    used: set[str] = set()

    @cache
    def parameter(name: str) -> Any:
        used.add(name)
        return given[name] if name in given else value_of(template["parameters"][name]["defaultValue"])

    @cache
    def variable(name: str) -> Any:
        used.add(name)
        return value_of(template["variables"][name])

    functions: dict[str, Callable[..., Any]] = {**_FUNCTIONS, "parameters": parameter, "variables": variable}

    def value_of(value: Any) -> Any:
        if isinstance(value, dict):
            return {value_of(key): value_of(entry) for key, entry in value.items()}
        if isinstance(value, list):
            return [value_of(entry) for entry in value]
        if isinstance(value, str) and value.startswith("["):
            return evaluate(_expression(value[1:-1]), {}, functions)
        return value

    deployment = Deployment()
    for resource in template["resources"]:
        body = value_of(resource)
        if body.pop("condition", True):
            kind, name, version = (body.pop(key) for key in ("type", "name", "apiVersion"))
            deployment.add(Resource(kind, name, version, body, set(body.pop("dependsOn", ()))))
    deployment.outputs.update({name: value_of(entry["value"]) for name, entry in template["outputs"].items()})
    deployment.unused.update((declared | set(template["variables"])) - used)
    return deployment


def deploy_bicep(text: str, given: Mapping[str, Any]) -> Deployment:
    """Evaluate a template in Bicep."""
    declarations = {_text(node.named_children[0]): node for node in _bicep(text) if _declares(node)}
    kinds: dict[str, list[str]] = {}
    for name, node in declarations.items():
        kinds.setdefault(node.type, []).append(name)
    assert set(given) <= set(kinds["parameter_declaration"])
    used: set[str] = set()

    @cache
    def value_of(name: str) -> Any:
        node = declarations[name]
        if node.type == "resource_declaration":
            return symbol(name)
        if name in given:
            return given[name]
        return evaluate(node.named_children[-1], scope, _FUNCTIONS)

    def look_up(name: str) -> Callable[[], Any]:
        def found() -> Any:
            used.add(name)
            return value_of(name)

        return found

    scope = {name: look_up(name) for name in declarations}

    def properties(name: str) -> dict[str, Node]:
        body = declarations[name].named_children[-1]
        body = body.named_children[-1] if body.type == "if_statement" else body
        return {_text(entry.named_children[0]): entry.named_children[1] for entry in body.named_children}

    def full_name(name: str) -> str:
        found = properties(name)
        own = evaluate(found["name"], scope, _FUNCTIONS)
        return f"{full_name(_text(found['parent']))}/{own}" if "parent" in found else own

    def header(name: str) -> tuple[str, str]:
        kind, _, version = evaluate(declarations[name].named_children[1], {}, {}).partition("@")
        return kind, version

    def symbol(name: str) -> dict[str, Any]:
        whole = full_name(name)
        identity = resource_id(header(name)[0], *whole.split("/"))
        return {"id": identity, "name": whole.split("/")[-1], "properties": Reference(identity)}

    deployment = Deployment()
    for name in kinds["resource_declaration"]:
        condition = declarations[name].named_children[-1]
        if condition.type == "if_statement" and not evaluate(condition.named_children[0], scope, _FUNCTIONS):
            continue
        body = {
            key: evaluate(node, scope, _FUNCTIONS)
            for key, node in properties(name).items()
            if key not in ("name", "parent", "dependsOn")
        }
        if "scope" in body:
            body["scope"] = body["scope"]["id"]
        kind, version = header(name)
        deployment.add(Resource(kind, full_name(name), version, body, set()))
    outputs = {
        _text(node.named_children[0]): node for node in _bicep(text) if node.type == "output_declaration"
    }
    deployment.outputs.update(
        {name: evaluate(node.named_children[-1], scope, _FUNCTIONS) for name, node in outputs.items()}
    )
    named = {*kinds["parameter_declaration"], *kinds["variable_declaration"]}
    deployment.unused.update(named - used)
    return deployment


# -- expressions ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Reference:
    """Properties that a resource has once it is there: known by their names only."""

    id: str

    def __getitem__(self, name: str) -> str:
        return f"<{name} of {self.id}>"


def evaluate(node: Node, scope: Scope, functions: Mapping[str, Callable[..., Any]]) -> Any:
    """The value of an expression."""

    def value(part: Node) -> Any:
        return evaluate(part, scope, functions)

    parts = node.named_children
    match node.type:
        case "string":
            return "".join(str(value(part)) for part in parts)
        case "string_content":
            return _text(node)
        case "escape_sequence":
            return {"\\n": "\n", "\\'": "'", "\\\\": "\\", "\\$": "$"}[_text(node)]
        case "interpolation" | "parenthesized_expression":
            return value(parts[0])
        case "number":
            return int(_text(node))
        case "boolean":
            return _text(node) == "true"
        case "identifier":
            return scope[_text(node)]()
        case "array":
            return [value(part) for part in parts]
        case "object":
            return {_key(part.named_children[0], value): value(part.named_children[1]) for part in parts}
        case "member_expression":
            return value(parts[0])[_text(parts[1])]
        case "subscript_expression":
            return value(parts[0])[value(parts[1])]
        case "unary_expression":
            assert _text(node).startswith("!")
            return not value(parts[0])
        case "ternary_expression":
            return value(parts[1]) if value(parts[0]) else value(parts[2])
        case "call_expression":
            return functions[_text(parts[0])](*(value(part) for part in parts[1].named_children))
    raise KeyError(f"{node.type}: {_text(node)}")


def resource_id(kind: str, *names: str) -> str:
    """Id of a resource of the group."""
    namespace, *types = kind.split("/")
    return f"{GROUP}/providers/{namespace}" + "".join(f"/{each}/{name}" for each, name in zip(types, names))


def _format(text: str, *values: Any) -> str:
    return re.sub(r"\{(\d+)\}", lambda found: str(values[int(found[1])]), text)


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "createArray": lambda *values: list(values),
    "empty": lambda value: not value,
    "format": _format,
    "guid": lambda *texts: str(uuid.uuid5(uuid.NAMESPACE_URL, " ".join(texts))),
    "if_": lambda condition, yes, no: yes if condition else no,
    "join": lambda texts, between: between.join(texts),
    "not": lambda value: not value,
    "reference": lambda identity, _version: Reference(identity),
    "resourceGroup": lambda: {"id": GROUP, "location": "northeurope"},
    "resourceId": resource_id,
    "subscriptionResourceId": lambda kind, name: f"/subscriptions/s/providers/{kind}/{name}",
    "uniqueString": lambda text: "abcdefghijklm",
}


def _expression(text: str) -> Node:
    """An expression of an ARM template."""
    in_bicep = re.sub(r"\bif\(", "if_(", text.replace("\n", "\\n"))
    (declaration,) = _bicep(f"var x = {in_bicep}\n")
    return declaration.named_children[-1]


def _bicep(text: str) -> list[Node]:
    root = Parser(Language(tree_sitter_bicep.language())).parse(text.encode()).root_node
    assert not root.has_error, text
    return root.named_children


def _declares(node: Node) -> bool:
    return node.type in ("parameter_declaration", "variable_declaration", "resource_declaration")


def _key(node: Node, value: Callable[[Node], Any]) -> Any:
    return value(node) if node.type == "string" else _text(node)


def _text(node: Node) -> str:
    assert node.text is not None
    return node.text.decode()
