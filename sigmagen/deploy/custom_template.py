"""Merging fields into an `@custom` component template, which belongs to the users of an integration."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy

from sigmagen.deploy.deployment import Body
from sigmagen.packages.elastic.templates import WITHDRAWN

SUFFIX = "@custom"

_WRITABLE = ("template", "version", "_meta", "deprecated")
"""The keys that Elasticsearch accepts in a component template. Its responses have more, such as dates."""


def list_fields(body: Body) -> dict[str, Body]:
    """Return the mapped fields of a template: dotted name -> definition."""
    return dict(_fields(_properties(body), ""))


def find_missing(wanted: Body, there: Body) -> list[str]:
    """Return the fields of `wanted` that a user's template does not map and that don't conflict with its fields."""
    theirs = list_fields(there)
    return sorted(name for name in list_fields(wanted) if name not in theirs and not _blocked(name, theirs))


def find_withdrawn(wanted: Body, there: Body) -> list[str]:
    """Return the fields that an earlier package mapped and that `wanted` lists for removal."""
    theirs = list_fields(there)
    return [name for name in wanted.get("_meta", {}).get(WITHDRAWN, ()) if name in theirs]


def merge_missing(wanted: Body, there: Body, *, ours: bool) -> Body:
    """Return the template with the missing fields, and without withdrawn fields if an earlier package created it."""
    body = deepcopy({name: value for name, value in there.items() if name in _WRITABLE})
    properties = body.setdefault("template", {}).setdefault("mappings", {}).setdefault("properties", {})
    if ours:
        body["_meta"] = wanted["_meta"]
        for name in find_withdrawn(wanted, there):
            _remove(properties, name.split("."))
    definitions = list_fields(wanted)
    for name in definitions if ours else find_missing(wanted, there):
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
    """Return whether a prefix of the name is a field, which can't have subfields."""
    parts = name.split(".")
    above = {".".join(parts[:end]) for end in range(1, len(parts))}
    return bool(above & theirs.keys()) or any(other.startswith(f"{name}.") for other in theirs)


def _add(properties: Body, path: list[str], definition: Body) -> None:
    for parent in path[:-1]:
        properties = properties.setdefault(parent, {}).setdefault("properties", {})
    properties[path[-1]] = definition


def _remove(properties: Body, path: list[str]) -> None:
    """Remove a field, and its parent objects if they become empty."""
    name, *rest = path
    if not rest:
        del properties[name]
        return
    below = properties[name].get("properties", {})
    _remove(below, rest)
    if not below:
        del properties[name]
