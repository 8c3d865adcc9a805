"""From a rule's events to the items of a correlation: one stream, or several brought together.

Base rules over one source, with the same names for the fields, are one stream: an event that matches several of them is
one item. Everything else is a stream of its own; the items of a correlation are its alerts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sigmagen.expr.tree import TRUE, Call, Column, Expr, Get, call, conjunction, present_in, walk, when
from sigmagen.mapping.source import LogsourceEntry, Source
from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.mapping.view import SourceView, ViewBuilder
from sigmagen.plan.condition import any_of, compiled, factored
from sigmagen.plan.items import Items, UnsupportedCorrelationError
from sigmagen.plan.steps import Derive, Filter, Join, Scan, Step, Unique
from sigmagen.rules.model import BaseRule, Correlation

_NOTHING = Taxonomy({})
"""What is known of the fields of an untyped source."""


@dataclass(frozen=True, slots=True)
class Stream:
    """Some rules of a correlation, with their positions in it, and what its fields are called there."""

    rules: tuple[tuple[int, BaseRule | Correlation], ...]
    names: Mapping[str, str]
    source: Source

    @property
    def alerts(self) -> Correlation | None:
        """The correlation whose alerts are the items; None for a stream of events."""
        rule = self.rules[0][1]
        return rule if isinstance(rule, Correlation) else None


def streams_of(rule: Correlation, source: Source, fields: tuple[str, ...]) -> list[Stream]:
    """The streams that a correlation looks at, in the order of its rules."""
    found: dict[object, list[tuple[int, BaseRule | Correlation]]] = {}
    names: dict[object, Mapping[str, str]] = {}
    sources: dict[object, Source] = {}
    for position, part in enumerate(rule.rules):
        called = {name: rule.field_in(position, name) for name in fields}
        if isinstance(part, BaseRule):
            mine = part_for(source, part)
            key: object = (mine.name, tuple(called.items()))
        else:
            mine, key = source, position
        found.setdefault(key, []).append((position, part))
        names[key], sources[key] = called, mine
    return [Stream(tuple(rules), names[key], sources[key]) for key, rules in found.items()]


def event_streams(rule: BaseRule | Correlation, source: Source) -> list[Stream]:
    """The streams of all base rules below a rule, with what its group-by fields are called there."""
    found: dict[object, list[BaseRule]] = {}
    streams: dict[object, Stream] = {}
    names = {name: name for name in rule.group_by} if isinstance(rule, Correlation) else {}
    for base, called in _called(rule, names):
        part = part_for(source, base)
        key = (part.name, tuple(called.items()))
        rules = found.setdefault(key, [])
        if base not in rules:
            rules.append(base)
        streams[key] = Stream(tuple(enumerate(rules)), called, part)
    return list(streams.values())


def _called(rule: BaseRule | Correlation, names: dict[str, str]) -> Iterator[tuple[BaseRule, dict[str, str]]]:
    """Every base rule below a rule, and what fields are called there."""
    if isinstance(rule, BaseRule):
        yield rule, names
        return
    for position, part in enumerate(rule.rules):
        yield from _called(part, {name: rule.field_in(position, called) for name, called in names.items()})


def part_for(source: Source, rule: BaseRule) -> Source:
    """The part of a source that feeds a base rule. Raises UnsupportedCorrelationError."""
    part = source.part_for(rule.logsource)
    if part is None:
        raise UnsupportedCorrelationError(f"source {source.name} does not feed {rule.logsource}")
    return part


@dataclass
class EventStream:
    """The steps from stored records to the events of a stream of base rules."""

    stream: Stream
    siem: str
    taxonomy: Taxonomy
    used: dict[str, Column] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.stored_source = self.stream.source.stored[self.siem]
        rules = [rule for _, rule in self.stream.rules if isinstance(rule, BaseRule)]
        entry = self.stream.source.entry_for(rules[0].logsource)
        if entry is None or any(self.stream.source.entry_for(rule.logsource) is not entry for rule in rules):
            raise UnsupportedCorrelationError(f"source {self.stream.source.name} does not feed all of its events")
        self.entry: LogsourceEntry = entry
        self.view = ViewBuilder(self.stream.source, self.stored_source, self.taxonomy, entry)
        self.rules = rules

    def use(self, name: str) -> Column:
        """The column of one of the source's fields; it will be derived. Raises UnavailableFieldError."""
        self.used[name] = self.view.use(name)
        return self.used[name]

    def items(self, fields: tuple[str, ...], shown: tuple[str, ...] = ()) -> tuple[Items, SourceView]:
        """The matching events that have a value in all of `fields`; `shown` are fields to be had besides."""
        taxonomy = _NOTHING if self.stored_source.untyped else self.taxonomy
        whole = {
            str(position): compiled(rule, self.use, taxonomy, self.view.text_fields)
            for position, rule in self._positions()
        }
        common, conditions = factored(whole)
        native = {name: self.use(self.stream.names.get(name, name)) for name in fields}
        for name in shown:
            self.use(name)
        required: list[Expr] = [call("has_value", column) for column in native.values()]
        matching = present_in(conjunction([*common, any_of(conditions.values()), *required]), required)
        repeats = [Unique(self.view.event_id().name)] if self.stored_source.duplicates else []
        view = self.view.build()
        renamed = tuple((name, column) for name, column in native.items() if column.name != name)
        told_apart = list(conditions.values())
        steps = [*source_steps(self.view, view, matching), *repeats]
        if set(dict(renamed)) & set(self.used):
            # An alias with the name of a field takes its place, so whatever reads the field comes first.
            flags = [Column(f"matches_{number}", "integer") for number, _ in enumerate(told_apart, 1)]
            kept = [(f"alias_{number}", column) for number, (_, column) in enumerate(renamed, 1)]
            marks = [(flag.name, when(condition, 1, 0)) for flag, condition in zip(flags, told_apart, strict=True)]
            steps.append(Derive((*marks, *kept)))
            renamed = tuple((name, Column(f"alias_{n}", c.type)) for n, (name, c) in enumerate(renamed, 1))
            told_apart = [call("eq", flag, 1) for flag in flags]
        steps += [Derive(renamed)] if renamed else []
        columns = {name: Column(name, column.type) for name, column in native.items()}
        return Items(steps, self.view.time(), columns, tuple(told_apart)), view

    def _positions(self) -> list[tuple[int, BaseRule]]:
        return [(position, rule) for position, rule in self.stream.rules if isinstance(rule, BaseRule)]


def source_steps(builder: ViewBuilder, view: SourceView, matching: Expr) -> list[Step]:
    """The source view: stored records that match, with the columns that are used."""
    target = builder.stored_source
    steps: list[Step] = [Scan()]
    if view.prelude:
        steps.append(Derive(tuple(view.prelude)))
    if view.where != TRUE:
        steps.append(Filter(view.where))
    if target.join is not None and view.joined:
        tokens = call("is_present", builder.stored(target.join.where["is_present"][0], "string"))
        columns = tuple((name, target.join.columns[name]) for name in view.joined)
        steps.append(Join(target.join.table, target.join.on, tokens, columns))
    return [*steps, *_filtered_early(view.layers, matching)]


def in_place(steps: list[Step]) -> tuple[list[Step], dict[str, Get]]:
    """The steps of a source view without columns that only repeat what is stored, and what these columns are."""
    stored: dict[str, Get] = {}
    kept: list[Step] = []
    for step in steps:
        if isinstance(step, Derive):
            stored |= {name: value for name, value in step.columns if isinstance(value, Get) and value.base is None}
            if len(stored) < len(step.columns):
                return steps, {}
        elif isinstance(step, Scan | Filter):
            kept.append(step)
        else:
            return steps, {}
    return kept, stored


def _filtered_early(layers: list[list[tuple[str, Expr]]], matching: Expr) -> list[Step]:
    """The derivations, each condition as soon as its columns are there: hashes are made only of events that count."""
    steps: list[Step] = []
    waiting = list(matching.args) if isinstance(matching, Call) and matching.op == "and" else [matching]
    waiting = [part for part in waiting if part != TRUE]
    missing = {name for layer in layers for name, _ in layer}
    for layer in layers:
        steps.append(Derive(tuple(layer), of_record=True))
        missing -= {name for name, _ in layer}
        late: list[Expr] = []
        ready: list[Expr] = []
        for part in waiting:
            (late if missing and _names_any(part, missing) else ready).append(part)
        waiting = late
        if ready:
            steps.append(Filter(conjunction(ready)))
    return [*steps, *([Filter(conjunction(waiting))] if waiting else [])]


def _names_any(condition: Expr, names: set[str]) -> bool:
    """Whether a condition reads one of these columns."""
    return any(isinstance(part, Column) and part.name in names for part in walk(condition))
