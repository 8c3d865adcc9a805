"""A plan as text: what it looks for, then its steps, as a reader would draw them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from sigmagen.display import sanitize
from sigmagen.durations import duration_text
from sigmagen.expr.notation import SIGNS, name_text, notation
from sigmagen.expr.tree import Call
from sigmagen.plan.logical import Events, Order, Windowed
from sigmagen.plan.steps import (
    Aggregate,
    Columns,
    CountRows,
    Derive,
    Expand,
    ExpandValues,
    Filter,
    InsideRange,
    Join,
    Limit,
    Project,
    PruneGroups,
    Scan,
    Sort,
    Step,
    Union,
    Unique,
)
from sigmagen.rules.conditions import expression_text
from sigmagen.rules.model import Threshold

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sigmagen.plan.model import Plan

_INDENT = "  "
_RESULTS = {
    "hunt": "one row for each window and group",
    "alert": "one row for each group, the worst first",
    "events": "the events, before they are correlated",
}


def explain(plan: Plan) -> str:
    """The plan as indented text: the logical part, where it has one, and the steps."""
    lines = [f"{plan.mode} of {plan.source.name} in {plan.stored_source.name}: {_RESULTS[plan.mode]}"]
    if isinstance(plan.logical, Windowed):
        lines += _indented(_windowed(plan.logical))
    else:
        lines += _indented(_events(stream) for stream in plan.logical)
    return "\n".join([*lines, "steps", *_indented(_steps(plan)), ""])


def _indented(lines: Iterator[str]) -> Iterator[str]:
    return (_INDENT + line for line in lines)


# The logical part


def _windowed(windowed: Windowed) -> Iterator[str]:
    window = windowed.window
    every = f"windows of {duration_text(window.timespan)} every {duration_text(window.tick)}"
    yield f"{sanitize(windowed.rule.name)}: {every} by {_names(windowed.group_by)}"
    yield f"{_INDENT}where {_condition(windowed)}"
    if not windowed.monotone:
        yield f"{_INDENT}only windows inside the time range"
    if windowed.listed:
        yield f"{_INDENT}showing {_names(windowed.listed)}"
    for stream in windowed.streams:
        if isinstance(stream, Events):
            yield _INDENT + _events(stream)
        else:
            yield f"{_INDENT}over alerts{_renamed(stream.names)}"
            yield from _indented(_indented(_windowed(stream.of)))


def _events(stream: Events) -> str:
    rules = " or ".join(sanitize(rule.name) for _, rule in stream.rules)
    return f"over events of {stream.source.name} that match {rules}{_renamed(stream.names)}"


def _renamed(names: Mapping[str, str]) -> str:
    renamed = [f"{name_text(name)} = {name_text(called)}" for name, called in names.items() if name != called]
    return f" ({', '.join(renamed)})" if renamed else ""


def _condition(windowed: Windowed) -> str:
    condition, names = windowed.condition, [sanitize(rule.name) for rule in windowed.rule.rules]
    measure: str = windowed.measure
    if isinstance(condition, Order):
        wanted = f"{measure} {', '.join(names[position] for position in condition.wanted)}"
        unwanted = " or ".join(names[position] for position in condition.unwanted)
        return f"{wanted}; and not {unwanted}" if unwanted else wanted
    if not isinstance(condition, Threshold):
        return expression_text(condition, names)
    if condition.percentile is not None:
        measure = f"{measure} {condition.percentile}"
    measure = f"{measure} of {_names(windowed.fields)}" if windowed.fields else measure
    signs = {**SIGNS, "neq": SIGNS["ne"]}
    return f"{measure} {' and '.join(f'{signs[item.op]} {item.value}' for item in condition.comparisons)}"


# The steps


def _steps(plan: Plan) -> Iterator[str]:
    for name, value in plan.in_place.items():
        yield f"read in place {name_text(name)} = {notation(value)}"
    for step in plan.steps:
        yield from _step(step)


def _step(step: Step) -> Iterator[str]:
    if isinstance(step, Union):
        yield "unite"
        for branch in step.branches:
            yield f"{_INDENT}branch of {branch.source.name}"
            yield from _indented(_indented(_steps(branch)))
    elif isinstance(step, Derive):
        yield from _listed("derive", _assignments(step.columns))
    elif isinstance(step, Filter):
        condition = step.condition
        parts = condition.args if isinstance(condition, Call) and condition.op == "and" else (condition,)
        yield from _listed("filter", map(notation, parts))
    elif isinstance(step, Aggregate):
        by = f" by {_names(step.by)}" if step.by else ""
        yield from _listed(f"aggregate{by}:", _assignments(step.columns))
    elif isinstance(step, PruneGroups):
        (total,) = _assignments((step.total,))
        yield f"prune groups of {_names(step.by)}: {total}; keep {notation(step.condition)}"
    else:
        yield _line(step)


def _line(step: Step) -> str:
    if isinstance(step, InsideRange):
        return f"inside range from {notation(step.begin)} to {notation(step.end)}"
    if isinstance(step, Join):
        columns = ", ".join(f"{name_text(name)} = {how}" for name, how in step.columns)
        return f"join {name_text(step.table)} on {name_text(step.on)} where {notation(step.where)}: {columns}"
    if isinstance(step, Unique):
        return f"unique {name_text(step.column)}"
    if isinstance(step, Expand):
        return f"expand {name_text(step.name)} = {', '.join(map(str, step.values))}"
    if isinstance(step, ExpandValues):
        return f"expand values of {name_text(step.name)}"
    if isinstance(step, CountRows):
        return f"count rows as {name_text(step.name)}"
    if isinstance(step, Sort):
        return f"sort by {', '.join(name_text(name) + (' descending' if down else '') for name, down in step.keys)}"
    if isinstance(step, Limit):
        return f"limit {step.rows}"
    if isinstance(step, Project):
        return f"project {_names(step.columns)}"
    if isinstance(step, Scan):
        return "scan"
    raise TypeError(f"no text for the step {step!r}")


def _assignments(columns: Columns) -> Iterator[str]:
    return (f"{name_text(name)} = {notation(value)}" for name, value in columns)


def _listed(what: str, texts: Iterable[str]) -> Iterator[str]:
    """One text on the line, several below it."""
    found = list(texts)
    if len(found) == 1:
        yield f"{what} {found[0]}"
    else:
        yield what.removesuffix(":")
        yield from _indented(iter(found))


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(map(name_text, names)) or "nothing"
