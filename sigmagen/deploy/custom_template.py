"""An `@custom` component template: Elastic leaves it to the users of an integration, so what they wrote there stays."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy

from sigmagen.deploy.deployment import Body
from sigmagen.packages.elastic.templates import WITHDRAWN

SUFFIX = "@custom"

_WRITABLE = ("template", "version", "_meta", "deprecated")
"""What Elasticsearch takes of a component template; it also says when one was made."""


def fields(body: Body) -> dict[str, Body]:
    """The dotted names of a template's mapped fields, each with its definition."""
    return dict(_fields(_properties(body), ""))


def missing(wanted: Body, there: Body) -> list[str]:
    """The fields of `wanted` that somebody's template does not map and has room for."""
    theirs = fields(there)
    return sorted(name for name in fields(wanted) if name not in theirs and not _blocked(name, theirs))


def withdrawn(wanted: Body, there: Body) -> list[str]:
    """The fields that an earlier package mapped there and that `wanted` says are to go."""
    theirs = fields(there)
    return [name for name in wanted.get("_meta", {}).get(WITHDRAWN, ()) if name in theirs]


def merged(wanted: Body, there: Body, *, ours: bool) -> Body:
    """The template with the missing fields. One that an earlier package made also loses what is withdrawn."""
    body = deepcopy({name: value for name, value in there.items() if name in _WRITABLE})
    properties = body.setdefault("template", {}).setdefault("mappings", {}).setdefault("properties", {})
    if ours:
        body["_meta"] = wanted["_meta"]
        for name in withdrawn(wanted, there):
            _remove(properties, name.split("."))
    definitions = fields(wanted)
    for name in definitions if ours else missing(wanted, there):
        _add(properties, name.split("."), definitions[name])
    return body


def _properties(body: Body) -> Body:
    found: Body = body.get("template", {}).get("mappings", {}).get("properties", {})
    return found


def _fields(properties: Body, prefix: str) -> Iterator[tuple[str, Body]]:
    for name, definition in properties.items():
        below = definition.get("properties")
        if below is None or "type" in definition:
            yield prefix + name, definition
        yield from _fields(below or {}, f"{prefix}{name}.")


def _blocked(name: str, theirs: dict[str, Body]) -> bool:
    """Whether a part of the name is itself a field there, which can have no fields below it."""
    parts = name.split(".")
    above = {".".join(parts[:end]) for end in range(1, len(parts))}
    return bool(above & theirs.keys()) or any(other.startswith(f"{name}.") for other in theirs)


def _add(properties: Body, path: list[str], definition: Body) -> None:
    for parent in path[:-1]:
        properties = properties.setdefault(parent, {}).setdefault("properties", {})
    properties[path[-1]] = definition


def _remove(properties: Body, path: list[str]) -> None:
    """Remove a field, and the objects above it that are empty then."""
    name, *rest = path
    if not rest:
        del properties[name]
        return
    below = properties[name].get("properties", {})
    _remove(below, rest)
    if not below:
        del properties[name]
