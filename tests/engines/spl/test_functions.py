"""Search Reference, "Evaluation functions": one page a group of functions."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from sigmagen.engines.spl import SplError, parse
from tests.spl import evaluated, kept

NULL = None


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ('if(n=2, "yes", "no")', "yes"),
        ('if(nothing=2, "yes", "no")', "no"),
        ('case(n=1, "one", n=2, "two", true(), "more")', "two"),
        ('case(nothing=1, "one")', NULL),
        ('coalesce(nothing, null(), word, "x")', "ab"),
        ('coalesce(empty, "x")', ""),
        ("nullif(n, 2)", NULL),
        ("nullif(n, 3)", "2"),
        ('if(isnull(nothing), "y", "n")', "y"),
        ('if(isnotnull(empty), "y", "n")', "y"),
        ('if(match(word, "^A"), "y", "n")', "n"),
        ('if(match(word, "(?i)B$"), "y", "n")', "y"),
        ('if(cidrmatch("192.0.2.0/24", "192.0.2.7"), "y", "n")', "y"),
        ('if(cidrmatch("192.0.2.0/24", "198.51.100.7"), "y", "n")', "n"),
        ('if(cidrmatch("2001:db8::/32", "2001:db8::1"), "y", "n")', "y"),
        ('if(cidrmatch("192.0.2.0/24", word), "y", "n")', "n"),
    ],
)
def test_conditional_functions(expression: str, value: Any) -> None:
    assert evaluated(expression, n="2", word="ab", empty="") == value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ('lower("ÀB")', "àb"),
        ('upper("ab")', "AB"),
        ('len("añ🤖")', 3.0),
        ("len(nothing)", NULL),
        ('substr("splunk", 1, 3)', "spl"),
        ('substr("splunk", -3)', "unk"),
        ('substr("splunk", -3, 2)', "un"),
        ('substr("ab", -5)', "ab"),
        ('substr("ab", 5)', ""),
        (r'replace("1/12/2009", "^(\d+)/(\d+)/", "\2/\1/")', "12/1/2009"),
        (r'replace("1/12", "^(\\d+)", "<\\1>")', "<1>/12"),
        ('replace("aaa", "a", "b")', "bbb"),
        ("tonumber(n)", 2.0),
        ('tonumber("0A4", 16)', 164.0),
        ('tonumber("x")', NULL),
        ('tonumber(" 5")', NULL),
        ("tostring(5)", "5"),
        ("tostring(0.25)", "0.25"),
        ("tostring(1786440000.123)", "1786440000.123"),
    ],
)
def test_text_and_conversion_functions(expression: str, value: Any) -> None:
    assert evaluated(expression, n="2") == value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("floor(1.9)", 1.0),
        ("floor(-1.1)", -2.0),
        ("ceil(1.1)", 2.0),
        ("ceiling(1.1)", 2.0),
        ("round(3.5)", 4.0),
        ("round(2.555, 2)", 2.56),
        ("round(-0.5)", -1.0),
        ("abs(-3)", 3.0),
        ("floor(word)", NULL),
    ],
)
def test_mathematical_functions(expression: str, value: Any) -> None:
    assert evaluated(expression, word="ab") == pytest.approx(value)


@pytest.mark.parametrize("name", ["md5", "sha1", "sha256", "sha512"])
def test_cryptographic_functions__are_lower_case_hexadecimal_of_utf_8(name: str) -> None:
    assert evaluated(f'{name}("añ")') == hashlib.new(name, "añ".encode()).hexdigest()


MULTIVALUE = [
    ('split("a,b,c", ",")', ["a", "b", "c"]),
    ('split("a", ",")', "a"),
    ("mvindex(mv, 0)", "b"),
    ("mvindex(mv, -1)", "b"),
    ("mvindex(mv, 0, 1)", ["b", "a"]),
    ("mvindex(mv, -2, -1)", ["a", "b"]),
    ("mvindex(mv, 7)", NULL),
    ('mvindex("single", -1)', "single"),
    ("mvrange(1, 4)", [1.0, 2.0, 3.0]),
    ("mvrange(1, 8, 3)", [1.0, 4.0, 7.0]),
    ("mvrange(1, 1)", NULL),
    ("mvrange(1, 2)", 1.0),
    ('mvjoin(mv, "-")', "b-a-b"),
    ('mvsort(split("10,9,b,B", ","))', ["10", "9", "B", "b"]),
    ("mvdedup(mv)", ["b", "a"]),
    ("mvcount(mv)", 3.0),
    ('mvcount("x")', 1.0),
    ("mvcount(nothing)", NULL),
    ('mvappend(mv, nothing, "z")', ["b", "a", "b", "z"]),
    ('mvfind(mv, "^a")', 1.0),
    ('mvfind(mv, "z")', NULL),
    ('mvfilter(match(mv, "b"))', ["b", "b"]),
    ('mvfilter(match(mv, "z"))', NULL),
    ('mvmap(mv, mv . "1")', ["b1", "a1", "b1"]),
]


@pytest.mark.parametrize(("expression", "value"), MULTIVALUE)
def test_multivalue_functions(expression: str, value: Any) -> None:
    assert evaluated(expression, mv=["b", "a", "b"]) == value


JSON = (
    '{"a": {"b": "text", "n": 0.5, "t": true, "z": null, "o": {"k": 1}}, "l": [{"x": 1}, {"x": 2}],'
    ' "s": "s", "e": [], "d.t": 1}'
)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a.b", "text"),
        ("a.n", 0.5),
        ("a.z", NULL),
        ("a.o", '{"k":1}'),
        ("l", '[{"x":1},{"x":2}]'),
        ("l{1}.x", 2.0),
        ("l{}.x", "[1,2]"),
        ("l{7}", NULL),
        ("s{}", NULL),
        ("missing", NULL),
        ("d.t", NULL),
    ],
)
def test_json_functions__json_extract(path: str, value: Any) -> None:
    assert evaluated(f'json_extract(j, "{path}")', j=JSON) == value


def test_json_functions__json_extract_of_a_boolean() -> None:
    """It is no text: eval can't assign it, and only tostring is documented to make text of it."""
    assert evaluated('tostring(json_extract(j, "a.t"))', j=JSON) == "True"
    for expression in ('json_extract(j, "a.t")', 'lower(json_extract(j, "a.t"))'):
        with pytest.raises(SplError, match="boolean"):
            evaluated(expression, j=JSON)
    with pytest.raises(SplError, match="boolean"):
        kept('json_extract(j, "a.t")="true"', {"j": JSON})


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ('json_extract("{cut off", "a")', NULL),
        ("json_extract(nothing, path)", NULL),
        ('json_extract_exact(j, "d.t")', 1.0),
        ('json_extract_exact(j, "a.b")', NULL),
        ('json_array_to_mv("[\\"a\\", 1, {\\"k\\": []}]")', ["a", "1", '{"k":[]}']),
        ('json_array_to_mv("[\\"a\\", 1]", true())', ['"a"', "1"]),
        ('json_array_to_mv("{}")', NULL),
        ('json_array_to_mv("[]")', NULL),
        ("json_keys(j)", '["a","l","s","e","d.t"]'),
        ('if(json_valid(j), "y", "n")', "y"),
        ('if(json_valid("{"), "y", "n")', "n"),
    ],
)
def test_json_functions(expression: str, value: Any) -> None:
    assert evaluated(expression, j=JSON) == value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ('strftime(1786440000.123, "%Y-%m-%dT%H:%M:%S.%3N%z")', "2026-08-11T09:20:00.123+0000"),
        ('strftime(0, "%F %T %s")', "1970-01-01 00:00:00 0"),
        ('strptime("2026-08-11T09:20:00.123+0000", "%Y-%m-%dT%H:%M:%S.%3N%z")', 1786440000.123),
        ('strftime(1786440000, "%w %j %V")', "2 223 33"),
        ('strptime("1970-01-02", "%Y-%m-%d")', 86400.0),
        ('strptime("never", "%Y")', NULL),
    ],
)
def test_date_and_time_functions(expression: str, value: Any) -> None:
    assert evaluated(expression) == value


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        (r"\d", "٣", False),
        (r"\w", "é", False),
        (r"^\S+$", "a\u00a0b", True),
        (r"\bcat\b", "a cat", True),
        (r"\bcat\b", "concat", False),
        (r"\bé", "é", False),
        (r"(?<year>\d{4})-\d", "2026-1", True),
        (r"a$", "a\n", True),
        (r"a\z", "a\n", False),
        (r"a\Z", "a\n", True),
        (r"[[]&&[|~~]", "[&&|", True),
        (r"[^\d\s]", "1 ", False),
        (r"[]a]", "]", True),
        (r"(?i)STRASSE", "strasse", True),
        (r"(?s)a.c", "a\nc", True),
        ("a.c", "a\nc", False),
        (r"\x41\.\-\/", "A.-/", True),
        (r"\x{2029}[\x{1f600}\x{c}]", "\u2029\U0001f600", True),
        (r"\x{2029}", "\u2028", False),
    ],
)
def test_regular_expressions__are_pcre(pattern: str, text: str, matches: bool) -> None:
    escaped = pattern.replace("\\", "\\\\")
    assert bool(kept(f'match(x, "{escaped}")', {"x": text})) is matches


@pytest.mark.parametrize(
    "pattern",
    [
        r"\h",
        r"\R",
        r"\K",
        r"\Qa",
        r"\p{L}",
        r"\x{110000}",
        r"\x{}",
        r"[[:alpha:]]",
        "a{,3}",
        "(?R)",
        "(?|a|b)",
        "(*UTF8)",
        "a(?i)b",
        "(",
        "a\\",
    ],
)
def test_regular_expressions__unsupported_syntax_is_rejected(pattern: str) -> None:
    escaped = pattern.replace("\\", "\\\\")
    with pytest.raises(SplError, match="pattern") as error:
        parse(f'* | where match(x, "{escaped}")')
    assert error.value.position == 19
