"""Temporal correlations: which rules a window has items of, and in which order."""

from __future__ import annotations

from sigmagen.expr.tree import Call, Column, Expr, Literal, call, conjunction, disjunction, negate, when
from sigmagen.plan.items import Items
from sigmagen.plan.logical import Order, Windowed
from sigmagen.plan.steps import Aggregate, Columns, Derive, ExpandValues, Filter, Step
from sigmagen.plan.window import PANE, VALUE, WINDOW_END
from sigmagen.rules.model import Combined, Expression, Occurs


def occurring(position: int) -> Column:
    """The column that is 1 where the rule at a position (from 0) has an item, else 0."""
    return Column(f"rule_{position + 1}", "integer")


def temporal_condition(condition: Expression | object, seen: list[Column]) -> Expr | None:
    """A boolean condition over the rules seen in a window; None for any other one."""
    return _condition(condition, seen) if isinstance(condition, Occurs | Combined) else None


def _condition(expression: Expression, seen: list[Column]) -> Expr:
    if isinstance(expression, Occurs):
        return call("eq", seen[expression.rule], 1)
    operands = [_condition(operand, seen) for operand in expression.operands]
    if expression.op == "not":
        return _absent(operands[0])
    return conjunction(operands) if expression.op == "and" else disjunction(operands)


def _absent(condition: Expr) -> Expr:
    """The opposite of a condition on columns that are never missing."""
    opposite = negate(condition)
    if isinstance(opposite, Call) and opposite.op in ("and", "or"):
        return Call(opposite.op, tuple(_differs(part) for part in opposite.args))
    return _differs(opposite)


def _differs(part: Expr) -> Expr:
    if isinstance(part, Call) and part.op == "not":
        return Call("differs", part.args)
    if isinstance(part, Call) and part.op in ("and", "or"):
        return Call(part.op, tuple(_differs(inner) for inner in part.args))
    return part


def ordered(windowed: Windowed, items: Items, spread: list[Step]) -> list[Step]:
    """The earliest first step, then the earliest second one not before it, and so on: a greedy chain is enough.

    Equal times count as in order. Rules that must not match are looked for in the whole window.
    """
    if not isinstance(windowed.condition, Order):
        raise TypeError("a sequence without an order")
    wanted, unwanted = windowed.condition.wanted, windowed.condition.unwanted
    by, shown = windowed.group_by, items.rows.shown
    steps = [Column(f"step_{number}", "timestamp") for number, _ in enumerate(wanted, 1)]
    instant = call("milliseconds", items.time)
    taken: Columns = tuple(
        (step.name, when(items.conditions[position], instant, None))
        for step, position in zip(steps, wanted, strict=True)
    )
    flags = [occurring(position) for position in unwanted]
    flagged: Columns = tuple(
        (flag.name, when(items.conditions[position], 1, 0)) for flag, position in zip(flags, unwanted, strict=True)
    )
    first, last, middle = steps[0], steps[-1], steps[1:-1]
    gathered: Columns = (
        (first.name, call("min", first)),
        *((step.name, call("values", step)) for step in middle),
        *(((last.name, call("max", last)),) if len(steps) > 1 else ()),
        *((flag.name, call("max", flag)) for flag in flags),
    )
    result: list[Step] = [
        Derive((*taken, *flagged, (PANE.name, call("pane", items.time, windowed.window.tick)))),
        *spread,
        Aggregate((WINDOW_END.name, *by), (*gathered, *shown.partial)),
    ]
    if flags:
        result.append(Filter(conjunction([call("eq", flag, 0) for flag in flags])))
    for index, step in enumerate(middle, 1):
        rest = (
            *((later.name, call("any", later)) for later in steps[index + 1 : -1]),
            (last.name, call("max", last)),
            *shown.merged,
        )
        result += [
            ExpandValues(step.name),
            Filter(call("lte", steps[index - 1], step)),
            Aggregate((WINDOW_END.name, *by), ((step.name, call("min", step)), *rest)),
        ]
    in_order = call("lte", steps[-2], last) if len(steps) > 1 else call("is_present", first)
    return [*result, Filter(in_order), Derive(((VALUE.name, Literal(len(steps))),))]
