"""The oracle's temporal correlations, and correlations over correlations, against examples worked out by hand."""

from __future__ import annotations

import pytest

from sigmagen.rules.model import Combined, Occurs, Threshold
from tests.oracle import hunt
from tests.rule_builders import HOUR, MINUTE, base, correlation, ends, event

A, B, C = base("a: 1", "a"), base("b: 1", "b"), base("c: 1", "c")


def test_temporal_needs_every_rule_in_one_window_in_any_order() -> None:
    rule = correlation("temporal", None, A, B, C)
    events = [event(5 * MINUTE, c=1), event(25 * MINUTE, b=1), event(45 * MINUTE, a=1)]
    assert ends(hunt(rule, events)) == [50 * MINUTE, HOUR]
    assert {alert.value for alert in hunt(rule, events)} == {3}
    assert hunt(rule, events[:2]) == []
    assert hunt(rule, [*events[:2], event(45 * MINUTE, "bob", a=1)]) == []


def test_one_event_may_match_every_rule_of_a_temporal() -> None:
    assert len(hunt(correlation("temporal", None, A, B), [event(0, a=1, b=1)])) == 6


def test_order() -> None:
    rule = correlation("temporal_ordered", None, A, B, C)
    right = [event(1, a=1), event(2, b=1), event(3, c=1)]
    assert [alert.value for alert in hunt(rule, right)] == [3] * 6
    assert hunt(rule, [event(2, a=1), event(1, b=1), event(3, c=1)]) == []
    assert hunt(rule, [event(1, a=1), event(3, b=1), event(2, c=1)]) == []


def test_equal_times_are_in_order() -> None:
    rule = correlation("temporal_ordered", None, A, B)
    assert len(hunt(rule, [event(7, b=1), event(7, a=1)])) == 6
    assert len(hunt(rule, [event(7, a=1, b=1)])) == 6
    assert hunt(rule, [event(7, b=1), event(8, a=1)]) == []


def test_an_early_wrong_step_does_not_hide_a_later_right_one() -> None:
    rule = correlation("temporal_ordered", None, A, B, C)
    events = [event(1, c=1), event(2, b=1), event(3, a=1), event(4, c=1), event(5, b=1), event(6, a=1), event(7, c=1)]
    assert len(hunt(rule, events)) == 6


def test_order_holds_within_the_window_only() -> None:
    """A before B, but the window that starts between them holds B before the next A only."""
    rule = correlation("temporal_ordered", None, A, B)
    events = [event(-MINUTE, a=1), event(5 * MINUTE, b=1), event(6 * MINUTE, a=1)]
    assert ends(hunt(rule, events)) == [minutes * MINUTE for minutes in (10, 20, 30, 40, 50)]


def test_a_rule_may_come_twice() -> None:
    rule = correlation("temporal_ordered", None, A, B, A)
    assert hunt(rule, [event(1, a=1), event(2, b=1)]) == []
    assert len(hunt(rule, [event(1, a=1), event(2, b=1), event(3, a=1)])) == 6


# Correlations over correlations


def test_alerts_of_a_correlation_are_events_of_the_next() -> None:
    """Two calls a minute apart alert at 6 ticks of 10 minutes; each is an event a millisecond before its tick."""
    inner = correlation("event_count", Threshold("gte", 2), name="inner")
    events = [event(0), event(MINUTE)]
    assert ends(hunt(inner, events)) == [minutes * MINUTE for minutes in (10, 20, 30, 40, 50, 60)]

    outer = correlation("event_count", Threshold("gte", 6), inner, timespan=2 * HOUR, name="outer")
    alerts = hunt(outer, events)
    # Outer ticks are 20 minutes apart. The first alert counts as an event at 9:59.999, the last at 59:59.999.
    assert ends(alerts) == [minutes * MINUTE for minutes in (60, 80, 100, 120)]
    assert {(alert.group, alert.value) for alert in alerts} == {((("user.id", "ann"),), 6)}


def test_a_chain_counts_the_groups_of_its_inner_rule() -> None:
    inner = correlation("event_count", Threshold("gte", 2), group_by=("user.id", "org"), name="inner")
    outer = correlation("value_count", Threshold("gte", 2, ("user.id",)), inner, group_by=("org",), name="outer")
    busy = [event(0, user, org="o") for user in ("ann", "ann", "bob", "bob", "eve")]
    alerts = hunt(outer, busy)
    assert {(alert.group, alert.value) for alert in alerts} == {((("org", "o"),), 2)}
    assert hunt(outer, busy[:3]) == []


def test_a_chain_carries_group_fields_only() -> None:
    inner = correlation("event_count", Threshold("gte", 1), name="inner")
    assert hunt(correlation("event_count", Threshold("gte", 1), inner, group_by=("org",)), [event(0, org="o")]) == []


def test_a_chain_may_mix_events_and_alerts_in_order() -> None:
    inner = correlation("event_count", Threshold("gte", 2), A, name="burst")
    rule = correlation("temporal_ordered", None, inner, B)
    burst = [event(0, a=1), event(1, a=1)]
    # The burst's first alert is at tick 10:00, an event at 9:59.999.
    assert hunt(rule, [*burst, event(10 * MINUTE - 2, b=1)]) == []
    assert len(hunt(rule, [*burst, event(10 * MINUTE - 1, b=1)])) == 6


def test_three_levels() -> None:
    first = correlation("event_count", Threshold("gte", 2), group_by=("user.id", "org"), name="first")
    second = correlation("value_count", Threshold("gte", 2, ("user.id",)), first, group_by=("org",), name="second")
    third = correlation("value_count", Threshold("gte", 2, ("org",)), second, group_by=(), name="third")
    events = [event(0, user, org=org) for org in "xy" for user in ("ann", "bob") for _ in range(2)]
    assert {(alert.group, alert.value) for alert in hunt(third, events)} == {((), 2)}
    assert hunt(third, events[:-1]) == []


def test_a_chain_keeps_what_a_group_value_is() -> None:
    """The inner rule groups by a number, and the outer one takes the average of it: 400 six times, 500 six times."""
    inner = correlation("event_count", Threshold("gte", 1), group_by=("user.id", "status"), name="inner")
    outer = correlation("value_avg", Threshold("gte", 450, ("status",)), inner, name="outer")
    alerts = hunt(outer, [event(0, status=400), event(0, status=500)])
    assert {alert.value for alert in alerts} == {450}


# Some of the rules, and conditions in words


def test_a_threshold_on_the_number_of_rules() -> None:
    rule = correlation("temporal", Threshold("gte", 2), A, B, C)
    assert hunt(rule, [event(0, a=1), event(1, a=1)]) == []
    assert {alert.value for alert in hunt(rule, [event(0, a=1), event(1, c=1)])} == {2}
    assert {alert.value for alert in hunt(rule, [event(0, a=1, b=1), event(1, c=1)])} == {3}
    one = correlation("temporal", Threshold("eq", 1), A, B, C)
    assert ends(hunt(one, [event(0, a=1), event(30 * MINUTE, b=1)])) == [
        *(minutes * MINUTE for minutes in (10, 20, 30)),
        *(minutes * MINUTE for minutes in (70, 80, 90)),
    ]


def a_and_not(*positions: int) -> Combined:
    return Combined("and", (Occurs(0), *(Combined("not", (Occurs(position),)) for position in positions)))


def test_a_condition_with_not_looks_at_the_whole_window() -> None:
    rule = correlation("temporal", None, A, B, expression=a_and_not(1))
    events = [event(0, a=1), event(30 * MINUTE, b=1)]
    assert ends(hunt(rule, events)) == [minutes * MINUTE for minutes in (10, 20, 30)]
    assert {alert.value for alert in hunt(rule, events)} == {1}


def test_the_value_is_the_number_of_rules_seen_whatever_the_condition_says() -> None:
    rule = correlation("temporal", None, A, B, C, expression=Combined("or", (Occurs(0), Occurs(1), Occurs(2))))
    assert {alert.value for alert in hunt(rule, [event(0, a=1, c=1), event(1, b=1)])} == {3}
    assert {alert.value for alert in hunt(rule, [event(0, a=1, c=1)])} == {2}


def test_a_condition_of_nothing_but_not_sees_windows_with_an_event_of_a_listed_rule() -> None:
    rule = correlation("temporal", None, A, B, expression=Combined("not", (Combined("and", (Occurs(0), Occurs(1))),)))
    assert len(hunt(rule, [event(0, a=1), event(0, c=1, user="bob")])) == 6
    assert hunt(rule, [event(0, a=1, b=1)]) == []


def test_an_order_with_not_wants_the_whole_window_free_of_it() -> None:
    expression = Combined("and", (Occurs(1), Combined("not", (Occurs(2),)), Occurs(0)))
    rule = correlation("temporal_ordered", None, A, B, C, expression=expression)
    right = [event(1, b=1), event(2, a=1)]
    assert [alert.value for alert in hunt(rule, right)] == [2] * 6
    assert hunt(rule, [event(1, a=1), event(2, b=1)]) == []
    # Long after the order is complete, but in the same window.
    assert ends(hunt(rule, [*right, event(50 * MINUTE, c=1)])) == [minutes * MINUTE for minutes in (10, 20, 30, 40, 50)]


def test_an_order_takes_no_alternatives_and_no_share_of_its_rules() -> None:
    either = Combined("or", (Occurs(0), Occurs(1)))
    neither = Combined("and", (Occurs(0), Combined("not", (Combined("and", (Occurs(1), Occurs(2))),))))
    for unclear in (
        correlation("temporal_ordered", None, A, B, C, expression=either),
        correlation("temporal_ordered", None, A, B, C, expression=neither),
        correlation("temporal_ordered", Threshold("gte", 2), A, B, C),
    ):
        with pytest.raises(ValueError, match="order"):
            hunt(unclear, [event(0, a=1)])
