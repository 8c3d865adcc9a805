"""Spans of time and moments, in milliseconds: the units, how people write them, and how they are shown."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

UNITS = (("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", SECOND), ("ms", 1))
"""The units with their lengths, the longest first."""

# Sigma leaves the length of a month open; 30 days keep a window the same length all year.
_TIMESPAN_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY, "M": 30 * DAY}
# Ten years: far beyond any SIEM's lookback, and far below what overflows.
_LONGEST = 3_653 * DAY


def parse_timespan(text: object) -> int:
    """A correlation's `timespan` (a whole number and s, m, h, d, w or M) in milliseconds. Raises ValueError."""
    match = re.fullmatch(r"([0-9]{1,9})([smhdwM])", text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"timespan {text!r} is not a whole number followed by s, m, h, d, w or M")
    span = int(match[1]) * _TIMESPAN_UNITS[match[2]]
    if not 0 < span <= _LONGEST:
        raise ValueError(f"timespan {text!r} must be more than zero and at most ten years")
    return span


def parse_duration(text: object) -> int:
    """A duration (a number, fractions allowed, and ms, s, m, h or d) in milliseconds. Raises ValueError."""
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|s|m|h|d)", text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"duration {text!r} is not a number followed by ms, s, m, h or d")
    span = Decimal(match[1]) * dict(UNITS)[match[2]]
    if span != int(span):
        raise ValueError(f"duration {text!r} is not a whole number of milliseconds")
    if span > _LONGEST:
        raise ValueError(f"duration {text!r} is longer than ten years")
    return int(span)


def largest_unit(milliseconds: int, *, longest: str = "d") -> tuple[int, str]:
    """The largest unit, up to `longest`, that divides a span, and how many of it the span is.

    >>> largest_unit(3_600_000), largest_unit(2 * DAY, longest="h")
    ((1, 'h'), (48, 'h'))
    """
    names = [name for name, _ in UNITS]
    unit, length = next((unit, length) for unit, length in UNITS[names.index(longest) :] if milliseconds % length == 0)
    return milliseconds // length, unit


def duration_text(milliseconds: int) -> str:
    """A span in all its units, the largest first.

    >>> duration_text(5_400_000)
    '1h30m'
    """
    parts = []
    for unit, length in UNITS:
        count, milliseconds = divmod(milliseconds, length)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def format_timespan(span: int) -> str:
    """A span in words, in the largest unit that fits, except that a day is 24 hours.

    >>> format_timespan(DAY), format_timespan(MINUTE)
    ('24 hours', '1 minute')
    """
    for name, unit in (("day", DAY), ("hour", HOUR), ("minute", MINUTE), ("second", SECOND)):
        count, rest = divmod(span, unit)
        if count and not rest and (name != "day" or count > 1):
            return f"{count} {name}" if count == 1 else f"{count} {name}s"
    return f"{span} milliseconds"


def iso(milliseconds: int, digits: int = 3) -> str:
    """Epoch milliseconds as ISO 8601 in UTC, with that many digits of a second's fraction.

    >>> iso(1786440000123), iso(1786440000123, 0), iso(1786440000123, 6)
    ('2026-08-11T09:20:00.123Z', '2026-08-11T09:20:00Z', '2026-08-11T09:20:00.123000Z')
    """
    seconds, fraction = divmod(milliseconds, SECOND)
    moment = (datetime(1970, 1, 1) + timedelta(seconds=seconds)).isoformat()
    return f"{moment}.{f'{fraction:03d}'.ljust(digits, '0')[:digits]}Z" if digits else f"{moment}Z"
