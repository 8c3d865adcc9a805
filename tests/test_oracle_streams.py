"""The oracle's streams: rules that share a source and names are one, others are apart; worked out by hand."""

from __future__ import annotations

from sigmagen.rules.model import Combined, Correlation, LogSource, Occurs, Threshold
from tests.oracle import hunt
from tests.rule_builders import HOUR, INFERENCE, MINUTE, base, correlation, ends, event

ACCOUNT = LogSource("ai_account")
A, B = base("a: 1", "a"), base("b: 1", "b")
ANY = Threshold("gte", 1)
TWO_NAMES = ({"who": "user.id"}, {"who": "api.key"})


def values(rule: Correlation, *events: dict[str, object]) -> set[tuple[tuple[str, ...], int | float]]:
    return {(tuple(text for _, text in alert.group), alert.value) for alert in hunt(rule, events)}


# Sources


def test_a_rule_looks_only_at_events_of_its_source() -> None:
    rule = correlation("event_count", ANY, base("a: 1", "a", ACCOUNT))
    assert values(rule, event(0, a=1) | {"@logsource": ACCOUNT}) == {(("ann",), 1)}
    assert values(rule, event(0, a=1) | {"@logsource": INFERENCE}) == set()
    assert values(rule, event(0, a=1)) == {(("ann",), 1)}


def test_rules_of_two_sources_count_what_either_sees() -> None:
    rule = correlation("event_count", ANY, A, base("b: 1", "b", ACCOUNT))
    account, inference = ({"@logsource": source} for source in (ACCOUNT, INFERENCE))
    assert values(rule, event(0, a=1, b=1) | inference) == {(("ann",), 1)}
    assert values(rule, event(0, a=1) | inference, event(0, b=1) | account, event(0, b=1) | inference) == {
        (("ann",), 2)
    }


def test_an_event_in_two_streams_is_two_items() -> None:
    assert values(correlation("event_count", ANY, A, B), event(0, a=1, b=1)) == {(("ann",), 1)}
    assert values(correlation("event_count", ANY, A, base("b: 1", "b", ACCOUNT)), event(0, a=1, b=1)) == {(("ann",), 2)}
    summed = correlation("value_sum", Threshold("gte", 1, ("n",)), A, base("b: 1", "b", ACCOUNT))
    assert values(summed, event(0, a=1, b=1, n=5)) == {(("ann",), 10)}


# Aliases


def test_an_alias_names_a_field_for_each_rule() -> None:
    rule = correlation("temporal", None, A, B, group_by=("who",), aliases=TWO_NAMES)
    assert values(rule, event(0, "ann", a=1), event(1, "bob", b=1, api_key="ann")) == {(("ann",), 2)}
    assert values(rule, event(0, "ann", a=1), event(1, "ann", b=1, api_key="bob")) == set()
    assert hunt(rule, [event(0, "ann", a=1), event(1, b=1, api_key="ann")])[0].group == (("who", "ann"),)


def test_an_event_of_rules_with_different_names_is_two_items_of_two_groups() -> None:
    rule = correlation("event_count", ANY, A, B, group_by=("who",), aliases=TWO_NAMES)
    assert values(rule, event(0, "ann", a=1, b=1, api_key="key")) == {(("ann",), 1), (("key",), 1)}
    assert values(rule, event(0, "ann", a=1, b=1, api_key="ann")) == {(("ann",), 2)}
    assert values(rule, event(0, "ann", a=1, b=1)) == {(("ann",), 1)}


def test_rules_with_the_same_names_are_one_stream() -> None:
    same = ({"who": "user.id"}, {"who": "user.id"})
    rule = correlation("event_count", ANY, A, B, group_by=("who",), aliases=same)
    assert values(rule, event(0, "ann", a=1, b=1)) == {(("ann",), 1)}


def test_an_alias_that_is_not_used_makes_no_stream() -> None:
    rule = correlation("event_count", ANY, A, B, aliases=TWO_NAMES)
    assert values(rule, event(0, "ann", a=1, b=1)) == {(("ann",), 1)}


def test_a_counted_field_may_be_an_alias() -> None:
    aliases = ({"address": "source.ip"}, {"address": "client.ip"})
    rule = correlation("value_count", Threshold("gte", 1, ("address",)), A, B, aliases=aliases)
    events = [event(0, a=1, source_ip="192.0.2.1"), event(1, b=1, client_ip="192.0.2.1")]
    assert values(rule, *events) == {(("ann",), 1)}
    assert values(rule, *events, event(2, b=1, client_ip="192.0.2.2", source_ip="192.0.2.3")) == {(("ann",), 2)}
    assert values(rule, event(0, a=1, client_ip="192.0.2.1")) == set()


def test_an_alias_may_take_the_name_of_a_field() -> None:
    aliases = ({"user.id": "user.id"}, {"user.id": "api.key"})
    rule = correlation("temporal", None, A, B, aliases=aliases)
    assert values(rule, event(0, "ann", a=1), event(1, "bob", b=1, api_key="ann")) == {(("ann",), 2)}


# Correlations and events side by side


def test_a_correlation_may_count_events_and_alerts_together() -> None:
    """Two calls at 0 and 1 ms alert at six ticks: six alerts and one event of another rule, in one window of 2 h."""
    inner = correlation("event_count", Threshold("gte", 2), A, name="inner")
    rule = correlation("event_count", Threshold("gte", 7), inner, B, timespan=2 * HOUR)
    calls = [event(0, a=1), event(1, a=1)]
    assert hunt(rule, calls) == []
    assert ends(hunt(rule, [*calls, event(5 * MINUTE, b=1)])) == [minutes * MINUTE for minutes in (60, 80, 100, 120)]


def test_an_event_counts_beside_the_alert_that_it_causes() -> None:
    inner = correlation("event_count", ANY, A, name="inner")
    rule = correlation("event_count", ANY, inner, A, timespan=MINUTE * 12)
    # Ticks of 2 minutes. Events: the call at 0, and the alerts of 9:59.999, 19:59.999 and so on.
    assert [alert.value for alert in hunt(rule, [event(0, a=1)])][:6] == [1, 1, 1, 1, 2, 2]


def test_aliases_of_alerts_are_over_their_group_by() -> None:
    inner = correlation("event_count", ANY, A, group_by=("who",), aliases=({"who": "api.key"},), name="inner")
    aliases = ({"person": "who"}, {"person": "user.id"})
    rule = correlation("temporal", None, inner, B, group_by=("person",), aliases=aliases)
    assert values(rule, event(0, "x", a=1, api_key="ann"), event(9 * MINUTE, "ann", b=1)) == {(("ann",), 2)}
    assert values(rule, event(0, "ann", a=1, api_key="x"), event(9 * MINUTE, "ann", b=1)) == set()


def test_a_silent_alert_is_what_a_condition_in_words_can_deny() -> None:
    """Many calls (of B) without the alert of A's correlation in the same window."""
    inner = correlation("event_count", Threshold("gte", 2), A, name="inner")
    denial = Combined("and", (Occurs(0), Combined("not", (Occurs(1),))))
    rule = correlation("temporal", None, B, inner, expression=denial)
    assert len(hunt(rule, [event(0, b=1), event(1, a=1)])) == 6
    assert hunt(rule, [event(0, b=1), event(1, a=1), event(2, a=1)]) == []


def test_mixed_levels_three_deep() -> None:
    """First: two calls of a user. Second: the first and an event B. Third: six alerts of the second in a window."""
    first = correlation("event_count", Threshold("gte", 2), A, name="first")
    second = correlation("temporal", None, first, B, name="second")
    third = correlation("event_count", Threshold("gte", 6), second, timespan=6 * HOUR, name="third")
    events = [event(0, a=1), event(1, a=1), event(5 * MINUTE, b=1)]
    # The first alerts at 10, 20, ... 60, that is at 9:59.999 and so on. Windows of the second that hold 5:00 and one
    # of these end at 10, 20, ... 60: six alerts, the last of them at 59:59.999. Ticks of the third: every hour.
    assert ends(hunt(second, events)) == [minutes * MINUTE for minutes in (10, 20, 30, 40, 50, 60)]
    assert ends(hunt(third, events)) == [hours * HOUR for hours in (1, 2, 3, 4, 5, 6)]
    assert hunt(third, events[:2]) == []
