"""What a plan is made of, without names and constants: the order of its steps, and the operations in them.

Rules that differ in fields, values, threshold and timespan only are made of the same parts, and a target prints them
with the same code. Tests execute each part on every engine, rather than each rule.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from sigmagen.expr.tree import Call, Column, Get, Literal, Parameter
from sigmagen.plan.model import Plan
from sigmagen.plan.steps import Aggregate, PruneGroups, Step, Union


def plan_shape(plan: Plan) -> frozenset[str]:
    """The order of a plan's steps, with the functions of its aggregates, as two lines: reading and counting.

    How events are read and how they are counted meet in plain rows only, so the two are shapes of their own. Derived
    columns and filters that follow each other are one part, whatever their number.
    """
    steps = [*map(_step_shape, plan.steps)]
    names = [shape.split()[0] for shape in steps]
    middle = next((place for place, name in enumerate(names) if name in _COUNTING), len(steps))
    return frozenset(f"{half}: {_line(part)}" for half, part in (("read", steps[:middle]), ("count", steps[middle:])))


_COUNTING = ("aggregate", "expand")


def _line(shapes: list[str]) -> str:
    """Steps as one line, without a step that does as the one before."""
    pairs = zip(["", *shapes], shapes, strict=False)
    return " | ".join(shape for before, shape in pairs if not {before, shape} <= {"derive", "filter"})


def operations(plan: Plan) -> frozenset[str]:
    """Each operation of a plan with the kinds of its arguments, such as `lower(column.string)`, under its step.

    An argument that is itself an operation is named, and has an entry of its own. How often an argument of one kind
    is repeated makes no difference: a list of three values is printed as a list of two is.
    """
    return frozenset(
        f"{type(step).__name__.lower()}: {_call_shape(found)}"
        for step in plan.steps
        if not isinstance(step, Union)
        for found in _calls(step)
    ).union(*(operations(branch) for step in plan.steps if isinstance(step, Union) for branch in step.branches))


def _step_shape(step: Step) -> str:
    name = type(step).__name__.lower()
    if isinstance(step, Union):
        return f"{name} [{'; '.join(sorted({_line([*map(_step_shape, branch.steps)]) for branch in step.branches}))}]"
    if isinstance(step, Aggregate | PruneGroups):
        made = step.columns if isinstance(step, Aggregate) else (step.total,)
        functions = {value.op if isinstance(value, Call) else "column" for _, value in made}
        return f"{name} {', '.join(sorted(functions))}{' by' if step.by else ''}"
    return name


def _calls(value: Any) -> Iterator[Call]:
    """Every operation within a step, a list or an expression."""
    if isinstance(value, Call):
        yield value
        parts: Any = value.args
    elif isinstance(value, tuple | list):
        parts = value
    elif isinstance(value, Get):
        parts = (value.base,)
    elif isinstance(value, Step):
        parts = [getattr(value, field.name) for field in fields(value)]
    else:
        return
    for part in parts:
        yield from _calls(part)


def _call_shape(found: Call) -> str:
    return f"{found.op}({', '.join(sorted({_argument(argument) for argument in found.args}))})"


def _argument(argument: Any) -> str:
    match argument:
        case Call():
            return argument.op
        case Get():
            return f"record.{argument.type}" if argument.base is None else f"part.{argument.type}"
        case Column() | Parameter():
            return f"{type(argument).__name__.lower()}.{argument.type}"
        case Literal():
            return type(argument.value).__name__
    return "values"
