"""From a rule and a source to a query plan: source view, filter, panes, windows, predicate, output columns."""

from __future__ import annotations

from collections.abc import Sequence

from sigmagen.expr.tree import TRUE, UnsupportedDetectionError
from sigmagen.mapping.expression import UnavailableFieldError
from sigmagen.mapping.source import LogsourceEntry, Source
from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.mapping.view import ViewBuilder
from sigmagen.plan.compose import Composer
from sigmagen.plan.items import UnsupportedCorrelationError, all_needed_fields, windows_of
from sigmagen.plan.model import Mode, Plan
from sigmagen.plan.names import name_fault
from sigmagen.plan.result import result_steps
from sigmagen.plan.steps import Project, Union
from sigmagen.plan.streams import EventStream, Stream, event_streams, in_place, source_steps
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
    """The plan of `rule` over `source` in `siem`. Of `events`, private fields (prompt text) are left out.

    `target` is what errors call the place: it differs from `siem` where that has two languages.

    Raises SigmagenError: a field that the source doesn't carry there, a detection or correlation that can't be said.
    """
    plan = Plan(rule, source, source.parts[0].stored[siem], mode)
    target = target or siem
    if fault := name_fault(rule, plan.stored_source):
        message = f"{rule.title}: field {fault[0]!r} can't be named in {target}: {fault[1]}"
        raise SigmagenError(Problem("field-name", message, file=rule.file, line=rule.line))
    try:
        if isinstance(rule, Correlation) and mode != "events":
            _correlation(plan, rule, taxonomy)
        else:
            _events(plan, rule, taxonomy)
    except UnavailableFieldError as error:
        raise SigmagenError(_unavailable(error, rule, source, target)) from None
    except (UnsupportedDetectionError, UnsupportedCorrelationError) as error:
        raise not_convertible(rule, target, error) from None
    return plan


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


def _correlation(plan: Plan, rule: Correlation, taxonomy: Taxonomy) -> None:
    composer = Composer(plan, taxonomy)
    rows = composer.rows(rule, outermost=True)
    plan.steps = [*rows, *result_steps(plan.mode, rule, composer.shown)]
    plan.group_by, plan.windows = rule.group_by, windows_of(rule)
    plan.estimated = rule.type in ("value_percentile", "value_median")
    plan.warnings += plan_warnings(rule, plan)


def _events(plan: Plan, rule: BaseRule | Correlation, taxonomy: Taxonomy) -> None:
    """The events that a rule looks at, before they are correlated, with the values of its group-by fields."""
    streams = event_streams(rule, plan.source)
    if len(streams) > 1 or any(name != called for name, called in streams[0].names.items()):
        plan.steps = [Union(tuple(_event_branch(plan, stream, taxonomy) for stream in streams))]
        return
    events = EventStream(streams[0], plan.stored_source.name, taxonomy)
    identity = [events.view.event_id().name] if plan.mode == "events" else []
    items, view = events.items(all_needed_fields(rule))
    plan.steps, plan.in_place = (items.steps, {}) if isinstance(rule, Correlation) else in_place(items.steps)
    if plan.mode == "events":
        public = [
            column.name for name, column in events.used.items() if name not in taxonomy or not taxonomy[name].private
        ]
        plan.in_place = {}
        plan.steps = [*items.steps, Project(tuple(dict.fromkeys((plan.stored_source.time, *identity, *public))))]
    plan.stored_as = view.stored_as
    plan.warnings += view_warnings(plan, view)


def _event_branch(plan: Plan, stream: Stream, taxonomy: Taxonomy) -> Plan:
    """One stream of events: time and group-by fields."""
    branch = Plan(None, stream.source, stream.source.stored[plan.stored_source.name], plan.mode)
    items, _ = EventStream(stream, plan.stored_source.name, taxonomy).items(tuple(stream.names))
    branch.steps = [*items.steps, Project((branch.stored_source.time, *stream.names))]
    return branch


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
    plan = Plan(None, source, source.stored[siem], "hunt")
    builder = ViewBuilder(source, plan.stored_source, taxonomy, entry, defaulted=False)
    carried = [name for name in fields if builder.carries(name)]
    for name in carried:
        builder.use(name)
    plan.steps = [*source_steps(builder, builder.build(), TRUE), Project((*stored, plan.stored_source.time, *carried))]
    return plan
