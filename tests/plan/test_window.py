"""The window contract in numbers."""

from __future__ import annotations

import pytest

from sigmagen.durations import DAY, HOUR, MINUTE, SECOND, duration_text
from sigmagen.plan.window import Schedule, Window, tick_length
from tests import oracle


@pytest.mark.parametrize(
    ("timespan", "tick"),
    [
        (SECOND, 125),
        (10 * SECOND, 1250),
        (5 * MINUTE, 50 * SECOND),
        (10 * MINUTE, 100 * SECOND),
        (15 * MINUTE, 150 * SECOND),
        (HOUR, 10 * MINUTE),
        (7 * HOUR, HOUR),
        (DAY, 4 * HOUR),
        (7 * DAY, 4 * HOUR),
    ],
)
def test_tick_is_the_largest_divisor_of_a_day_that_fits(timespan: int, tick: int) -> None:
    assert tick_length(timespan) == tick == oracle.tick_length(timespan)


def test_tick_agrees_with_the_oracle_for_any_timespan() -> None:
    for minutes in (*range(1, 60), *range(60, 300, 11), 431, 997, 1440, 2879, 10_079):
        assert tick_length(minutes * MINUTE) == oracle.tick_length(minutes * MINUTE), minutes


def test_a_timespan_must_be_positive() -> None:
    with pytest.raises(ValueError, match="positive"):
        tick_length(0)


def test_schedule_covers_window_ingest_delay_a_missed_run_and_a_late_one() -> None:
    schedule = Schedule.of([Window.over(HOUR)], shortest_interval=5 * MINUTE, ingest_delay=20 * MINUTE)
    lookback = HOUR + 20 * MINUTE + 2 * 10 * MINUTE + MINUTE
    assert schedule == Schedule(10 * MINUTE, HOUR, 20 * MINUTE)
    assert schedule.lookback == schedule.suppression == lookback


def test_a_target_that_runs_less_often_lengthens_interval_and_look_back() -> None:
    schedule = Schedule.of([Window.over(5 * MINUTE)], shortest_interval=5 * MINUTE, ingest_delay=0)
    assert (schedule.interval, schedule.lookback) == (5 * MINUTE, 16 * MINUTE)


def test_a_chain_looks_back_over_all_its_windows() -> None:
    schedule = Schedule.of([Window.over(HOUR), Window.over(DAY)], shortest_interval=MINUTE, ingest_delay=0)
    assert (schedule.interval, schedule.lookback) == (4 * HOUR, HOUR + DAY + 8 * HOUR + 24 * MINUTE)


@pytest.mark.parametrize(
    ("milliseconds", "text"), [(0, "0s"), (5_400_000, "1h30m"), (DAY, "1d"), (150_250, "2m30s250ms")]
)
def test_durations_read_well(milliseconds: int, text: str) -> None:
    assert duration_text(milliseconds) == text
