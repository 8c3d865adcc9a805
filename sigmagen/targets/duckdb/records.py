"""SQL that reads many values out of a record at once: DuckDB parses the record anew for each path that stands alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sigmagen.expr.tree import Get
from sigmagen.mapping.source import Source
from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.mapping.view import ViewBuilder
from sigmagen.plan.columns import Columns
from sigmagen.plan.model import Plan
from sigmagen.targets.duckdb.printer import DuckDBPrinter, json_path, string_literal

TEXTS, DOCUMENTS = "record_texts", "record_documents"
"""Columns with the texts and the JSON values of all paths."""


@dataclass
class Paths:
    """Paths that are read of a record, as texts and as JSON values, each once."""

    texts: dict[str, int] = field(default_factory=dict)
    documents: dict[str, int] = field(default_factory=dict)

    def text(self, segments: tuple[str | int, ...]) -> str:
        """SQL of the text at a path; null where there is none, or a JSON null."""
        return f"{TEXTS}[{self.texts.setdefault(json_path(segments), len(self.texts) + 1)}]"

    def document(self, segments: tuple[str | int, ...]) -> str:
        """SQL of the JSON value at a path."""
        return f"{DOCUMENTS}[{self.documents.setdefault(json_path(segments), len(self.documents) + 1)}]"

    def extracted_texts(self, record: str) -> str:
        """SQL of the texts at all paths. At least one path must have been asked for."""
        return f"json_extract_string({record}, [{', '.join(map(string_literal, self.texts))}])"

    def extracted_documents(self, record: str) -> str:
        """SQL of the JSON values at all paths; null where there are no paths."""
        listed = ", ".join(map(string_literal, self.documents))
        return f"json_extract({record}, [{listed}])" if listed else "NULL"

    def guarded_documents(self, record: str) -> str:
        """The same of a text, of which the texts say whether it is JSON at all."""
        return f"CASE WHEN {TEXTS} IS NOT NULL THEN {self.extracted_documents(record)} END"


class RecordPrinter(DuckDBPrinter):
    """Prints values; `paths` collects what they read of the record."""

    def __init__(self, plan: Plan, paths: Paths) -> None:
        super().__init__(plan)
        self._paths = paths

    def found(self, get: Get) -> str:
        """An element of one of the two columns, where the path starts from the record."""
        if get.base is not None:
            return super().found(get)
        return self._paths.document(get.segments) if get.type == "json" else self._paths.text(get.segments)


def columns_sql(source: Source, columns: Columns, relation: str, carried: Sequence[str] = ()) -> str:
    """SQL of a source's time and kept columns over a relation with a column `record`; `carried` are passed through."""
    paths = Paths()
    extracted = f"record_{TEXTS}"
    text = values_sql(source, columns, extracted, carried, paths)
    lists = [f"{paths.extracted_documents('record')} AS {DOCUMENTS}"]
    if paths.texts:
        lists.append(f"{paths.extracted_texts('record')} AS {TEXTS}")
    return text.replace(extracted, f"(SELECT {', '.join([*carried, *lists])} FROM {relation})")


def values_sql(source: Source, columns: Columns, relation: str, carried: Sequence[str], paths: Paths) -> str:
    """The same over a relation that has what is read of the record: `paths` grow by it."""
    plan = Plan(None, source, source.stored["duckdb"], "hunt")
    builder = ViewBuilder(source, plan.stored_source, Taxonomy({}), source.logsources[0])
    made = RecordPrinter(plan, paths)
    text = f"SELECT *, {made.expr(builder.event_time())} AS {columns.time} FROM {relation}"
    for layer in columns.needed():
        listed = ", ".join(f"{made.expr(value)} AS {made.name(name)}" for name, value in layer)
        text = f"SELECT *, {listed} FROM ({text})" if layer else text
    return f"SELECT {', '.join([*carried, columns.time, *columns.kept])} FROM ({text})"
