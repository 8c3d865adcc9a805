"""Spans of time."""

from __future__ import annotations

import pytest

from sigmagen.durations import DAY, HOUR, MINUTE, SECOND, format_timespan, parse_duration, parse_timespan


@pytest.mark.parametrize(
    ("text", "span"),
    [("30s", 30 * SECOND), ("15m", 15 * MINUTE), ("24h", DAY), ("7d", 7 * DAY), ("2w", 14 * DAY), ("1M", 30 * DAY)],
)
def test_timespans(text: str, span: int) -> None:
    assert parse_timespan(text) == span


@pytest.mark.parametrize(
    "text", ["", "1", "0h", "1y", "1.5h", "-1h", "1 h", "h", "\uff11h", "9999999999d", "999999d", 60, None]
)
def test_what_is_no_timespan(text: object) -> None:
    with pytest.raises(ValueError, match="timespan"):
        parse_timespan(text)


@pytest.mark.parametrize(
    ("text", "span"), [("7.2s", 7_200), ("0s", 0), ("250ms", 250), ("1.5m", 90_000), ("2d", 2 * DAY), ("0.001s", 1)]
)
def test_durations(text: str, span: int) -> None:
    assert parse_duration(text) == span


@pytest.mark.parametrize("text", ["", "1", "1w", "0.0001s", ".5s", "1.s", "1e3s", "-1s", 5, "4000d"])
def test_what_is_no_duration(text: object) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("span", "text"),
    [(HOUR, "1 hour"), (DAY, "24 hours"), (7 * DAY, "7 days"), (90 * MINUTE, "90 minutes"), (5, "5 milliseconds")],
)
def test_said_as_a_person_would(span: int, text: str) -> None:
    assert format_timespan(span) == text
