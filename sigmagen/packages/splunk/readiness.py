"""Whether a source carries what a rule needs: last event, ingest delay, and the share of events with each field."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sigmagen.convert.converter import Converter
from sigmagen.expr.tree import TRUE, Call, Column, Expr, Get, Literal, call, walk
from sigmagen.mapping.source import Source
from sigmagen.mapping.view import SourceView
from sigmagen.packages.splunk.conf import name_part
from sigmagen.packages.splunk.macros import SILENCE, by_macro, source_macro
from sigmagen.plan.logical import all_needed_fields, event_streams
from sigmagen.plan.model import Plan
from sigmagen.plan.steps import Derive
from sigmagen.plan.streams import EventStream
from sigmagen.rules.model import Correlation
from sigmagen.targets.splunk.printer import SplunkPrinter

CUT = "NOT json_valid(_raw)"
"""A record that was cut is no JSON any more."""


@dataclass(frozen=True)
class Check:
    """A readiness search over one source."""

    source: str
    text: str


def readiness(rule: Correlation, source: Source, converter: Converter) -> list[Check]:
    """The searches for a rule: one for each of the sources that it reads.

    Each gives one row: events, last_event, delay_p50 and delay_p99 in seconds, and in percent of the events pct_cut
    (no JSON any more, or a field behind what Splunk extracts), pct_redacted (where the source can say so) and
    pct_<column> for every field that the rule uses.
    """
    mine = by_macro(converter)
    chosen = next(found for found in mine.feeding(rule) if found.name == source.name)
    fields = all_needed_fields(rule)
    streams = event_streams(rule, chosen)
    checks = []
    for stream in streams:
        events = EventStream(stream, "splunk", mine.taxonomy)
        _, view = events.items(tuple(stream.names) if len(streams) > 1 else fields)
        used = {column.name: column for column in events.used.values() if column.name != events.stored_source.time}
        plan = Plan(None, stream.source, events.stored_source, "hunt")
        checks.append(Check(stream.source.title, _text(SplunkPrinter(plan), view, list(used.values()))))
    return checks


def _text(printer: SplunkPrinter, view: SourceView, fields: list[Column]) -> str:
    lines = [printer.stored_source.location]
    if view.where != TRUE:
        lines.append(f"where ({printer.expr(view.where)}) OR {CUT}")
    for layer in view.layers:
        lines += printer.step_derive(Derive(tuple(layer)))
    counted = {f"pct_{printer.name(field.name)}": printer.expr(call("has_value", field)) for field in fields}
    counted["pct_cut"] = _cut(printer, view)
    if marks := [mark for layer in view.layers for _, value in layer for mark in _redacted(value)]:
        counted["pct_redacted"] = " OR ".join(printer.expr(mark) for mark in marks)
    counts = [f"count(eval({condition})) AS {name}" for name, condition in counted.items()]
    measures = [
        "count AS events",
        "max(_time) AS last_event",
        "perc50(delay) AS delay_p50",
        "perc99(delay) AS delay_p99",
    ]
    shares = [f"{name}=round(100*{name}/events, 1)" for name in counted]
    lines += [
        "eval delay=_indextime-_time",
        "stats " + ",\n    ".join([*measures, *counts]),
        "eval " + ",\n    ".join(shares),
        'fieldformat last_event=strftime(last_event, "%Y-%m-%dT%H:%M:%S%z")',
    ]
    return "\n| ".join(lines)


def _cut(printer: SplunkPrinter, view: SourceView) -> str:
    """Whether a record was cut, or holds a field that Splunk has not extracted: it stops at 5,000 bytes of an event.

    A source whose records are read from _raw needs no extracted field.
    """
    if printer.stored_source.record:
        return CUT
    values = [view.where, *(value for layer in view.layers for _, value in layer)]
    read = {part.segments: None for value in values for part in walk(value) if isinstance(part, Get) and not part.base}
    tests = [CUT]
    for name in (".".join(map(str, segments)) for segments in read):
        path = printer.string(name)
        held = f"coalesce(json_extract_exact(_raw, {path}), json_extract(_raw, {path}))"
        tests.append(f"(isnull({printer.stored(name)}) AND isnotnull({held}))")
    return " OR ".join(tests)


def _redacted(value: Expr) -> Iterator[Expr]:
    """The condition under which a mapping takes a text for redacted: if(in(text, marks), null, text)."""
    if isinstance(value, Call) and value.op == "if" and value.args[1] == Literal(None):
        test = value.args[0]
        if isinstance(test, Call) and test.op in ("in", "eq") and test.args[0] == value.args[2]:
            yield test


def silence_text(source: Source) -> str:
    """A row if the source has had no event for the time that the macro says, or none at all in the range."""
    return "\n| ".join(
        [
            f"`{source_macro(source)}`",
            "stats count AS events, max(_time) AS last_event",
            "addinfo",
            f"where events = 0 OR info_max_time-last_event > `{SILENCE}`",
            f'eval source_name="{name_part(source.name)}"',
            "table source_name, events, last_event",
            'fieldformat last_event=strftime(last_event, "%Y-%m-%dT%H:%M:%S%z")',
        ]
    )
