"""SQL that reads many values out of a record at once: DuckDB parses the record anew for each path that stands alone."""

from __future__ import annotations

from collections.abc import Sequence

from sigmagen.expr.tree import Get
from sigmagen.mapping.source import Source
from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.mapping.view import ViewBuilder
from sigmagen.plan.columns import Columns
from sigmagen.plan.model import Plan
from sigmagen.targets.duckdb.printer import DuckDBPrinter, json_path

TEXTS, DOCUMENTS = "record_texts", "record_documents"
"""Columns with the texts and the JSON values of all paths."""


class RecordPrinter(DuckDBPrinter):
    """Prints values; `texts` and `documents` are the paths that they read of the record."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.texts: dict[str, int] = {}
        self.documents: dict[str, int] = {}

    def found(self, get: Get) -> str:
        """An element of one of the two columns, where the path starts from the record."""
        if get.base is not None:
            return super().found(get)
        name, paths = (DOCUMENTS, self.documents) if get.type == "json" else (TEXTS, self.texts)
        return f"{name}[{paths.setdefault(json_path(get.segments), len(paths) + 1)}]"

    def extracted(self, function: str, paths: Sequence[str], name: str) -> list[str]:
        """The column of all paths; none where there are no paths."""
        listed = ", ".join(map(self.string, paths))
        return [f"{function}(record, [{listed}]) AS {name}"] if paths else []


def columns_sql(source: Source, columns: Columns, relation: str, carried: Sequence[str] = ()) -> str:
    """SQL of a source's time and kept columns over a relation with a column `record`; `carried` are passed through."""
    plan = Plan(None, source, source.stored["duckdb"], "hunt")
    builder = ViewBuilder(source, plan.stored_source, Taxonomy({}), source.logsources[0])
    made = RecordPrinter(plan)
    needed = columns.needed()
    time = made.expr(builder.event_time())
    layers = [[f"{made.expr(value)} AS {made.name(name)}" for name, value in layer] for layer in needed]
    paths = [
        *made.extracted("json_extract_string", list(made.texts), TEXTS),
        *made.extracted("json_extract", list(made.documents), DOCUMENTS),
    ]
    text = f"SELECT {', '.join([*carried, *paths]) if paths else '*'} FROM {relation}"
    text = f"SELECT *, {time} AS {columns.time} FROM ({text})"
    for layer in layers:
        text = f"SELECT *, {', '.join(layer)} FROM ({text})" if layer else text
    return f"SELECT {', '.join([*carried, columns.time, *columns.kept])} FROM ({text})"
