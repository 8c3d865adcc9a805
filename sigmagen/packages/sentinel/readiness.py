"""Readiness queries: whether what the rules read arrives, in time, whole, and with the fields that they need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar
from uuid import uuid5

from sigmagen.content.detections import NAMESPACE, Detection
from sigmagen.convert.converter import Converter
from sigmagen.expr.tree import TRUE, Call, Column, Expr, Get, call, walk
from sigmagen.mapping.expression import UnavailableFieldError
from sigmagen.mapping.source import LogsourceEntry, Source
from sigmagen.mapping.view import SourceView, ViewBuilder
from sigmagen.packages.sentinel.function import SIEM
from sigmagen.packages.sentinel.text import plain
from sigmagen.plan.logical import all_needed_fields, event_streams
from sigmagen.plan.model import Plan
from sigmagen.plan.steps import Aggregate, Columns, Derive, Filter, Step
from sigmagen.plan.streams import EventStream, source_steps
from sigmagen.rules.model import Correlation, LogSource
from sigmagen.targets.printer import ONLY_READINESS
from sigmagen.targets.sentinel.printer import KustoPrinter

PROMPT = "gen_ai.prompt"
CATEGORY = "sigmagen readiness"

_INGESTED = Column("ingested_at", "timestamp")
_DELAY = Column("delay", "integer")
_EVENTS = Column("events", "integer")


@dataclass(frozen=True)
class ReadinessQuery:
    """A readiness query: of a `whole` source and logsource, or of one rule over it (`source` may be two, with a +)."""

    id: str
    name: str
    source: str
    title: str
    query: str
    whole: bool


class ReadinessPrinter(KustoPrinter):
    """KQL with what only a readiness query asks: when a record arrived, and whether a text was cut."""

    functions: ClassVar[dict[str, str]] = {**KustoPrinter.functions, "ingestion_time": "ingestion_time"}
    lacking: ClassVar[Mapping[str, str]] = {
        name: reason for name, reason in KustoPrinter.lacking.items() if name not in ONLY_READINESS
    }

    def op_seconds_between(self, later: Expr, earlier: Expr) -> str:
        return f'datetime_diff("second", {self.expr(later)}, {self.expr(earlier)})'

    def op_is_cut(self, text: Expr) -> str:
        """A JSON text that was cut is no object any more."""
        return f'(isnotempty({self.expr(text)}) and gettype(parse_json({self.expr(text)})) != "dictionary")'

    def op_share(self, part: Expr, whole: Expr) -> str:
        return f"round(100.0 * {self.expr(part)} / {self.expr(whole)}, 1)"


@dataclass
class Read:
    """What is read of a source's records that feed one logsource: these fields."""

    source: Source
    entry: LogsourceEntry
    fields: dict[str, None] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, LogSource]:
        """Which records these are."""
        return self.source.name, self.entry.logsource


def readiness(converter: Converter, detections: Iterable[Detection]) -> list[ReadinessQuery]:
    """One query for each source and logsource that the rules read, with all their fields, and one for each rule."""
    queries: list[ReadinessQuery] = []
    whole: dict[tuple[str, LogSource], Read] = {}
    for detection in detections:
        for read in records_read(detection.rule, detection.source, converter):
            whole.setdefault(read.key, Read(read.source, read.entry)).fields.update(read.fields)
            queries.append(
                ReadinessQuery(
                    id=str(uuid5(NAMESPACE, f"readiness/{detection.id}/{read.source.name}/{read.entry.logsource}")),
                    name=f"{detection.name}.{read.source.name}" if detection.source.together else detection.name,
                    source=detection.source.name,
                    title=plain(f"Readiness of: {detection.title}"),
                    query=_query(converter, read),
                    whole=False,
                )
            )
    for (name, logsource), read in whole.items():
        queries.append(
            ReadinessQuery(
                id=str(uuid5(NAMESPACE, f"readiness/{name}/{logsource}")),
                name=entry_name(read.source, read.entry),
                source=name,
                title=plain(f"Readiness of: {read.source.title} ({logsource})"),
                query=_query(converter, read),
                whole=True,
            )
        )
    return sorted(queries, key=lambda query: query.name)


def entry_name(source: Source, entry: LogsourceEntry) -> str:
    """What files and resources call the records that a logsource takes from a source."""
    return source.name if entry.logsource.category else f"{source.name}_native"


def records_read(rule: Correlation, source: Source, converter: Converter) -> list[Read]:
    """What a rule reads: of each source and logsource, the fields that its events are looked at for."""
    found: dict[tuple[str, LogSource], Read] = {}
    wanted = all_needed_fields(rule)
    for stream in event_streams(rule, source):
        events = EventStream(stream, SIEM, converter.taxonomy)
        names = [stream.names.get(name, name) for name in dict.fromkeys((*stream.names, *wanted))]
        for name in names:
            if events.view.carries(name):
                events.use(name)
        events.items(())
        read = Read(stream.source, events.entry)
        found.setdefault(read.key, read).fields.update(dict.fromkeys(events.used))
    return list(found.values())


def _query(converter: Converter, read: Read) -> str:
    source, fields = read.source, tuple(read.fields)
    stored = source.stored[SIEM]
    builder = ViewBuilder(source, stored, converter.taxonomy, read.entry)
    present = {name: builder.use(name) for name in fields if name != "@timestamp"}
    redacted = _redacted(builder, fields)
    view = builder.build()
    counted: dict[str, Expr] = {f"{name}.share": call("has_value", column) for name, column in present.items()}
    if redacted is not None:
        counted["redacted.share"] = redacted
    if texts := _decoded_texts(view):
        counted["cut.share"] = Call("or", texts) if len(texts) > 1 else texts[0]
    steps = [_with_cut_records(step, builder, view) for step in source_steps(builder, view, TRUE)]
    # Before anything else: the time of arrival is the stored record's own.
    steps.insert(1, Derive(((_INGESTED.name, call("ingestion_time")),)))
    delay = call("seconds_between", _INGESTED, builder.time())
    counts: Columns = tuple((column, call("count_if", condition)) for column, condition in counted.items())
    shares: Columns = tuple((column, call("share", Column(column, "integer"), _EVENTS)) for column in counted)
    steps += [
        Derive(((_DELAY.name, delay),)),
        Aggregate(
            (),
            (
                (_EVENTS.name, call("count")),
                ("last_event", call("max", builder.time())),
                ("delay_p50_seconds", call("percentile", _DELAY, 50)),
                ("delay_p99_seconds", call("percentile", _DELAY, 99)),
                *counts,
            ),
        ),
        *([Derive(shares)] if shares else []),
    ]
    plan = Plan(None, source, stored, "hunt", tuple(steps), stored_as=view.stored_as)
    return ReadinessPrinter(plan).text()


def _with_cut_records(step: Step, builder: ViewBuilder, view: SourceView) -> Step:
    """Where the whole record is a text, a cut one says nowhere what it is; then the constant that marks it must do."""
    record, where = builder.stored_source.record, builder.stored_source.where
    if record is None or step != Filter(view.where) or not isinstance(where, dict) or "equals" not in where:
        return step
    text = Get((record,), "string")
    marked = call("contains", text, str(where["equals"][1]))
    return Filter(call("or", view.where, call("and", call("is_cut", text), marked)))


def _redacted(builder: ViewBuilder, fields: tuple[str, ...]) -> Expr | None:
    """Where the rules need something of the prompt: whether it was redacted."""
    if not any(name.startswith(PROMPT) for name in fields):
        return None
    try:
        return builder.redacted(PROMPT)
    except UnavailableFieldError:
        return None


def _decoded_texts(view: SourceView) -> tuple[Expr, ...]:
    """For each stored text that the view decodes as JSON, whether it was cut."""
    values = [value for columns in (view.prelude, *view.layers) for _, value in columns]
    decoded = {
        part.args[0]: None
        for value in values
        for part in walk(value)
        if isinstance(part, Call) and part.op == "parse_json" and isinstance(part.args[0], Get)
    }
    return tuple(call("is_cut", text) for text in decoded)
