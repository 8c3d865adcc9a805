"""The Elasticsearch mapping of a source: every field that a query may read, so that no column is unknown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sigmagen.mapping.source import Source
from sigmagen.mapping.taxonomy import Taxonomy

LONGEST_KEYWORD = 8191
"""Longer keywords are null in ES|QL whatever we say below 32,766 bytes; ids are never that long."""

_OF_FIELD = {"integer": "long", "float": "double", "boolean": "boolean", "timestamp": "date", "ip": "ip"}


def field_types(source: Source, taxonomy: Taxonomy) -> dict[str, str]:
    """Field -> Elasticsearch type."""
    if source.canonical:
        return {
            field.name: _OF_FIELD.get(field.type, "keyword") for field in taxonomy.fields.values() if not field.private
        }
    return dict(source.stored["elastic"].columns)


def index_mappings(source: Source, taxonomy: Taxonomy) -> dict[str, Any]:
    """The `mappings` of an index or component template. Nothing is mapped that a caller's input could name."""
    return {"dynamic": False, **mappings_of(field_types(source, taxonomy))}


def mappings_of(types: Mapping[str, str], *, longest_keyword: int = LONGEST_KEYWORD) -> dict[str, Any]:
    """The `properties` of fields with dotted names; keywords hold up to `longest_keyword` characters."""
    properties: dict[str, Any] = {}
    for name, kind in types.items():
        node = properties
        *parents, leaf = name.split(".")
        for parent in parents:
            node = node.setdefault(parent, {}).setdefault("properties", {})
        node.setdefault(leaf, {}).update(_definition(kind, longest_keyword))
    return {"properties": properties}


def _definition(kind: str, longest_keyword: int) -> dict[str, Any]:
    if kind == "keyword":
        return {"type": "keyword", "ignore_above": longest_keyword}
    if kind == "ip":
        # A record whose address is none must not be refused for that.
        return {"type": "ip", "ignore_malformed": True}
    return {"type": "text", "index": False} if kind == "text" else {"type": kind}
