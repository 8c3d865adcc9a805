"""Field values. None is null; text is str; a number is float, as Splunk calculates; several values are a list.

Whether text is a number is decided where it matters: what Splunk extracts from an event is text, and arithmetic,
comparisons and sort take it as a number where it looks like one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

Scalar = str | float
Value = Any
"""None, str, float, or a list of at least two str and float. (Conditions yield bool, which no field holds.)"""

Row = dict[str, Value]
Rows = list[Row]
Expression = Callable[[Row], Value]

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
WHOLE = 1e15


def to_number(value: Value) -> float | None:
    """A scalar as a number; None where it is none."""
    if type(value) is float:
        return value
    if type(value) is str and _NUMBER.fullmatch(value):
        return float(value)
    return None


def to_text(value: Scalar) -> str:
    """A scalar as text: whole numbers without a fraction. (How many digits of others Splunk keeps is not documented;
    these are as many as give the same number again.)"""
    if type(value) is str:
        return value
    number = float(value)
    return str(int(number)) if number.is_integer() and abs(number) < WHOLE else repr(number)


def values_of(value: Value) -> Sequence[Scalar]:
    """A field's values: none, one or several."""
    if value is None:
        return ()
    return value if type(value) is list else (value,)


def from_values(values: Sequence[Scalar]) -> Value:
    """A field of these values; one value is a plain one, none is null."""
    if not values:
        return None
    return values[0] if len(values) == 1 else list(values)


def to_field(value: Any) -> Value:
    """A JSON scalar as Splunk shows it: booleans are text. Null is the caller's business."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return float(value) if isinstance(value, int) else value
