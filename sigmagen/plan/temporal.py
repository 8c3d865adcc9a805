"""Temporal correlations: which rules a window has items of, and in which order."""

from __future__ import annotations

from sigmagen.expr.tree import Call, Column, Expr, Literal, call, conjunction, disjunction, negate, when
from sigmagen.plan.items import Items, UnsupportedCorrelationError
from sigmagen.plan.shown import Shown
from sigmagen.plan.steps import Aggregate, Columns, Derive, ExpandValues, Filter, Step
from sigmagen.plan.window import PANE, VALUE, WINDOW_END, Window
from sigmagen.rules.model import Combined, Correlation, Expression, Occurs


def occurring(position: int) -> Column:
    """The column that is 1 where the rule at a position (from 0) has an item, else 0."""
    return Column(f"rule_{position + 1}", "integer")


def temporal_condition(rule: Correlation, seen: list[Column]) -> Expr | None:
    """The condition in words over the rules seen in a window; None where the rule has none."""
    return None if rule.expression is None else _condition(rule.expression, seen)


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


def ordered(rule: Correlation, items: Items, window: Window, shown: Shown, spread: list[Step]) -> list[Step]:
    """The earliest first step, then the earliest second one not before it, and so on: a greedy chain is enough.

    Equal times count as in order. Rules that must not match are looked for in the whole window.
    """
    wanted, unwanted = _sequence(rule)
    by = rule.group_by
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
        Derive((*taken, *flagged, (PANE.name, call("pane", items.time, window.tick)))),
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


def _sequence(rule: Correlation) -> tuple[list[int], list[int]]:
    """The rules that must match, in their order, and those that must not, by position."""
    if rule.threshold is not None:
        raise UnsupportedCorrelationError("temporal_ordered with a number of rules: of which ones would be the order?")
    if rule.expression is None:
        return list(range(len(rule.rules))), []
    wanted: list[int] = []
    unwanted: list[int] = []
    parts = _conjuncts(rule.expression)
    for part in parts:
        if isinstance(part, Occurs):
            wanted.append(part.rule)
        elif part.op == "not" and isinstance(part.operands[0], Occurs):
            unwanted.append(part.operands[0].rule)
        else:
            raise UnsupportedCorrelationError(
                "temporal_ordered with alternatives (or), between which there is no order"
            )
    if not wanted:
        raise UnsupportedCorrelationError("temporal_ordered without a rule that must match")
    return wanted, unwanted


def _conjuncts(expression: Expression) -> list[Expression]:
    if isinstance(expression, Combined) and expression.op == "and":
        return [part for operand in expression.operands for part in _conjuncts(operand)]
    return [expression]
