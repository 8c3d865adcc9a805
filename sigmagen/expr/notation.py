"""Expressions as a reader would write them: `lower(user.id) = "ann" and tokens >= 5`."""

from __future__ import annotations

import json
import re

from sigmagen.display import sanitize
from sigmagen.durations import duration_text
from sigmagen.expr.tree import Call, Column, Expr, Get, Literal, Parameter

SIGNS = {"eq": "=", "ne": "!=", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_BETWEEN = {**SIGNS, "and": "and", "or": "or", "add": "+", "subtract": "-", "times": "*", "divide": "/"}
_LOOSE = ("and", "or", "add", "subtract", "times", "divide")
_AFTER = {
    "is_missing": "is missing",
    "is_present": "is present",
    "has_value": "has a value",
    "has_no_value": "has no value",
}
_SPANS = ("pane", "tick", "shift")
"""Operations whose last argument is a time span in milliseconds."""
_PATTERNS = ("like", "like_ignoring_case")
_PLAIN = re.compile(r"[\w.@]+")


def notation(expression: Expr) -> str:
    """An expression on one line.

    >>> from sigmagen.expr.tree import call
    >>> notation(call("or", call("gte", Column("tokens"), 5), call("in", Column("user.id"), "ann", "bob")))
    'tokens >= 5 or user.id in ("ann", "bob")'
    """
    if isinstance(expression, Column):
        return name_text(expression.name)
    if isinstance(expression, Parameter):
        return f"${expression.name}"
    if isinstance(expression, Get):
        return _get(expression)
    if isinstance(expression, Literal):
        return "missing" if expression.value is None else json.dumps(expression.value)
    return _call(expression)


def name_text(name: str) -> str:
    """A name; one that holds more than letters, digits, `_`, `.` and `@` is quoted."""
    return name if _PLAIN.fullmatch(name) else f"`{sanitize(name).replace('`', '``')}`"


def _get(value: Get) -> str:
    """A value in the stored record, with its type where that is not text."""
    base = "record" if value.base is None else notation(value.base)
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{name_text(part)}" for part in value.segments)
    return f"{base}{path}" if value.type == "string" else f"{base}{path}:{value.type}"


def _call(expression: Call) -> str:
    op, args = expression.op, expression.args
    if op in _BETWEEN:
        return f" {_BETWEEN[op]} ".join(map(_operand, args))
    if op in _AFTER:
        return f"{_operand(args[0])} {_AFTER[op]}"
    if op == "in":
        return f"{_operand(args[0])} in ({', '.join(map(notation, args[1:]))})"
    if op in ("not", "differs"):
        return f"{op} ({notation(args[0])})"
    if op == "cast" and isinstance(args[-1], Literal):
        return f"cast({notation(args[0])} as {args[-1].value})"
    texts = list(map(notation, args))
    if op in _SPANS and isinstance(args[-1], Literal) and isinstance(args[-1].value, int):
        texts[-1] = _span(args[-1].value)
    elif op in _PATTERNS:
        texts = [{"0": "*", "1": "?"}.get(text, text) for text in texts]
    return f"{op}({', '.join(texts)})"


def _operand(expression: Expr) -> str:
    """An argument beside a sign; in parentheses where it has a sign of its own that binds no tighter."""
    text = notation(expression)
    return f"({text})" if isinstance(expression, Call) and expression.op in _LOOSE else text


def _span(milliseconds: int) -> str:
    return f"-{duration_text(-milliseconds)}" if milliseconds < 0 else duration_text(milliseconds)
