"""The Log Analytics tables that KQL queries of a source read."""

from __future__ import annotations

from collections.abc import Mapping

from sigmagen.mapping.source import Source
from sigmagen.mapping.taxonomy import Taxonomy

_OF_FIELD = {"integer": "long", "float": "real", "boolean": "bool", "timestamp": "datetime"}


def build_table_schemas(source: Source, taxonomy: Taxonomy) -> dict[str, Mapping[str, str]]:
    """Return table -> column -> Kusto type for the source's table and a joined table, or those of all its parts.

    A part that Sentinel does not keep has none.
    """
    schemas: dict[str, Mapping[str, str]] = {}
    for part in (part for part in source.parts if "sentinel" in part.stored):
        for table, columns in _tables_of_one(part, taxonomy):
            schemas[table] = {**schemas.get(table, {}), **columns}
    return schemas


def _tables_of_one(source: Source, taxonomy: Taxonomy) -> list[tuple[str, Mapping[str, str]]]:
    target = source.stored["sentinel"]
    columns = target.columns
    if source.canonical:
        columns = {target.time: "datetime"} | {
            field.name.replace(".", "_"): _OF_FIELD.get(field.type, "string")
            for field in taxonomy.fields.values()
            if not field.private and field.name != "@timestamp"
        }
    own = (target.location, columns)
    return [own, (target.join.table, target.join.schema)] if target.join else [own]
