"""The oracle and the range of a hunt: which windows count when the range cuts them; worked out by hand."""

from __future__ import annotations

import pytest

from sigmagen.rules.model import Combined, Comparison, Correlation, Occurs, Threshold
from tests.oracle import hunt
from tests.rule_builders import DAY, HOUR, MINUTE, T0, base, correlation, ends, event

A, B = base("a: 1", "a"), base("b: 1", "b")
NOT_B = Combined("and", (Occurs(0), Combined("not", (Occurs(1),))))
OFTEN, SELDOM = Threshold("gte", 1), Threshold("lte", 1)


def found(rule: Correlation, *times: int, start: int = -DAY, end: int = DAY) -> list[int]:
    """Window ends in minutes after T0, of one user's events A at these minutes."""
    events = [event(time * MINUTE, a=1, tokens=5, seed=5) for time in times]
    return [window // MINUTE for window in ends(hunt(rule, events, T0 + start, T0 + end))]


def test_a_query_sees_events_from_the_start_up_to_the_end() -> None:
    rule = correlation("event_count", Threshold("gte", 2), A)
    assert found(rule, 0, 5, start=0, end=5 * MINUTE + 1) == [10, 20, 30, 40, 50, 60]
    assert found(rule, 0, 5, start=1, end=5 * MINUTE + 1) == []
    assert found(rule, 0, 5, start=0, end=5 * MINUTE) == []


def test_a_window_that_is_cut_counts_when_more_events_could_only_help() -> None:
    assert found(correlation("event_count", OFTEN, A), 0, start=0, end=1) == [10, 20, 30, 40, 50, 60]


def test_another_window_counts_only_if_the_range_holds_all_of_it() -> None:
    rule = correlation("event_count", SELDOM, A)
    assert found(rule, 0) == [10, 20, 30, 40, 50, 60]
    assert found(rule, 0, start=-20 * MINUTE) == [40, 50, 60]
    assert found(rule, 0, start=-20 * MINUTE + 1) == [50, 60]
    assert found(rule, 0, end=20 * MINUTE) == [10, 20]
    assert found(rule, 0, end=20 * MINUTE - 1) == [10]


def test_without_a_range_no_window_is_cut() -> None:
    assert len(hunt(correlation("event_count", SELDOM, A), [event(0, a=1)])) == 6


def cut(rule: Correlation) -> bool:
    """Whether the range takes windows away: it begins and ends with the one event."""
    whole = found(rule, 0)
    assert whole
    return len(found(rule, 0, start=0, end=1)) < len(whole)


def measured(kind: str, op: str, value: float = 1, field: str = "tokens") -> Correlation:
    percentile = 50 if kind in ("value_percentile", "value_median") else None
    fields = () if kind == "event_count" else (field,)
    return correlation(kind, Threshold(op, value, fields, percentile), A)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (measured("event_count", "gte"), False),
        (measured("event_count", "gt", 0), False),
        (measured("event_count", "lt", 2), True),
        (measured("event_count", "lte"), True),
        (measured("event_count", "eq"), True),
        (measured("event_count", "neq", 2), True),
        (measured("value_count", "gte"), False),
        (measured("value_count", "lt", 2), True),
        # The sum of what may be negative can fall again; what is counted in a unit can't.
        (measured("value_sum", "gte", 5, "gen_ai.request.seed"), True),
        (measured("value_sum", "gte", 5, "gen_ai.usage.input_tokens"), False),
        (measured("value_sum", "lte", 5, "gen_ai.usage.input_tokens"), True),
        (measured("value_avg", "gte"), True),
        (measured("value_percentile", "gte"), True),
        (measured("value_median", "gt"), True),
        (correlation("event_count", Threshold("gte", 1, also=(Comparison("lt", 3),)), A), True),
        (correlation("event_count", Threshold("gte", 1, also=(Comparison("gt", 0),)), A), False),
        (correlation("temporal", None, A), False),
        (correlation("temporal", Threshold("gte", 1), A, B), False),
        (correlation("temporal", Threshold("eq", 1), A, B), True),
        (correlation("temporal", None, A, B, expression=Combined("or", (Occurs(0), Occurs(1)))), False),
        (correlation("temporal", None, A, B, expression=NOT_B), True),
        (correlation("temporal_ordered", None, A), False),
        (correlation("temporal_ordered", None, A, B, expression=NOT_B), True),
    ],
)
def test_which_conditions_need_whole_windows(rule: Correlation, expected: bool) -> None:
    fields = {"gen_ai.request.seed": 5, "gen_ai.usage.input_tokens": 5}
    events = [event(0, a=1, tokens=5) | fields]
    assert len(hunt(rule, events)) == 6
    assert (len(hunt(rule, events, T0, T0 + 1)) < 6) is expected


def test_a_sum_through_an_alias_is_of_the_fields_behind_it() -> None:
    for behind, expected in (("gen_ai.usage.input_tokens", 6), ("gen_ai.request.seed", 0)):
        aliases = ({"number": "gen_ai.usage.output_tokens"}, {"number": behind})
        rule = correlation("value_sum", Threshold("gte", 5, ("number",)), A, B, aliases=aliases)
        assert len(hunt(rule, [event(0, a=1) | {"gen_ai.usage.output_tokens": 5}], T0, T0 + 1)) == expected


# Chains: an inner window may be cut, too, and then its alert is wrong or missing.


def test_a_rare_alert_needs_the_windows_of_the_inner_rule_inside_the_range_too() -> None:
    inner = correlation("event_count", OFTEN, A, name="inner")
    rule = correlation("event_count", Threshold("lt", 100), inner)
    # The inner alerts at 10, 20, ... 60; windows of the outer that hold one of them end at 10, 20, ... 110 minutes.
    assert found(rule, 0) == list(range(10, 120, 10))
    # A window counts from an hour (the inner window) after the start.
    assert found(rule, 0, start=-2 * HOUR) == list(range(10, 120, 10))[:11]
    assert found(rule, 0, start=-90 * MINUTE) == [30, 40, 50, 60, 70, 80, 90, 100, 110]
    assert found(rule, 0, start=-90 * MINUTE + 1) == [40, 50, 60, 70, 80, 90, 100, 110]
    assert found(rule, 0, start=-90 * MINUTE, end=HOUR) == [30, 40, 50, 60]


def test_a_rule_over_one_that_needs_whole_windows_needs_them_too() -> None:
    inner = correlation("event_count", SELDOM, A, name="inner")
    rule = correlation("event_count", OFTEN, inner)
    assert found(rule, 0) == list(range(10, 120, 10))
    # The range cuts off the inner windows that end after 30 minutes, and outer windows that do.
    assert found(rule, 0, end=30 * MINUTE) == [10, 20, 30]
    # Inner windows count from the start, at -20 minutes, so those that end at 40, 50 and 60; outer ones an hour later.
    assert found(rule, 0, start=-20 * MINUTE) == [100, 110]


def test_an_inner_rule_that_only_grows_is_not_cut() -> None:
    inner = correlation("event_count", OFTEN, A, name="inner")
    assert found(correlation("event_count", OFTEN, inner), 0, start=0, end=1) == list(range(10, 120, 10))


def test_the_lead_adds_up_over_levels_and_takes_the_longest_branch() -> None:
    first = correlation("event_count", OFTEN, A, name="first")
    longer = correlation("event_count", OFTEN, A, timespan=2 * HOUR, name="longer")
    second = correlation("event_count", OFTEN, first, name="second")
    rule = correlation("temporal", Threshold("lte", 3), second, longer, first, B, timespan=HOUR)
    # Second: an hour of its own and one of the first below it; as long as the longer. So two hours after the start.
    event_at_start = [event(5 * HOUR, b=1)]
    windows = hunt(rule, event_at_start, T0 + 3 * HOUR - 10 * MINUTE, T0 + DAY)
    assert ends(windows) == [5 * HOUR + minutes * MINUTE for minutes in (50, 60)]
