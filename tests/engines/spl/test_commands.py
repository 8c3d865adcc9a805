"""Search Reference, one page a command."""

from __future__ import annotations

from typing import Any

import pytest

from sigmagen.engines.spl import SplError, parse
from tests.spl import search, shown

Events = list[dict[str, Any]]
X: Events = [{"x": value} for value in ("b", "a", "c", "a")]


def column(text: str, name: str, *events: dict[str, Any]) -> list[Any]:
    return [row.get(name) for row in search(text, *events)]


def test_head_command__ten_rows_where_no_number_is_given() -> None:
    events: Events = [{"n": float(n)} for n in range(20)]
    assert column("* | head", "n", *events) == [float(n) for n in range(10)]
    assert column("* | head 2", "n", *events) == column("* | head limit=2", "n", *events) == [0.0, 1.0]


def test_dedup_command__keeps_the_first_in_search_order_which_is_the_newest() -> None:
    events: Events = [{"id": "a", "_time": 1.0}, {"id": "a", "_time": 3.0}, {"id": "b", "_time": 2.0}]
    assert column("* | dedup id", "_time", *events) == [3.0, 2.0]


def test_dedup_command__rows_without_the_field_go_unless_keepempty() -> None:
    events: Events = [{"id": "a"}, {}, {"id": "a"}, {}]
    assert column("* | dedup id", "id", *events) == ["a"]
    for text in ("* | dedup id keepempty=true", "* | dedup keepempty=t id"):
        assert column(text, "id", *events) == ["a", None, None]


def test_dedup_command__several_fields_and_a_count() -> None:
    events: Events = [{"a": a, "b": b} for a in "12" for b in "1221"]
    assert len(search("* | dedup a, b", *events)) == 4
    assert len(search("* | dedup 2 a b", *events)) == 8
    assert len(search("* | dedup 2 a", *events)) == 4


def test_addinfo_command__gives_the_time_range() -> None:
    (row,) = search("* | addinfo | table info_*", {}, earliest=0.0, latest=9.0)
    assert row == {"info_min_time": 0.0, "info_max_time": 9.0}


def test_fields_command__keeps_internal_fields() -> None:
    (row,) = search("* | fields x.*", {"x.a": "1", "y": "2", "_raw": "r"})
    assert set(row) == {"x.a", "_raw", "_time"}
    assert set(search("* | fields - y, _raw", {"x": "1", "y": "2", "_raw": "r"})[0]) == {"x", "_time"}


def test_table_command__only_the_fields_named() -> None:
    assert search("* | table y, x", {"x": "1", "y": "2", "z": "3"}) == [{"y": "2", "x": "1"}]


def test_rename_command__names_with_dots_and_quotes() -> None:
    event = {"user.id": "u", "b": "2"}
    assert shown(search('* | rename user.id AS user_id, b AS "the b"', event)) == [{"user_id": "u", "the b": "2"}]


def test_fillnull_command__zero_unless_a_value_is_given() -> None:
    events: Events = [{"x": "1"}, {"y": "2"}]
    assert shown(search("* | fillnull x", *events)) == [{"x": "1"}, {"x": "0", "y": "2"}]
    assert shown(search('* | fields x, y | fillnull value="-" x y', *events)) == [
        {"x": "1", "y": "-"},
        {"x": "-", "y": "2"},
    ]


def test_regex_command__keeps_what_matches_a_case_sensitive_pattern() -> None:
    events: Events = [{"x": "abc", "_raw": "1"}, {"x": "ABC", "_raw": "2"}]
    assert column('* | regex x="^a"', "x", *events) == ["abc"]
    assert column('* | regex x!="^a"', "x", *events) == ["ABC"]
    assert column('* | regex "2"', "x", *events) == ["ABC"]


def test_rex_command__named_groups_become_fields() -> None:
    event = {"_raw": "from=a to=b", "x": "k1 k2"}
    (row,) = search('* | rex "from=(?<from>\\w+) to=(?P<to>\\w+)" | rex field=x max_match=0 "k(?<n>\\d)"', event)
    assert (row["from"], row["to"], row["n"]) == ("a", "b", ["1", "2"])
    assert shown(search('* | rex field=x "(?<x>z)"', {"x": "kept"})) == [{"x": "kept"}]


def test_bin_command__rounds_the_time_down() -> None:
    assert column("* | bin span=10m _time", "_time", {"_time": 1786440123.5}) == [1786440000.0]
    (row,) = search("* | bucket _time span=1h AS hour", {"_time": 1786440123.5})
    assert (row["hour"], row["_time"]) == (1786438800.0, 1786440123.5)


def test_mvexpand_command__a_row_for_each_value_and_rows_without_the_field_stay() -> None:
    events: Events = [{"k": ["1", "2", "3"], "x": "a"}, {"x": "b"}, {"k": "9", "x": "c"}]
    rows = shown(search("* | mvexpand k", *events))
    assert [(row.get("k"), row["x"]) for row in rows] == [("1", "a"), ("2", "a"), ("3", "a"), (None, "b"), ("9", "c")]
    assert len(search("* | mvexpand k limit=2", *events)) == 4
    assert len(search("* | mvexpand limit=0 k", *events)) == 5


def test_spath_command__a_path_into_a_field() -> None:
    event = {"_raw": '{"a": {"b": [1, {"c": null}]}}'}
    (row,) = search('* | spath a.b{0} | spath output=o path="a.b{1}" | spath input=o path=c', event)
    assert (row["a.b{0}"], row["o"], row["c"]) == ("1", '{"c":null}', "null")


# sort


def test_sort_command__numbers_as_numbers_and_texts_lexicographically() -> None:
    numbers: Events = [{"x": "10"}, {"x": "9"}, {"x": "100"}]
    assert column("* | sort x", "x", *numbers) == ["9", "10", "100"]
    assert column("* | sort str(x)", "x", *numbers) == ["10", "100", "9"]
    assert column("* | sort x", "x", *numbers, {"x": "B"}, {"x": "a"}) == ["10", "100", "9", "B", "a"]


def test_sort_command__addresses_by_their_number() -> None:
    events: Events = [{"x": "192.0.2.10"}, {"x": "192.0.2.9"}]
    assert column("* | sort x", "x", *events) == ["192.0.2.9", "192.0.2.10"]


def test_sort_command__several_fields_in_their_own_order() -> None:
    events: Events = [{"x": x, "y": y} for x in "12" for y in "12"]
    assert [(row["x"], row["y"]) for row in search("* | sort 0 -x, +y", *events)] == [
        ("2", "1"),
        ("2", "2"),
        ("1", "1"),
        ("1", "2"),
    ]


@pytest.mark.parametrize("text", ["* | sort x", "* | sort -x"])
def test_sort_command__rows_without_the_field_come_last_in_either_order(text: str) -> None:
    assert column(text, "x", {}, {"x": "1"}, {"x": "2"})[-1] is None


def test_sort_command__ten_thousand_rows_unless_a_count_is_given() -> None:
    events: Events = [{"x": float(n)} for n in range(10_001)]
    assert len(search("* | sort x", *events)) == 10_000
    assert len(search("* | sort 0 x", *events)) == 10_001
    assert len(search("* | sort limit=3 x", *events)) == 3


# makeresults and subsearches


def test_makeresults_command__rows_from_inline_json() -> None:
    data = '[{\\"user\\": {\\"id\\": \\"u\\"}, \\"n\\": 1}, {\\"n\\": 2}]'
    rows = search(f'| makeresults format=json data="{data}" | eval m=n+1')
    assert [(row.get("user.id"), row["n"], row["m"]) for row in rows] == [("u", "1", 2.0), (None, "2", 3.0)]
    assert len(search("| makeresults count=3 | eval x=1")) == 3


def test_append_command__the_rows_of_a_subsearch_come_after() -> None:
    text = '* | search x="b" | append [ search x="a" | stats count AS n BY x ] | table x, n'
    assert search(text, *X) == [{"x": "b"}, {"x": "a", "n": 2.0}]


def test_append_command__a_subsearch_has_the_same_time_range() -> None:
    events: Events = [{"_time": float(second)} for second in range(6)]
    rows = search("* | stats count | append [ search * | stats count ]", *events, earliest=1.0, latest=3.0)
    assert rows == [{"count": 2.0}, {"count": 2.0}]


def test_multisearch_command__merges_events_by_time() -> None:
    events: Events = [{"_time": float(second), "s": "ab"[second % 2]} for second in range(6)]
    text = '| multisearch [ search s="a" | eval t="A" ] [ search s="b" | eval t="B" ] | where _time > 0'
    assert [(row["_time"], row["t"]) for row in search(text, *events, latest=4.0)] == [(3, "B"), (2, "A"), (1, "B")]


def test_union_command__takes_any_searches() -> None:
    assert search('| union [ search x="a" | stats count ] [ search x="b" | stats count ]', *X) == [
        {"count": 2.0},
        {"count": 1.0},
    ]
    assert column('| union [ search x="a" ] [ search x="b" ]', "x", *X) == ["b", "a", "a"]


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("* | head x", 9, "number"),
        ("* | dedup", 4, "fields"),
        ("* | dedup x consecutive=true", 12, "consecutive"),
        ("* | fields", 4, "fields"),
        ("* | rename x", 12, "expected 'AS'"),
        ("* | rename x* AS y*", 11, "wildcard"),
        ("* | fillnull x*", 4, "wildcard"),
        ('* | rex "a"', 8, "named groups"),
        ('* | rex mode=sed "s/a/b/"', 13, "sed"),
        ('* | regex x="\\\\h"', 12, "pattern"),
        ("* | bin span=10 x", 16, "_time"),
        ("* | bin span=1mon _time", 13, "span"),
        ("* | mvexpand _raw", 4, "internal"),
        ("* | mvexpand k limit=x", 21, "whole number"),
        ("* | sort", 4, "field"),
        ("* | sort year(x)", 9, "order"),
        ("| makeresults format=csv data=x", 2, "format=json"),
        ('| makeresults format=json data="{"', 31, "JSON"),
        ("* | append [ where x=1 ]", 13, "first command"),
        ("* | append [ x=1 ]", 13, "not supported"),
        ("| multisearch [ search x=1 ]", 2, "two"),
        ("| multisearch [ search x=1 ] [ search x=1 | head ]", 44, "streaming"),
        ("| multisearch [ search x=1 ] [ | makeresults ]", 33, "events"),
        ("* | table x | outputlookup y", 14, "outputlookup"),
    ],
)
def test_unsupported_syntax_is_rejected_with_position(text: str, place: int, message: str) -> None:
    with pytest.raises(SplError, match=message) as error:
        parse(text)
    assert error.value.position == place
