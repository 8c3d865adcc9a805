"""Search Reference, "search"; Search Manual, "Boolean expressions" and "Wildcards"."""

from __future__ import annotations

import pytest

from sigmagen.engines.spl import SplError, parse
from tests.spl import found, search, shown

A, B, NONE = {"x": "a"}, {"x": "b"}, {"y": "a"}


def test_search_command__values_are_compared_ignoring_case() -> None:
    assert found('x="Alpha"', {"x": "ALPHA"}, {"x": "alpha"}, {"x": "alphabet"}) == [0, 1]


def test_search_command__field_names_are_case_sensitive() -> None:
    assert found("X=a", A) == []


@pytest.mark.parametrize("terms", ["x=al*", 'x="al*"', "x=*l*", 'x="*PHA"'])
def test_search_command__an_asterisk_is_a_wildcard_quoted_or_not(terms: str) -> None:
    assert found(terms, {"x": "alpha"}, {"x": "beta"}) == [0]


def test_search_command__an_asterisk_can_not_be_escaped() -> None:
    assert found(r'x="a\\*c"', {"x": r"a\bc"}, {"x": "a*c"}) == [0]


def test_search_command__a_wildcard_crosses_lines() -> None:
    assert found('x="a*c"', {"x": "a\nb\nc"}) == [0]


def test_search_command__other_pattern_characters_are_plain() -> None:
    assert found('x="a.c[1]?"', {"x": "a.c[1]?"}, {"x": "abc1"}) == [0]


def test_search_command__not_equal_needs_the_field_and_not_does_not() -> None:
    assert found('x!="a"', A, B, NONE) == [1]
    assert found('NOT x="a"', A, B, NONE) == [1, 2]


def test_search_command__a_field_with_an_asterisk_exists() -> None:
    assert found("x=*", A, B, NONE) == [0, 1]
    assert found("NOT x=*", A, B, NONE) == [2]


def test_search_command__one_of_several_values_is_enough() -> None:
    assert found('"x{}"="b"', {"x{}": ["a", "b"]}, {"x{}": ["a", "c"]}) == [0]


def test_boolean_expressions__or_binds_tighter_than_and() -> None:
    events = [{"x": x, "y": y, "z": z} for x in "01" for y in "01" for z in "01"]
    assert found("x=1 y=1 OR z=1", *events) == found("x=1 AND (y=1 OR z=1)", *events) == [5, 6, 7]
    assert found("x=1 OR y=1 z=1", *events) == found("(x=1 OR y=1) AND z=1", *events)


def test_boolean_expressions__not_applies_to_the_next_term_only() -> None:
    events = [{"x": x, "y": y} for x in "01" for y in "01"]
    assert found("NOT x=1 y=1", *events) == [1]
    assert found("NOT (x=1 OR y=1)", *events) == [0]


def test_search_command__in_is_a_list_of_values_with_wildcards() -> None:
    assert found('status IN (4*, "503")', {"status": "404"}, {"status": "503"}, {"status": "500"}) == [0, 1]


@pytest.mark.parametrize(
    ("terms", "expected"), [("n<10", [0]), ("n<=10", [0, 1]), ("n>10", [2]), ("n>=10", [1, 2]), ("n=10", [1])]
)
def test_search_command__numbers_are_compared_as_numbers(terms: str, expected: list[int]) -> None:
    assert found(terms, {"n": "9"}, {"n": "10"}, {"n": 100.0}, {}) == expected


def test_search_command__names_with_dots_need_no_quotes() -> None:
    assert found('event.outcome="success"', {"event.outcome": "success"}, {"event": "success"}) == [0]


def test_search_command__spaces_around_the_operator_are_allowed() -> None:
    assert found('x = "a"', A, B) == [0]


@pytest.mark.parametrize("terms", ["denied", "DENIED", '"access denied"', "den*", "denied access", '"*cess den*"'])
def test_search_command__words_and_phrases_are_looked_for_in_raw(terms: str) -> None:
    assert found(terms, {"_raw": "user=7 Access Denied."}, {"_raw": "granted", "x": "denied"}) == [0]


@pytest.mark.parametrize("terms", ['"cess denied"', '"denied access"', "enied"])
def test_search_command__a_phrase_is_whole_and_in_order(terms: str) -> None:
    assert found(terms, {"_raw": "user=7 Access Denied."}) == []


def test_event_segmentation__a_word_is_bounded_by_breakers() -> None:
    raws = ["a,error,b", "errors", "my_error", "path/error.log", "terror"]
    assert found("error", *({"_raw": raw} for raw in raws)) == [0, 2, 3]
    assert found("*error*", *({"_raw": raw} for raw in raws)) == [0, 1, 2, 3, 4]


def test_search_command__a_phrase_with_quotes_and_back_slashes_is_escaped() -> None:
    assert found(r'"say \"hi\" C:\\tmp"', {"_raw": r'say "hi" C:\tmp now'}, {"_raw": "say hi"}) == [0]


def test_search_command__later_in_the_pipe_it_filters_what_is_there() -> None:
    rows = search("* | eval y=x.x | search y=BB", A, B)
    assert shown(rows) == [{"x": "b", "y": "bb"}]


def test_search_command__no_terms_find_everything() -> None:
    assert found("*", A, NONE) == [0, 1]
    assert found("search *", A, NONE) == [0, 1]


@pytest.mark.parametrize(
    ("terms", "place"),
    [
        ("x=1 and y=2", 4),
        ("earliest=-1h x=1", 0),
        ("eventtype=web", 0),
        ("TERM(a)", 0),
        ("(x=1", 4),
        ("x=1)", 3),
        ("x=", 2),
        ("x<a*", 2),
        ("url=http://x?a=b", 14),
        ("x IN ()", 6),
        ("NOT", 3),
        ("it's", 2),
        ("x=`macro`", 2),
        ('x="a', 2),
    ],
)
def test_unsupported_syntax_is_rejected_with_position(terms: str, place: int) -> None:
    with pytest.raises(SplError) as error:
        parse(terms)
    assert error.value.position == place


def test_time_modifiers__the_range_takes_earliest_and_leaves_latest() -> None:
    events = [{"_time": float(second)} for second in range(5)]
    assert [row["_time"] for row in search("*", *events, earliest=1.0, latest=3.0)] == [2.0, 1.0]
