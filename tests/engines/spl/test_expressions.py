"""Search Reference, "where", "eval" and "Evaluation functions"; Search Manual, "Boolean expressions"."""

from __future__ import annotations

import pytest

from sigmagen.engines.spl import SplError, parse
from tests.spl import evaluated, kept, search, shown


def test_where_command__comparisons_are_case_sensitive() -> None:
    assert kept('x="a"', {"x": "a"}, {"x": "A"}) == [0]


def test_where_command__asterisk_is_literal() -> None:
    assert kept('x="a*"', {"x": "a*"}, {"x": "abc"}) == [0]


def test_where_command__an_unquoted_word_is_a_field() -> None:
    assert kept("x=y", {"x": "a", "y": "a"}, {"x": "a", "y": "b"}, {"x": "y"}) == [0]


def test_where_command__single_quotes_are_a_field_and_double_quotes_a_text() -> None:
    assert kept("'event.outcome'=\"x\"", {"event.outcome": "x"}, {"event.outcome": "y"}) == [0]
    assert evaluated("'it\\'s'", **{"it's": "1"}) == "1"


@pytest.mark.parametrize("condition", ['x="a"', 'x!="a"', "x<5", "x>=5", 'x IN ("a")', 'NOT x="a"'])
def test_where_command__comparison_with_null_is_never_true(condition: str) -> None:
    assert kept(condition, {}) == []


def test_where_command__null_with_decisive_operand() -> None:
    assert kept('x="a" OR y="b"', {"y": "b"}) == [0]
    assert kept('NOT (x="a" AND y="b")', {"y": "c"}) == [0]


@pytest.mark.parametrize(
    ("condition", "expected"), [("n<10", [0]), ("n<=10", [0, 1]), ("n>m", [2]), ("n=10", [1]), ("n!=10", [0, 2])]
)
def test_where_command__what_looks_like_numbers_is_compared_as_numbers(condition: str, expected: list[int]) -> None:
    assert kept(condition, {"n": "9", "m": "30"}, {"n": "10.0", "m": "30"}, {"n": "100", "m": "30"}) == expected


def test_where_command__texts_are_compared_lexicographically() -> None:
    assert kept("x<y", {"x": "B", "y": "a"}, {"x": "a", "y": "B"}) == [0]


def test_boolean_expressions__and_binds_tighter_than_or_here() -> None:
    events = [{"x": x, "y": y, "z": z} for x in "01" for y in "01" for z in "01"]
    assert kept("x=1 OR y=1 AND z=1", *events) == kept("x=1 OR (y=1 AND z=1)", *events)
    assert kept("x=1 OR y=1 AND z=1", *events) != kept("(x=1 OR y=1) AND z=1", *events)
    assert kept("NOT x=1 AND y=1", *events) == kept("(NOT x=1) AND y=1", *events)
    assert kept("x=1 XOR y=1 OR z=1", *events) == kept("x=1 XOR (y=1 OR z=1)", *events)


def test_where_command__in_is_an_operator_and_a_function() -> None:
    events = [{"x": "a"}, {"x": "b"}, {"x": "A"}]
    assert kept('x IN ("a", "b")', *events) == kept('in(x, "a", "b")', *events) == [0, 1]
    assert kept("x IN (1, 2)", {"x": "2.0"}, {"x": "3"}) == [0]


def test_where_command__like_has_percent_and_underscore_and_is_case_sensitive() -> None:
    events = [{"x": "abc"}, {"x": "abbc"}, {"x": "ABC"}, {"x": "xabc"}]
    assert kept('x LIKE "a_c"', *events) == [0]
    assert kept('like(x, "a%c")', *events) == [0, 1]


def test_eval_command__assignments_see_those_before_them() -> None:
    assert search("* | eval a=1, b=a+1, a=5", {})[0] | {"_time": 0} == {"_time": 0, "a": 5.0, "b": 2.0}


def test_eval_command__null_removes_field() -> None:
    assert shown(search("* | eval x=null()", {"x": "a"})) == [{}]


def test_eval_command__condition_is_not_a_value() -> None:
    for text in ("* | eval x=(a=b)", "* | eval x=isnull(a)", "* | where a", "* | eval x=if(a, 1, 2)"):
        with pytest.raises(SplError, match="condition"):
            parse(text)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 + 2 * 3", 7.0),
        ("(1 + 2) * 3", 9.0),
        ("-2 - -3", 1.0),
        ("7 % 4", 3.0),
        ("7 / 2", 3.5),
        ("7 / 0", None),
        ("n + 1", 3.0),
        ("n + word", None),
        ("n + nothing", None),
        ("word + word", "abab"),
        ('"1" + "2"', "12"),
        ("n . n", "22"),
        ('word . "-" . 3', "ab-3"),
        ("0.5 . word", "0.5ab"),
        ("floor(1786440000.123 / 600) * 600", 1786440000.0),
    ],
)
def test_eval_command__arithmetic_and_concatenation(expression: str, value: object) -> None:
    assert evaluated(expression, n="2", word="ab") == value


def test_eval_command__a_dot_in_an_unquoted_name_joins_two_fields() -> None:
    assert evaluated("event.outcome", event="a", outcome="b", **{"event.outcome": "c"}) == "ab"
    assert evaluated("'event.outcome'", **{"event.outcome": "c"}) == "c"


@pytest.mark.parametrize(
    ("written", "text"), [(r'"a\"b"', 'a"b'), (r'"a\\b"', r"a\b"), (r'"\d\n"', r"\d\n"), ('"a|b[`]"', "a|b[`]")]
)
def test_eval_command__quote_and_back_slash_are_escaped_and_nothing_else(written: str, text: str) -> None:
    assert evaluated(written) == text


def test_fieldformat_command__the_value_stays() -> None:
    row = search('* | eval t=60 | fieldformat t=strftime(t, "%H:%M") | eval u=t+1', {})[0]
    assert (row["t"], row["u"]) == (60.0, 61.0)


def test_comments__three_back_ticks_are_skipped_and_positions_stay() -> None:
    assert evaluated('1 ``` | delete "``` + 2') == 3.0
    assert evaluated('"``` kept ```"') == "``` kept ```"
    with pytest.raises(SplError) as error:
        parse("* ``` two\nlines ``` | delete")
    assert error.value.position == 22


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("* | delete", 4, "delete"),
        ("* | eval x=now()", 11, "clock"),
        ('* | eval x=relative_time(_time, "-1h")', 11, "clock"),
        ("* | eval x=frobnicate(1)", 11, "frobnicate"),
        ("* | eval x=len()", 11, "arguments"),
        ("* | eval x=1 +", 14, "expected a value"),
        ("* | eval x=1 . 2 + 3", 17, "parentheses"),
        ("* | eval x=a and b", 13, "unexpected"),
        ("* | where x=1 and y=2", 14, "unexpected"),
        ("* | where and=1", 10, "upper-case"),
        ("* | where x=y=z", 13, "comparison"),
        ('* | where x<"10"', 12, "in quotes"),
        ("* | eval x", 10, "expected '='"),
        ("* | eval x=1,", 13, "expected a field"),
        ("* | eval x=$y$", 11, "unexpected"),
        ("* | | head", 4, "empty"),
        ("* |", 3, "empty"),
        ("* | eval x=`m`", 11, "macros"),
        ("* | eval x=(1", 13, "expected ')'"),
        ("* ``` never ends", 2, "comment"),
        ('* | eval x="a', 11, "is not closed"),
        ("* | where x=1 | eval y='a", 23, "is not closed"),
        ("head 5 | where", 14, "expected a value"),
        ("| where x=1", 2, "first command"),
        ("* | makeresults", 4, "later command"),
        ("* | append [ search * ", 22, "is not closed"),
        ("* ] | head", 2, "']'"),
    ],
)
def test_unsupported_syntax_is_rejected_with_position(text: str, place: int, message: str) -> None:
    with pytest.raises(SplError, match=message.replace("(", "\\(").replace(")", "\\)")) as error:
        parse(text)
    assert error.value.position == place


def test_values_without_a_documented_result_are_refused() -> None:
    for text in ('* | where split("a,b", ",")="a"', '* | eval x=substr("a", 0)', "* | eval x=mvrange(1, 5, -1)"):
        with pytest.raises(SplError):
            search(text, {})
