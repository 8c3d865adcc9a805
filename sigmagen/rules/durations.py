"""Spans of time as rules and tests write them, in milliseconds."""

from __future__ import annotations

import re
from decimal import Decimal

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

# Sigma leaves the length of a month open; 30 days keep a window the same length all year.
_TIMESPAN_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY, "M": 30 * DAY}
_DURATION_UNITS = {"ms": 1, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
# Ten years: far beyond any SIEM's lookback, and far below what overflows.
_LONGEST = 3_653 * DAY


def parse_timespan(text: object) -> int:
    """A correlation's `timespan` (a whole number and s, m, h, d, w or M) in milliseconds. Raises ValueError."""
    match = re.fullmatch(r"([0-9]{1,9})([smhdwM])", text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"timespan {text!r} is not a whole number followed by s, m, h, d, w or M")
    span = int(match[1]) * _TIMESPAN_UNITS[match[2]]
    if not 0 < span <= _LONGEST:
        raise ValueError(f"timespan {text!r} must be longer than nothing and at most ten years")
    return span


def parse_duration(text: object) -> int:
    """A test's duration (a number, fractions allowed, and ms, s, m, h or d) in milliseconds. Raises ValueError."""
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|s|m|h|d)", text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"duration {text!r} is not a number followed by ms, s, m, h or d")
    span = Decimal(match[1]) * _DURATION_UNITS[match[2]]
    if span != int(span):
        raise ValueError(f"duration {text!r} is no whole number of milliseconds")
    if span > _LONGEST:
        raise ValueError(f"duration {text!r} is longer than ten years")
    return int(span)


def format_timespan(span: int) -> str:
    """Milliseconds in the largest unit that fits, except that a day is said as 24 hours."""
    for name, unit in (("day", DAY), ("hour", HOUR), ("minute", MINUTE), ("second", SECOND)):
        count, rest = divmod(span, unit)
        if count and not rest and (name != "day" or count > 1):
            return f"{count} {name}" if count == 1 else f"{count} {name}s"
    return f"{span} milliseconds"
