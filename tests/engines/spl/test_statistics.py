"""Search Reference, "stats", "eventstats", "streamstats" and "Statistical and charting functions"."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from sigmagen.engines.spl import SplError, parse
from tests.spl import search

EVENTS = [{"g": g, "x": x} for g, x in (("a", "10"), ("b", "9"), ("a", "9"), ("b", "word"), ("a", "9"))]


def numbered(values: Iterable[int]) -> list[dict[str, Any]]:
    return [{"x": str(value)} for value in values]


def one(function: str, *events: dict[str, Any]) -> Any:
    return search(f"* | stats {function} AS r", *events)[0].get("r")


def test_stats_command__rows_with_a_null_by_field_are_left_out() -> None:
    assert search("* | stats count BY g", {"g": "a"}, {}, {"g": ""}) == [
        {"g": "", "count": 1.0},
        {"g": "a", "count": 1.0},
    ]


def test_stats_command__without_by_there_is_always_a_row_and_with_by_only_for_groups() -> None:
    assert search("* | stats count, sum(x) AS s") == [{"count": 0.0}]
    assert search("* | stats count BY g") == []


def test_stats_command__other_fields_are_gone_and_columns_have_default_names() -> None:
    (row,) = search("* | stats count count(x) sum(x), dc(x)", *EVENTS)
    assert row == {"count": 5.0, "count(x)": 5.0, "sum(x)": 37.0, "dc(x)": 3.0}


def test_stats_command__a_number_and_its_text_are_one_group() -> None:
    assert search("* | stats count BY g", {"g": "1"}, {"g": 1.0}) == [{"g": "1", "count": 2.0}]


def test_stats_command__an_event_counts_for_each_value_of_a_multivalue_by_field() -> None:
    assert search("* | stats count BY g", {"g": ["a", "b"]}, {"g": "a"}) == [
        {"g": "a", "count": 2.0},
        {"g": "b", "count": 1.0},
    ]


def test_stats_command__eval_inside_of_a_function() -> None:
    text = '* | stats count(eval(x="9")) AS nines, sum(eval(if(g="a", x, null()))) AS a, dc(eval(lower(g))) AS g'
    assert search(text, *EVENTS) == [{"nines": 3.0, "a": 28.0, "g": 2.0}]


@pytest.mark.parametrize(
    ("function", "value"),
    [
        ("count(x)", 5.0),
        ("dc(x)", 3.0),
        ("distinct_count(x)", 3.0),
        ("sum(x)", 37.0),
        ("avg(x)", 9.25),
        ("mean(x)", 9.25),
        ("range(x)", 1.0),
        ("values(x)", ["10", "9", "word"]),
        ("list(x)", ["10", "9", "9", "word", "9"]),
        ("first(x)", "10"),
        ("last(x)", "9"),
        ("earliest(g)", "a"),
        ("latest(g)", "a"),
        ("min(x)", "10"),
        ("max(x)", "word"),
        ("sum(missing)", None),
        ("count(missing)", 0.0),
        ("dc(missing)", 0.0),
        ("values(missing)", None),
        ("min(missing)", None),
    ],
)
def test_statistical_functions(function: str, value: Any) -> None:
    assert one(function, *EVENTS) == value


def test_statistical_functions__min_and_max_are_of_numbers_where_all_are() -> None:
    events: list[dict[str, Any]] = [{"x": value} for value in ("10", "9", "100")]
    assert (one("min(x)", *events), one("max(x)", *events)) == (9.0, 100.0)


def test_statistical_functions__distinct_values_are_texts() -> None:
    assert one("dc(x)", {"x": "1"}, {"x": "1.0"}, {"x": "01"}) == 3.0


def test_statistical_functions__earliest_and_latest_are_by_time() -> None:
    events: list[dict[str, Any]] = [{"_time": 5.0, "x": "new"}, {"_time": 1.0, "x": "old"}, {"_time": 9.0}]
    assert (one("earliest(x)", *events), one("latest(x)", *events)) == ("old", "new")


def test_statistical_functions__values_are_sorted_texts_once_each() -> None:
    events: list[dict[str, Any]] = [{"x": value} for value in ("b", "B", "a", "10", "9", "a")]
    assert one("values(x)", *events) == ["10", "9", "B", "a", "b"]


def test_statistical_functions__list_keeps_a_hundred_values_in_order() -> None:
    assert one("list(x)", *numbered(range(150))) == [str(n) for n in range(100)]


@pytest.mark.parametrize(
    ("function", "value"),
    [
        ("median(x)", 3.0),
        ("perc50(x)", 2.0),
        ("p75(x)", 3.0),
        ("p99.9(x)", 4.0),
        ("exactperc25(x)", 1.0),
        ("perc100(x)", 4.0),
    ],
)
def test_statistical_functions__percentiles_are_by_nearest_rank(function: str, value: float) -> None:
    assert one(function, *numbered((4, 1, 3, 2))) == value


def test_statistical_functions__every_value_of_a_multivalue_field_counts() -> None:
    events: list[dict[str, Any]] = [{"x": ["1", "2"]}, {"x": "3"}]
    assert (one("count(x)", *events), one("sum(x)", *events), one("dc(x)", *events)) == (3.0, 6.0, 3.0)


def test_eventstats_command__adds_the_groups_values_to_its_rows() -> None:
    rows = search("* | eventstats sum(x) AS s BY g | eventstats count AS n", {"g": "a", "x": "1"}, {"x": "5"})
    assert [(row.get("s"), row["n"]) for row in rows] == [(1.0, 2.0), (None, 2.0)]


def test_streamstats_command__over_the_rows_so_far() -> None:
    events: list[dict[str, Any]] = [{"x": str(n)} for n in (1, 2, 3, 4)]
    assert [row["s"] for row in search("* | streamstats sum(x) AS s", *events)] == [1.0, 3.0, 6.0, 10.0]
    assert [row.get("s") for row in search("* | streamstats current=f sum(x) AS s", *events)] == [None, 1, 3, 6]
    assert [row["s"] for row in search("* | streamstats window=2 sum(x) AS s", *events)] == [1, 3, 5, 7]
    assert [row.get("s") for row in search("* | streamstats current=f window=1 last(x) AS s", *events)] == [
        None,
        *"123",
    ]


def test_streamstats_command__by_groups() -> None:
    events: list[dict[str, Any]] = [{"g": g, "x": "1"} for g in "abab"] + [{"x": "1"}]
    assert [row.get("n") for row in search("* | streamstats count AS n BY g", *events)] == [1, 1, 2, 2, None]
    text = "* | streamstats window=1 global=f count AS n BY g"
    assert [row.get("n") for row in search(text, *events)] == [1, 1, 1, 1, None]


def test_streamstats_command__time_window_over_events_in_time_order() -> None:
    events: list[dict[str, Any]] = [{"_time": float(second)} for second in (0, 20, 45, 70)]
    assert [row["n"] for row in search("* | streamstats time_window=60s count AS n", *events)] == [1, 2, 3, 3]
    assert [row["n"] for row in search("* | sort 0 _time | streamstats time_window=1m count AS n", *events)] == [
        1,
        2,
        3,
        3,
    ]


@pytest.mark.parametrize(
    ("times", "message"),
    [([60.0, 0.0], "exactly"), ([9.0, 1.0, 5.0], "sorted"), ([None], "needs _time")],
)
def test_streamstats_command__time_window_is_refused_where_nothing_is_documented(
    times: list[float | None], message: str
) -> None:
    text = "* | eval _time=t | streamstats time_window=60s count AS n"
    with pytest.raises(SplError, match=message):
        search(text, *({} if time is None else {"t": time} for time in times))


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("* | stats", 9, "expected a statistical function"),
        ("* | stats mode(x)", 10, "mode"),
        ("* | stats sum", 10, "needs a field"),
        ("* | stats sum(x*)", 14, "wildcard"),
        ("* | stats count(eval(x=1))", 10, "AS"),
        ("* | stats count BY", 18, "expected a field"),
        ("* | stats count AS g BY g", 25, "same name"),
        ("* | stats allnum=true count", 10, "allnum"),
        ("* | eventstats allnum=t count", 15, "allnum"),
        ("* | streamstats reset_on_change=t count", 16, "reset_on_change"),
        ("* | streamstats window=2 count BY g", 4, "global"),
        ("* | streamstats time_window=1mon count", 28, "span"),
    ],
)
def test_unsupported_syntax_is_rejected_with_position(text: str, place: int, message: str) -> None:
    with pytest.raises(SplError, match=message) as error:
        parse(text)
    assert error.value.position == place
