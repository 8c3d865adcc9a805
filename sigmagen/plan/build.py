"""From a rule and a source to a query plan: the logical plan of a correlation, lowered, and what its result shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sigmagen.expr.tree import TRUE, Get, UnsupportedDetectionError
from sigmagen.mapping.expression import UnavailableFieldError
from sigmagen.mapping.source import LogsourceEntry, Source
from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.mapping.view import ViewBuilder
from sigmagen.plan.logical import (
    Events,
    UnsupportedCorrelationError,
    all_needed_fields,
    event_streams,
    logical_plan,
    windows_of,
)
from sigmagen.plan.lowering import Lowering
from sigmagen.plan.model import Mode, Plan
from sigmagen.plan.names import name_fault
from sigmagen.plan.result import result_steps
from sigmagen.plan.steps import Project, Union
from sigmagen.plan.streams import EventStream, in_place, source_steps
from sigmagen.plan.warn import plan_warnings, view_warnings
from sigmagen.problems import Problem, SigmagenError
from sigmagen.rules.model import BaseRule, Correlation
from sigmagen.targets import registry


def build_plan(
    rule: BaseRule | Correlation,
    source: Source,
    siem: str,
    taxonomy: Taxonomy,
    mode: Mode = "hunt",
    *,
    target: str | None = None,
) -> Plan:
    """The plan of `rule` over `source` in `siem`. In mode `events`, private fields (prompt text) are left out.

    `target` is what errors call the place: it differs from `siem` where that has two languages.

    Raises SigmagenError for a field that the source doesn't carry there, and for what the language can't express.
    """
    target = target or siem
    if fault := name_fault(rule, source.parts[0].stored[siem]):
        message = f"{rule.title}: field {fault[0]!r} can't be named in {target}: {fault[1]}"
        raise SigmagenError(Problem("field-name", message, file=rule.file, line=rule.line))
    try:
        if isinstance(rule, Correlation) and mode != "events":
            return _correlation(rule, Lowering(rule, source, siem, mode, taxonomy))
        return _events(rule, source, siem, taxonomy, mode)
    except UnavailableFieldError as error:
        raise SigmagenError(_unavailable(error, rule, source, target)) from None
    except (UnsupportedDetectionError, UnsupportedCorrelationError) as error:
        raise not_convertible(rule, target, error) from None


def not_convertible(rule: BaseRule | Correlation, target: str, reason: Exception) -> SigmagenError:
    """The error of a rule that a target's language has no words for."""
    message = f"{rule.title}: not convertible to {target}: {reason}"
    return SigmagenError(Problem("not-convertible", message, file=rule.file, line=rule.line))


def _unavailable(error: UnavailableFieldError, rule: BaseRule | Correlation, source: Source, target: str) -> Problem:
    if not error.known:
        message = f"{rule.title}: unknown field {error.name}: {error.reason}"
        return Problem("unknown-field", message, "error", rule.file, rule.line)
    place = "" if target in registry.local() else f" in {target}"  # the native record itself
    return Problem(
        "field-unavailable",
        f"{rule.title}: source {source.name}{place} has no {error.name}: {error.reason}",
        file=rule.file,
        line=rule.line,
        hint="choose another source with -s, or feed this one through `sigmagen normalize`",
    )


def _correlation(rule: Correlation, lowering: Lowering) -> Plan:
    logical = logical_plan(rule, lowering.source, lowering.taxonomy, rule.fields)
    rows = lowering.rows(logical)
    plan = replace(
        lowering.plan(rows.then(*result_steps(lowering.mode, rule, rows.shown))),
        group_by=rule.group_by,
        windows=windows_of(rule),
        estimated=rule.kind.estimated,
        logical=logical,
    )
    return replace(plan, warnings=(*plan.warnings, *plan_warnings(rule, plan)))


def _events(rule: BaseRule | Correlation, source: Source, siem: str, taxonomy: Taxonomy, mode: Mode) -> Plan:
    """The events that a rule looks at, before they are correlated, with the values of its group-by fields."""
    streams = tuple(event_streams(rule, source))
    plan = Plan(rule, source, source.parts[0].stored[siem], mode, logical=streams)
    if len(streams) > 1 or any(name != called for name, called in streams[0].names.items()):
        return replace(plan, steps=(Union(tuple(_event_branch(plan, stream, taxonomy) for stream in streams)),))
    events = EventStream(streams[0], siem, taxonomy)
    identity = [events.view.event_id().name] if mode == "events" else []
    items, view = events.items(all_needed_fields(rule))
    steps = items.rows.steps
    stored: Mapping[str, Get] = {}
    if mode == "events":
        public = [
            column.name for name, column in events.used.items() if name not in taxonomy or not taxonomy[name].private
        ]
        steps = (*steps, Project(tuple(dict.fromkeys((plan.stored_source.time, *identity, *public)))))
    elif isinstance(rule, BaseRule):
        steps, stored = in_place(steps)
    warnings = view_warnings(rule, source, plan.stored_source, view)
    return replace(plan, steps=steps, in_place=stored, stored_as=view.stored_as, warnings=warnings)


def _event_branch(plan: Plan, stream: Events, taxonomy: Taxonomy) -> Plan:
    """One stream of events: time and group-by fields."""
    stored = stream.source.stored[plan.stored_source.name]
    items, _ = EventStream(stream, stored.name, taxonomy).items(tuple(stream.names))
    steps = (*items.rows.steps, Project((stored.time, *stream.names)))
    return Plan(None, stream.source, stored, plan.mode, steps)


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
    kept = source.stored[siem]
    builder = ViewBuilder(source, kept, taxonomy, entry, defaulted=False)
    carried = [name for name in fields if builder.carries(name)]
    for name in carried:
        builder.use(name)
    steps = (*source_steps(builder, builder.build(), TRUE), Project((*stored, kept.time, *carried)))
    return Plan(None, source, kept, "hunt", steps)
