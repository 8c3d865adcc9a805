"""Formatting an investigation: questions with their queries, omitted queries, and response steps."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from sigmagen.content.investigate.build import LeftOut, PivotQuery
from sigmagen.content.investigate.pivots import Playbook
from sigmagen.display import sanitize
from sigmagen.durations import iso
from sigmagen.targets import registry


def format_lines(
    book: Playbook,
    queries: Sequence[PivotQuery],
    left_out: Sequence[LeftOut],
    questions: Sequence[str],
    steps: Sequence[str],
) -> Iterator[str]:
    """Yield the report as lines of Markdown that are safe in a terminal."""
    yield from ("# Questions first", "", *(f"- {line}" for line in questions), "")
    for section, title in book.sections.items():
        mine = [query for query in queries if query.pivot.section == section]
        missing = [item for item in left_out if item.pivot.section == section]
        if not mine and not missing:
            continue
        yield from (f"# {title}", "")
        for number, query in enumerate(mine):
            if not number or mine[number - 1].pivot.id != query.pivot.id:
                yield from (f"## {query.pivot.title} ({query.pivot.id})", "", query.pivot.question, "")
            yield from _query(query)
        for item in missing:
            yield f"Left out for {item.source.name}, {item.target}: {item.pivot.id}: {sanitize(item.reason)}"
        yield from ("",) if missing else ()
    yield from ("# Response", "", *(f"{number}. {line}" for number, line in enumerate(steps, 1)))


def _query(query: PivotQuery) -> Iterator[str]:
    language = registry.get(query.target).language
    yield f"{language} over {query.source.name}, {iso(query.start)} to {iso(query.end)}:"
    if query.without:
        yield f"Not available in {query.target} for {query.source.name}: {', '.join(query.without)}."
    yield from (f"Approximate: {sanitize(note)}." for note in query.notes)
    # A value in SPL may contain line breaks and backticks, so the fence must be longer than any in the query.
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", query.text)), default=0))
    yield from ("", fence, *map(sanitize, query.text.split("\n")), fence, "")


def build_pivot_document(query: PivotQuery) -> dict[str, Any]:
    """Return the documented JSON shape of a pivot."""
    return {
        "id": query.pivot.id,
        "section": query.pivot.section,
        "title": query.pivot.title,
        "question": query.pivot.question,
        "source": query.source.name,
        "target": query.target,
        "language": registry.get(query.target).language,
        "range_start": iso(query.start),
        "range_end": iso(query.end),
        "columns": query.columns,
        "without": dict(query.without),
        "query": query.text,
    }


def build_left_out_document(item: LeftOut) -> dict[str, Any]:
    """Return the documented JSON shape of a pivot without a query."""
    return {"id": item.pivot.id, "source": item.source.name, "target": item.target, "reason": item.reason}
