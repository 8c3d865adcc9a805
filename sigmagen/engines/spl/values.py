"""Field values. None is null, text is str, a number is float as in Splunk, and several values are a list.

Fields extracted from an event are text. Arithmetic, comparisons and sort convert text that looks like a number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

Scalar = str | float
Value = Any
"""None, str, float, or a list of at least two str and float. (Conditions return bool, which is never in a field.)"""

Row = dict[str, Value]
Rows = list[Row]
Expression = Callable[[Row], Value]

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
WHOLE = 1e15


def to_number(value: Value) -> float | None:
    """Convert a scalar to a number; None if it is not numeric."""
    if type(value) is float:
        return value
    if type(value) is str and _NUMBER.fullmatch(value):
        return float(value)
    return None


def to_text(value: Scalar) -> str:
    """Convert a scalar to text: whole numbers without a fraction. (Splunk does not document the number of digits of
    others; these have as many as needed to restore the number.)"""
    if type(value) is str:
        return value
    number = float(value)
    return str(int(number)) if number.is_integer() and abs(number) < WHOLE else repr(number)


def values_of(value: Value) -> Sequence[Scalar]:
    """Return a field's values: none, one or several."""
    if value is None:
        return ()
    return value if type(value) is list else (value,)


def from_values(values: Sequence[Scalar]) -> Value:
    """Return a field with these values: null for none, a scalar for one."""
    if not values:
        return None
    return values[0] if len(values) == 1 else list(values)


def to_field(value: Any) -> Value:
    """Convert a JSON scalar to a field value: booleans are text. The caller handles null."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return float(value) if isinstance(value, int) else value
