"""Parser functions: `sigmagen_<source>` yields the canonical columns of a source, for dashboards and analysts.

The analytics rules don't call them: their text is the one that was converted and proven.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid5

from sigmagen.content.detections import NAMESPACE, PREFIX
from sigmagen.convert.converter import Converter
from sigmagen.convert.render import render
from sigmagen.mapping.source import LogsourceEntry, Source
from sigmagen.packages.sentinel.formatting import plain
from sigmagen.plan.build import build_view
from sigmagen.plan.steps import Project

SIEM = "sentinel"


@dataclass(frozen=True)
class Function:
    """A function of the workspace. `fields` are the canonical fields that it yields, `parameters` name:type pairs."""

    id: str
    name: str
    source: str
    title: str
    query: str
    fields: tuple[str, ...]
    version: str
    parameters: str = ""
    category: str = "Microsoft Sentinel Parser"


def parser_function(converter: Converter, source: Source, version: str) -> Function | None:
    """The parser function of a source; none for one that feeds no rule on canonical fields."""
    entry = canonical_entry(source)
    if entry is None:
        return None
    fields = public_fields(converter, source)
    plan = build_view(source, SIEM, converter.taxonomy, fields, entry)
    name = f"{PREFIX}_{source.name}"
    last = plan.steps[-1]
    assert isinstance(last, Project), "a view ends with its columns"
    return Function(
        id=str(uuid5(NAMESPACE, f"function/{source.name}")),
        name=name,
        source=source.name,
        title=plain(f"Canonical fields of {source.title}"),
        query=render(plan, SIEM).text,
        fields=tuple(column for column in last.columns if column in fields),
        version=version,
    )


def canonical_entry(source: Source) -> LogsourceEntry | None:
    """The logsource entry of a source for rules on canonical fields."""
    return next((entry for entry in source.logsources if entry.logsource.category is not None), None)


def public_fields(converter: Converter, source: Source) -> Sequence[str]:
    """The canonical fields of the categories that a source feeds, prompt text and the like left out."""
    categories = {entry.logsource.category for entry in source.logsources}
    return [
        field.name
        for field in converter.taxonomy.fields.values()
        if not field.private and field.name != "@timestamp" and categories & set(field.categories)
    ]
