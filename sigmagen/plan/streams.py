"""From stored records to the events of a stream: the source view, the rules' conditions, what an event must have."""

from __future__ import annotations

from dataclasses import dataclass, field

from sigmagen.expr.membership import any_of, factored
from sigmagen.expr.tree import TRUE, Call, Column, Expr, Get, call, conjunction, present_in, walk, when
from sigmagen.mapping.source import LogsourceEntry
from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.mapping.view import SourceView, ViewBuilder
from sigmagen.plan.compiled import compile_condition
from sigmagen.plan.items import Items, Rows
from sigmagen.plan.logical import Events, UnsupportedCorrelationError
from sigmagen.plan.steps import Derive, Filter, Join, Scan, Step, Unique

_NOTHING = Taxonomy({})
"""What is known of the fields of an untyped source."""


@dataclass
class EventStream:
    """The steps from stored records to the events of a stream of base rules."""

    stream: Events
    siem: str
    taxonomy: Taxonomy
    used: dict[str, Column] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.stored_source = self.stream.source.stored[self.siem]
        rules = [rule for _, rule in self.stream.rules]
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
            str(position): compile_condition(rule, self.use, taxonomy, self.view.text_fields)
            for position, rule in self.stream.rules
        }
        common, left = factored(whole)
        native = {name: self.use(self.stream.names.get(name, name)) for name in fields}
        for name in shown:
            self.use(name)
        required: list[Expr] = [call("has_value", column) for column in native.values()]
        matching = present_in(conjunction([*common, any_of(left.values()), *required]), required)
        repeats = [Unique(self.view.event_id().name)] if self.stored_source.duplicates else []
        view = self.view.build()
        renamed = tuple((name, column) for name, column in native.items() if column.name != name)
        conditions = list(left.values())
        steps = [*source_steps(self.view, view, matching), *repeats]
        if set(dict(renamed)) & set(self.used):
            # An alias with the name of a field takes its place, so whatever reads the field comes first.
            flags = [Column(f"matches_{number}", "integer") for number, _ in enumerate(conditions, 1)]
            kept = [(f"alias_{number}", column) for number, (_, column) in enumerate(renamed, 1)]
            marks = [(flag.name, when(condition, 1, 0)) for flag, condition in zip(flags, conditions, strict=True)]
            steps.append(Derive((*marks, *kept)))
            renamed = tuple((name, Column(f"alias_{n}", c.type)) for n, (name, c) in enumerate(renamed, 1))
            conditions = [call("eq", flag, 1) for flag in flags]
        steps += [Derive(renamed)] if renamed else []
        columns = {name: Column(name, column.type) for name, column in native.items()}
        rows = Rows(tuple(steps), stored_as=view.stored_as)
        return Items(rows, self.view.time(), columns, tuple(conditions)), view


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


def in_place(steps: tuple[Step, ...]) -> tuple[tuple[Step, ...], dict[str, Get]]:
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
    return tuple(kept), stored


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
