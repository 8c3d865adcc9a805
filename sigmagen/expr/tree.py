"""Expressions over one row, which every dialect can print.

Conditions are true or false, never null, so printed conditions need no three-valued logic: negation is pushed down to
the comparisons (`negate`), and a negated comparison defines the effect of a missing value.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeGuard

from sigmagen.expr.operations import check_call

Type = str  # string, integer, float, boolean, timestamp, ip, hash, text, json
Scalar = str | int | float | bool | None


class UnsupportedDetectionError(Exception):
    """A detection that can't be converted; the message has the field and the reason."""


TEXTUAL = frozenset({"string", "ip", "hash", "text"})
NUMERIC = frozenset({"integer", "float"})


@dataclass(frozen=True, slots=True)
class Get:
    """A value inside the stored record (`base` None) or inside another JSON value, read as `type`.

    `segments` are keys and array positions; a negative position counts from the end.
    """

    segments: tuple[str | int, ...]
    type: Type
    base: Expr | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A column from an earlier step."""

    name: str
    type: Type = "string"


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant."""

    value: Scalar


@dataclass(frozen=True, slots=True)
class Parameter:
    """A constant that is filled in when the query runs. Its name has letters, digits and `_`."""

    name: str
    type: Type = "string"


@dataclass(frozen=True, slots=True)
class Call:
    """A call of one of the OPERATIONS. Raises OperationError for others, and for a wrong number of arguments."""

    op: str
    args: tuple[Expr, ...]

    def __post_init__(self) -> None:
        check_call(self.op, len(self.args))


Expr = Get | Column | Literal | Parameter | Call

TRUE = Literal(True)
FALSE = Literal(False)


def call(op: str, *args: Expr | Scalar) -> Call:
    """Return a `Call` in which plain Python values are literals."""
    return Call(op, tuple(arg if isinstance(arg, Expr) else Literal(arg) for arg in args))


def is_last_text(expression: Expr) -> TypeGuard[Call]:
    """Return whether it searches a text in a list of messages, for which some dialects need separate commands."""
    return isinstance(expression, Call) and expression.op == "last_text"


def is_network(expression: Expr) -> TypeGuard[Call]:
    """Return whether it computes the network of an address, for which SPL needs separate commands."""
    return isinstance(expression, Call) and expression.op == "network"


def moment(value: int | Parameter) -> Expr:
    """Return a point in time: epoch milliseconds, or a parameter."""
    return value if isinstance(value, Parameter) else call("moment", value)


def when(condition: Expr, then: Expr | Scalar, otherwise: Expr | Scalar) -> Expr:
    """Return `then` if the condition is true, else `otherwise`."""
    chosen = call("if", condition, then, otherwise)
    return chosen.args[1] if condition == TRUE else chosen


def conjunction(parts: list[Expr]) -> Expr:
    """Join `parts` with AND; without parts it is true.

    Together with "x is missing", the result of every comparison of x is known, so these are removed: Elasticsearch's
    optimizer treats other conditions on x as unknown, even `x IS NULL OR …`.
    """
    whole = _connect("and", parts, TRUE, FALSE)
    if not (isinstance(whole, Call) and whole.op == "and"):
        return whole
    missing = {part.args[0] for part in whole.args if isinstance(part, Call) and part.op == "is_missing"}
    if not missing:
        return whole
    decided = [part if _is_missing(part) else _without(part, missing) for part in whole.args]
    return _connect("and", decided, TRUE, FALSE)


def _is_missing(part: Expr) -> bool:
    return isinstance(part, Call) and part.op == "is_missing"


def _without(condition: Expr, missing: set[Expr]) -> Expr:
    """Simplify a condition for the case that these columns have no value."""
    if not isinstance(condition, Call):
        return condition
    if condition.op in ("and", "or"):
        parts = [_without(part, missing) for part in condition.args]
        return conjunction(parts) if condition.op == "and" else disjunction(parts)
    if condition.op == "not":
        return TRUE if _without(condition.args[0], missing) == FALSE else condition
    if condition.args and subject(condition.args[0]) in missing:
        return TRUE if condition.op in ("is_missing", "has_no_value") else FALSE
    return condition


def subject(value: Expr) -> Expr:
    """Return the inner value of conversions that are missing only if the inner value is."""
    while isinstance(value, Call) and value.op in ("lower", "text", "time_part"):
        value = value.args[0]
    return value


def disjunction(parts: list[Expr]) -> Expr:
    """Join `parts` with OR; without parts it is false."""
    return _connect("or", parts, FALSE, TRUE)


def _connect(op: str, parts: list[Expr], neutral: Literal, absorbing: Literal) -> Expr:
    flat: list[Expr] = []
    for part in parts:
        if isinstance(part, Call) and part.op == op:
            flat.extend(part.args)
        elif part == absorbing:
            return absorbing
        elif part != neutral:
            flat.append(part)
    unique = list(dict.fromkeys(flat))
    if not unique:
        return neutral
    return unique[0] if len(unique) == 1 else Call(op, tuple(unique))


_OPPOSITES = {"is_missing": "is_present", "has_value": "has_no_value"}
_OPPOSITES |= {opposite: op for op, opposite in _OPPOSITES.items()}


def negate(condition: Expr) -> Expr:
    """Negate a condition by pushing the negation down to its comparisons."""
    if isinstance(condition, Literal):
        return Literal(not condition.value)
    if isinstance(condition, Call):
        if condition.op == "and":
            return disjunction([negate(part) for part in condition.args])
        if condition.op == "or":
            return conjunction([negate(part) for part in condition.args])
        if condition.op == "not":
            return condition.args[0]
        if condition.op in _OPPOSITES:
            return Call(_OPPOSITES[condition.op], condition.args)
    return Call("not", (condition,))


def walk(expression: Expr) -> Iterator[Expr]:
    """Yield the expression and all its parts."""
    yield expression
    if isinstance(expression, Call):
        for arg in expression.args:
            yield from walk(arg)
    elif isinstance(expression, Get) and expression.base is not None:
        yield from walk(expression.base)


def present_in(condition: Expr, required: list[Expr]) -> Expr:
    """Simplify negated comparisons of columns that `required` already excludes from being missing.

    `required` are `has_value` calls that are joined to the condition with AND.
    """
    columns = {part.args[0] for part in required if isinstance(part, Call) and part.op == "has_value"}

    if not columns:
        return condition

    def rewritten(part: Expr) -> Expr:
        if not isinstance(part, Call):
            return part
        if part.op == "not" and isinstance(part.args[0], Call) and part.args[0].args[0] in columns:
            return Call("differs", part.args)
        return Call(part.op, tuple(rewritten(arg) for arg in part.args)) if part.op in ("and", "or") else part

    return rewritten(condition)
