"""From a rule and a source to a query plan: source view, filter, panes, windows, predicate, output columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal as Choice

from sigmagen.mapping.expression import UnavailableFieldError
from sigmagen.mapping.source import LogsourceEntry, Source, Target
from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.mapping.view import SourceView, ViewBuilder
from sigmagen.plan.condition import ConditionCompiler, UnsupportedDetectionError, any_of, factored
from sigmagen.plan.correlate import PANE, VALUE, WINDOW_END, Correlator, UnsupportedCorrelationError
from sigmagen.plan.expr import TRUE, Call, Column, Expr, call, conjunction, present_in, walk
from sigmagen.plan.steps import Aggregate, CountRows, Derive, Filter, Join, Limit, Project, Scan, Sort, Step, Unique
from sigmagen.plan.window import Window
from sigmagen.problems import Problem, SigmagenError
from sigmagen.rules.model import BaseRule, Correlation, base_rules

Mode = Choice["hunt", "alert", "events"]
"""`events` are the events that a rule looks at, before they are correlated."""

ALERT_ROWS = 100
"""An alert run returns at most this many groups, the worst first."""

WINDOW_START = Column("window_start", "timestamp")


@dataclass
class Plan:
    """A query as a pipeline of steps, and what its result means. Without a rule it is a source's canonical view."""

    rule: BaseRule | Correlation | None
    source: Source
    target: Target
    mode: Mode
    steps: list[Step] = field(default_factory=list)
    group_by: tuple[str, ...] = ()
    windows: list[Window] = field(default_factory=list)
    stored_as: dict[str, str] = field(default_factory=dict)
    warnings: list[Problem] = field(default_factory=list)


def feeds(source: Source, rule: BaseRule | Correlation) -> bool:
    """Whether a source is of the rule's logsource; whether it carries the fields is another matter."""
    return all(source.entry_for(base.logsource) is not None for base in base_rules(rule))


def build_plan(
    rule: BaseRule | Correlation, source: Source, siem: str, taxonomy: Taxonomy, mode: Mode = "hunt"
) -> Plan:
    """The plan of `rule` over `source` in `siem`. Of `events`, private fields (prompt text) are left out.

    Raises SigmagenError: a field that the source doesn't carry there, a detection or correlation that can't be said.
    """
    plan = Plan(rule, source, source.targets[siem], mode)
    try:
        _build(plan, rule, taxonomy)
    except UnavailableFieldError as error:
        raise SigmagenError(_unavailable(error, rule, plan)) from None
    except (UnsupportedDetectionError, UnsupportedCorrelationError) as error:
        raise SigmagenError(not_convertible(rule, siem, error)) from None
    return plan


def not_convertible(rule: BaseRule | Correlation, siem: str, reason: Exception) -> Problem:
    """A detection or correlation that can't be said in a SIEM's language."""
    message = f"{rule.title}: not convertible to {siem}: {reason}"
    return Problem("not-convertible", message, file=rule.file, line=rule.line)


def _unavailable(error: UnavailableFieldError, rule: BaseRule | Correlation, plan: Plan) -> Problem:
    if not error.known:
        return Problem(
            "unknown-field", f"{rule.title}: unknown field {error.name}: {error.reason}", "error", rule.file, rule.line
        )
    return Problem(
        "field-unavailable",
        f"{rule.title}: source {plan.source.name} in {plan.target.name} has no {error.name}: {error.reason}",
        file=rule.file,
        line=rule.line,
        hint="choose another source with -s, or feed this one through `sigmagen normalize`",
    )


def _build(plan: Plan, rule: BaseRule | Correlation, taxonomy: Taxonomy) -> None:
    bases = base_rules(rule)
    entries = [plan.source.entry_for(base.logsource) for base in bases]
    entry = entries[0]
    if entry is None or any(other is not entry for other in entries):
        raise UnsupportedCorrelationError(f"source {plan.source.name} does not feed all of its events")
    view = ViewBuilder(plan.source, plan.target, taxonomy, entry)
    used: dict[str, Column] = {}

    def use(name: str) -> Column:
        used[name] = view.use(name)
        return used[name]

    compiler = ConditionCompiler(use, taxonomy, view.text_fields)
    common, conditions = factored({base.name: compiler.compile(base.condition) for base in bases})
    correlator = Correlator(use, view.time(), conditions)
    tail: list[Step] = []
    if isinstance(rule, Correlation):
        tail = [*correlator.steps(rule), *_result(plan.mode, rule)]
        plan.group_by, plan.windows = rule.group_by, correlator.windows
    if plan.mode == "events":
        shown = [column.name for name, column in used.items() if name not in taxonomy or not taxonomy[name].private]
        tail = [Project(tuple(dict.fromkeys((plan.target.time, view.event_id().name, *shown))))]
    repeats = [Unique(view.event_id().name)] if plan.target.duplicates and tail else []
    matching = present_in(
        conjunction([*common, any_of(conditions.values()), *correlator.required]), correlator.required
    )
    built = view.build()
    plan.stored_as = built.stored_as
    plan.warnings += [
        Problem("field-approximated", f"{rule.title}: {text}", "warning", rule.file, rule.line)
        for text in built.narrowed
    ]
    if plan.target.experimental:
        reading = f"{plan.source.name} in {plan.target.name} is experimental: {plan.target.experimental}"
        plan.warnings.append(
            Problem("mapping-experimental", f"{rule.title}: {reading}", "warning", rule.file, rule.line)
        )
    plan.steps = [*_events(plan, view, built, matching), *repeats, *tail]


def build_view(
    source: Source,
    siem: str,
    taxonomy: Taxonomy,
    fields: Sequence[str],
    entry: LogsourceEntry,
    stored: Sequence[str] = (),
) -> Plan:
    """The plan of a source's canonical events: those of `fields` that it carries, under their canonical names.

    The stored columns `stored` come first, as they are.
    """
    plan = Plan(None, source, source.targets[siem], "hunt")
    builder = ViewBuilder(source, plan.target, taxonomy, entry)
    carried = [name for name in fields if builder.carries(name)]
    for name in carried:
        builder.use(name)
    plan.steps = [*_events(plan, builder, builder.build(), TRUE), Project((*stored, plan.target.time, *carried))]
    return plan


def _events(plan: Plan, builder: ViewBuilder, view: SourceView, matching: Expr) -> list[Step]:
    """The source view: stored records that match, with the columns that are used."""
    steps: list[Step] = [Scan()]
    if view.prelude:
        steps.append(Derive(tuple(view.prelude)))
    if view.where != TRUE:
        steps.append(Filter(view.where))
    join = plan.target.join
    if join is not None and view.joined:
        tokens = call("is_present", builder.stored(join.where["is_present"][0], "string"))
        steps.append(Join(join.table, join.on, tokens, tuple((name, join.columns[name]) for name in view.joined)))
    return [*steps, *_filtered_early(view.layers, matching)]


def _filtered_early(layers: list[list[tuple[str, Expr]]], matching: Expr) -> list[Step]:
    """The derivations, each condition as soon as its columns are there: hashes are made only of events that count."""
    steps: list[Step] = []
    waiting = list(matching.args) if isinstance(matching, Call) and matching.op == "and" else [matching]
    waiting = [part for part in waiting if part != TRUE]
    missing = {name for layer in layers for name, _ in layer}
    for layer in layers:
        steps.append(Derive(tuple(layer)))
        missing -= {name for name, _ in layer}
        ready = [part for part in waiting if not any(isinstance(c, Column) and c.name in missing for c in walk(part))]
        waiting = [part for part in waiting if part not in ready]
        if ready:
            steps.append(Filter(conjunction(ready)))
    return [*steps, *([Filter(conjunction(waiting))] if waiting else [])]


def _result(mode: Mode, rule: Correlation) -> list[Step]:
    """A hunt's rows; or an alert's: the same rows, with a tail that makes one of each group, worst first."""
    start = (WINDOW_START.name, call("shift", WINDOW_END, -rule.timespan))
    groups = rule.group_by
    if mode == "hunt":
        by_time = ((WINDOW_END.name, False), *((name, False) for name in groups))
        return [Derive((start,)), Project((WINDOW_START.name, WINDOW_END.name, *groups, VALUE.name)), Sort(by_time)]
    worst = call("min" if rule.threshold and rule.threshold.op in ("lt", "lte") else "max", VALUE)
    columns = (
        (VALUE.name, worst),
        (WINDOW_START.name, call("min", WINDOW_START)),
        (WINDOW_END.name, call("max", WINDOW_END)),
    )
    return [
        Derive((start,)),
        Aggregate(groups, columns),
        CountRows("groups"),
        Sort(((VALUE.name, True), *((name, False) for name in groups))),
        Limit(ALERT_ROWS),
    ]


__all__ = ["ALERT_ROWS", "PANE", "Mode", "Plan", "base_rules", "build_plan", "feeds"]
