"""Whether a source is fit for a detection: readiness queries, and an alert rule for a source gone silent.

As all queries here, they take their time range from outside.
"""

from __future__ import annotations

from collections.abc import Mapping

from sigmagen.durations import HOUR
from sigmagen.expr.tree import TEXTUAL
from sigmagen.mapping.source import Source
from sigmagen.packages.elastic.view import EventView
from sigmagen.plan.model import Plan
from sigmagen.plan.steps import Scan
from sigmagen.targets.elastic.printer import EsqlPrinter

INGESTED = "event.ingested"
SILENCE = 4 * HOUR
"""A source without any event for this long, and its ingest delay, has gone silent."""

SILENT_INTERVAL = HOUR
SILENT_COLUMN = "sigmagen.source"


def readiness(view: EventView, lost: Mapping[str, str]) -> str:
    """ES|QL of one row: events, the last one, delay in seconds, share of events with each field and of lost prompts."""
    name = view.printer.name
    first, *rest = view.lines
    conditions = {f"lost.{label}": condition for label, condition in lost.items()}
    # Computed first, while the stored columns are what they are called.
    flags = [f"{name(label)} = CASE({condition}, 1, 0)" for label, condition in conditions.items()]
    shares = {f"has.{field}": _present(view, field) for field in view.fields}
    counts = [f"{name(label)} = COUNT(*) WHERE {condition}" for label, condition in shares.items()]
    counts += [f"{name(label)} = SUM({name(label)})" for label in conditions]
    columns = [*shares, *conditions]
    lines = [first, *([f"EVAL {', '.join(flags)}"] if flags else []), *rest, *_summary(counts)]
    if columns:
        share = "CASE(events == 0, null, ROUND(TO_DOUBLE({0}) / events, 4))"
        divided = [f"{name(label)} = {share.format(name(label))}" for label in columns]
        lines.append("EVAL " + ",\n    ".join(divided))
    lines.append("LIMIT 1")
    return "\n| ".join(lines)


def source_readiness(source: Source, lost: Mapping[str, str]) -> str:
    """The same of all documents of a source, whatever a rule asks of them."""
    printer = EsqlPrinter(Plan(None, source, source.stored["elastic"], "hunt", (Scan(),)))
    return readiness(EventView(source, tuple(printer.steps()), {}, printer), lost)


def _summary(counts: list[str]) -> list[str]:
    delay = f'DATE_DIFF("seconds", @timestamp, {INGESTED})'
    parts = [
        "events = COUNT(*)",
        "last_event = MAX(@timestamp)",
        "delay_p50 = PERCENTILE(delay, 50)",
        "delay_p99 = PERCENTILE(delay, 99)",
        *counts,
    ]
    return [f"EVAL delay = {delay}", "STATS " + ",\n    ".join(parts)]


def _present(view: EventView, field: str) -> str:
    column = view.printer.name(field)
    textual = view.fields[field] in TEXTUAL - {"ip"} or view.fields[field] == "json"
    return f'{column} != ""' if textual else f"{column} IS NOT NULL"


def silent(source: Source) -> str:
    """ES|QL with one row where the source has no event in the range, and none otherwise."""
    printer = EsqlPrinter(Plan(None, source, source.stored["elastic"], "hunt", (Scan(),)))
    lines = [
        *printer.steps(),
        "STATS events = COUNT(*)",
        "WHERE events == 0",
        f"EVAL {SILENT_COLUMN} = {printer.string(source.name)}",
        f"KEEP {SILENT_COLUMN}, events",
        "LIMIT 1",
    ]
    return "\n| ".join(lines)
