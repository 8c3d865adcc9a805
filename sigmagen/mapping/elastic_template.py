"""The Elasticsearch mapping of a source, with every field that a query may read: ES|QL rejects unknown columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sigmagen.mapping.source import Source
from sigmagen.mapping.taxonomy import Taxonomy

LONGEST_KEYWORD = 8191
"""Longest keyword, in characters. Longer values are null in ES|QL; ids are never that long."""

_OF_FIELD = {"integer": "long", "float": "double", "boolean": "boolean", "timestamp": "date", "ip": "ip"}


def collect_field_types(source: Source, taxonomy: Taxonomy) -> dict[str, str]:
    """Return field -> Elasticsearch type."""
    if source.canonical:
        return {
            field.name: _OF_FIELD.get(field.type, "keyword") for field in taxonomy.fields.values() if not field.private
        }
    return dict(source.stored["elastic"].columns)


def build_index_mappings(source: Source, taxonomy: Taxonomy) -> dict[str, Any]:
    """Return the `mappings` of a template. No field is mapped dynamically, since callers could choose the names."""
    return {"dynamic": False, **build_properties(collect_field_types(source, taxonomy))}


def build_properties(types: Mapping[str, str], *, longest_keyword: int = LONGEST_KEYWORD) -> dict[str, Any]:
    """Return the `properties` of fields with dotted names. Keywords have at most `longest_keyword` characters."""
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
        # A record with an invalid address must not be rejected.
        return {"type": "ip", "ignore_malformed": True}
    return {"type": "text", "index": False} if kind == "text" else {"type": kind}
