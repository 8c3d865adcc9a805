"""The oracle against examples worked out by hand: the one thing in these tests that nothing else vouches for."""

from __future__ import annotations

import random
from typing import Any

import pytest

from sigmagen.rules.model import Comparison, Operator, Threshold
from tests.oracle import Alert, hunt, tick_length
from tests.rule_builders import DAY, HOUR, MINUTE, SECOND, T0, base, correlation, ends, event


@pytest.mark.parametrize(
    ("timespan", "expected"),
    [
        (SECOND, 125),
        (10 * SECOND, 1_250),
        (MINUTE, 10 * SECOND),
        (5 * MINUTE, 50 * SECOND),
        (10 * MINUTE, 100 * SECOND),
        (15 * MINUTE, 150 * SECOND),
        (30 * MINUTE, 5 * MINUTE),
        (HOUR, 10 * MINUTE),
        (90 * MINUTE, 15 * MINUTE),
        (100 * MINUTE, 10 * MINUTE),  # 16m40s is a sixth, but no divisor of a day
        (7 * HOUR, HOUR),  # 70 minutes is a sixth, but no divisor of a day
        (24 * HOUR, 4 * HOUR),
        (25 * HOUR, HOUR),
        (48 * HOUR, 4 * HOUR),
        (7 * DAY, 4 * HOUR),
        (30 * DAY, 4 * HOUR),
    ],
)
def test_tick_length(timespan: int, expected: int) -> None:
    assert tick_length(timespan) == expected


def test_no_tick_fits_a_few_milliseconds() -> None:
    with pytest.raises(ValueError, match="5 ms"):
        tick_length(5)


# Windows


def test_an_event_is_in_the_windows_that_end_after_it_and_start_at_or_before_it() -> None:
    rule = correlation("event_count", Threshold("gte", 1))
    # At a tick: not in the window that ends there, and in the one that starts there.
    assert ends(hunt(rule, [event(0)])) == [minutes * MINUTE for minutes in (10, 20, 30, 40, 50, 60)]
    # A millisecond earlier: in the window that ends there, no longer in the one that starts there.
    assert ends(hunt(rule, [event(-1)])) == [minutes * MINUTE for minutes in (0, 10, 20, 30, 40, 50)]


def test_an_alert_says_group_window_and_value() -> None:
    rule = correlation("event_count", Threshold("gte", 2))
    alerts = hunt(rule, [event(0), event(55 * MINUTE)])
    assert alerts == [Alert((("user.id", "ann"),), T0, T0 + HOUR, 2)]


def test_both_ends_of_a_window() -> None:
    rule = correlation("event_count", Threshold("gte", 2))
    assert ends(hunt(rule, [event(0), event(HOUR - 1)])) == [HOUR]
    assert hunt(rule, [event(0), event(HOUR)]) == []
    assert hunt(rule, [event(-1), event(HOUR - 1)]) == []


def test_time_before_the_epoch_has_ticks_too() -> None:
    rule = correlation("event_count", Threshold("gte", 1))
    alerts = hunt(rule, [{"@timestamp": -1, "user.id": "ann", "gen_ai.request.model": "m"}])
    assert (alerts[0].window_end, alerts[-1].window_end, len(alerts)) == (0, 50 * MINUTE, 6)


def test_events_need_not_be_sorted() -> None:
    rule = correlation("event_count", Threshold("gte", 3))
    events = [event(minute * MINUTE) for minute in (1, 5, 9, 31)]
    expected = hunt(rule, events)
    random.Random(3).shuffle(events)
    assert expected
    assert hunt(rule, events) == expected


def test_nothing_in_nothing_out() -> None:
    assert hunt(correlation("event_count", Threshold("lt", 5)), []) == []


@pytest.mark.parametrize(
    ("operator", "alerting"),
    [("gt", {3}), ("gte", {2, 3}), ("lt", {1}), ("lte", {1, 2}), ("eq", {2}), ("neq", {1, 3})],
)
def test_operators(operator: Operator, alerting: set[int]) -> None:
    """1, 2 and 3 events of three users; a user's empty windows don't count, whatever the operator."""
    events = [event(0, user) for user, count in (("1", 1), ("2", 2), ("3", 3)) for _ in range(count)]
    alerts = hunt(correlation("event_count", Threshold(operator, 2)), events)
    assert {alert.value for alert in alerts} == alerting
    assert len(alerts) == 6 * len(alerting)


@pytest.mark.parametrize(
    ("first", "second", "alerting"),
    [
        (("gte", 2), ("lte", 3), {2, 3}),
        (("gt", 1), ("lt", 3), {2}),
        (("gte", 1), ("neq", 2), {1, 3, 4}),
        (("neq", 1), ("neq", 4), {2, 3}),
    ],
)
def test_all_comparisons_of_a_range_must_hold(
    first: tuple[Operator, int], second: tuple[Operator, int], alerting: set[int]
) -> None:
    events = [event(0, str(count)) for count in (1, 2, 3, 4) for _ in range(count)]
    rule = correlation("event_count", Threshold(*first, also=(Comparison(*second),)))
    assert {alert.value for alert in hunt(rule, events)} == alerting


# Groups


@pytest.mark.parametrize("user", [None, "", [], ["ann"], ["ann", "bob"], {"name": "ann"}])
def test_an_event_without_a_single_group_value_takes_no_part(user: Any) -> None:
    assert hunt(correlation("event_count", Threshold("gte", 1)), [event(0, user)]) == []


def test_an_event_without_the_group_key_takes_no_part() -> None:
    rule = correlation("event_count", Threshold("gte", 1))
    assert hunt(rule, [{"@timestamp": T0, "gen_ai.request.model": "m"}]) == []


def test_every_group_by_field_needs_a_value() -> None:
    rule = correlation("event_count", Threshold("gte", 1), group_by=("user.id", "source.ip"))
    alerts = hunt(rule, [event(0), event(0, source_ip=""), event(0, source_ip="192.0.2.1")])
    assert {alert.group for alert in alerts} == {(("user.id", "ann"), ("source.ip", "192.0.2.1"))}
    assert {alert.value for alert in alerts} == {1}


def test_groups_are_apart_and_case_counts() -> None:
    rule = correlation("event_count", Threshold("gte", 2))
    assert hunt(rule, [event(0, "ann"), event(0, "Ann"), event(0, "bob")]) == []


def test_group_values_are_text() -> None:
    rule = correlation("event_count", Threshold("gte", 4), group_by=("n",))
    alerts = hunt(rule, [event(0, n=429), event(0, n=429.0), event(0, n="429"), event(0, n="429")])
    assert {alert.group for alert in alerts} == {(("n", "429"),)}
    booleans = hunt(correlation("event_count", Threshold("gte", 1), group_by=("b",)), [event(0, b=False)])
    assert {alert.group for alert in booleans} == {(("b", "false"),)}


def test_without_group_by_there_is_one_group() -> None:
    rule = correlation("event_count", Threshold("gte", 3), group_by=())
    alerts = hunt(rule, [event(0, "ann"), event(0, None), event(0, "")])
    assert {alert.group for alert in alerts} == {()}


# Aggregates


def test_only_matching_events_count() -> None:
    rule = correlation("event_count", Threshold("gte", 2), base("event.outcome: success"))
    events = [event(0, event_outcome="success"), event(1, event_outcome="failure"), event(2)]
    assert hunt(rule, events) == []
    assert len(hunt(rule, [*events, event(3, event_outcome="SUCCESS")])) == 6


def test_an_event_that_matches_two_rules_counts_once() -> None:
    rule = correlation("event_count", Threshold("gte", 1), base("x: 1", "one"), base("x|gte: 1", "two"))
    assert {alert.value for alert in hunt(rule, [event(0, x=1)])} == {1}


def test_distinct_values() -> None:
    rule = correlation("value_count", Threshold("gte", 2, ("h",)))
    assert hunt(rule, [event(0, h="a"), event(1, h="a"), event(2, h="a")]) == []
    alerts = hunt(rule, [event(0, h="a"), event(1, h="A"), event(2, h="a")])
    assert {alert.value for alert in alerts} == {2}


@pytest.mark.parametrize("value", [None, "", ["c"]])
def test_distinct_ignores_events_without_a_value(value: Any) -> None:
    rule = correlation("value_count", Threshold("gte", 1, ("h",)))
    alerts = hunt(rule, [event(0, h="a"), event(1, h="b"), event(2, h=value), event(3)])
    assert {alert.value for alert in alerts} == {2}


def test_a_count_of_values_does_not_see_events_without_one() -> None:
    rule = correlation("value_count", Threshold("lt", 2, ("h",)))
    assert hunt(rule, [event(0), event(1, h="")]) == []
    # Nor do they open windows in which others are counted.
    assert ends(hunt(rule, [event(0, h="a"), event(-30 * MINUTE)])) == [
        minutes * MINUTE for minutes in range(10, 70, 10)
    ]


def test_distinct_over_several_fields_counts_pairs() -> None:
    rule = correlation("value_count", Threshold("gte", 1, ("h", "org")))
    events = [event(0, h="a", org="x"), event(1, h="a", org="y"), event(2, h="b", org="x"), event(3, h="a", org="x")]
    assert {alert.value for alert in hunt(rule, events)} == {3}
    assert {alert.value for alert in hunt(rule, [*events, event(4, h="c")])} == {3}


def test_sum_skips_missing_values() -> None:
    rule = correlation("value_sum", Threshold("gt", 100, ("tokens",)))
    events = [event(0, tokens=60), event(1), event(2, tokens=None), event(3, tokens=40)]
    assert hunt(rule, events) == []
    alerts = hunt(rule, [*events, event(4, tokens=0.5)])
    assert [alert.value for alert in alerts] == [100.5] * 6


def test_a_sum_of_nothing_never_alerts() -> None:
    for kind in ("value_sum", "value_avg", "value_median"):
        assert hunt(correlation(kind, Threshold("lt", 1, ("tokens",))), [event(0), event(1, tokens=None)]) == []


def test_average_counts_only_the_events_with_a_value() -> None:
    rule = correlation("value_avg", Threshold("gte", 1, ("tokens",)))
    alerts = hunt(rule, [event(0, tokens=1), event(1, tokens=2), event(2)])
    assert {alert.value for alert in alerts} == {1.5}


@pytest.mark.parametrize(
    ("kind", "percentile", "expected"),
    [
        ("value_median", None, 20),
        ("value_percentile", 0, 10),
        ("value_percentile", 25, 10),
        ("value_percentile", 26, 20),
        ("value_percentile", 50, 20),
        ("value_percentile", 75, 30),
        ("value_percentile", 76, 40),
        ("value_percentile", 100, 40),
    ],
)
def test_percentiles_are_nearest_rank(kind: str, percentile: int | None, expected: int) -> None:
    rule = correlation(kind, Threshold("gte", 0, ("tokens",), percentile))
    alerts = hunt(rule, [event(index, tokens=value) for index, value in enumerate((40, 10, 30, 20))])
    assert {alert.value for alert in alerts} == {expected}


def test_what_the_oracle_has_no_meaning_for() -> None:
    for unknown in (
        correlation("value_mode", Threshold("gte", 0, ("tokens",))),
        correlation("value_percentile", Threshold("gte", 0, ("tokens",))),
        correlation("value_sum", None),
    ):
        with pytest.raises(ValueError, match="correlation"):
            hunt(unknown, [event(0, tokens=1)])
