"""Regular expressions printed for each syntax mean what Python finds with ASCII classes."""

from __future__ import annotations

import re

import duckdb
import pytest

from sigmagen.expr.pcre import RegexError
from sigmagen.expr.regex import ANY, both_cases, complement, unite
from sigmagen.targets.lucene.terms import LUCENE
from sigmagen.targets.regex import PCRE, RE2, Pcre, translate

TEXTS = [
    "",
    "\n",
    "a",
    "A",
    "ab",
    "aB\n",
    "b\na",
    "xa-b9",
    "a b",
    "é",
    "É1",
    "aa",
    "_a",
    "a\u00a0b",
    "[a]",
    "a\\b",
    '"#@&<>~',
]
PATTERNS = [
    "a",
    "^a",
    "a$",
    "^$",
    r"\Aa\Z",
    "a|b$",
    "(^|-)b",
    "a.b",
    "a*",
    "[^a]",
    r"\d",
    r"\w+$",
    r"\s",
    r"\Wb",
    "a{2}",
    "a{1,}b?",
]
PATTERNS += [
    "(?:a|b)+",
    "a+?b",
    r"\ba",
    r"a\b",
    "é",
    "[é-ú]",
    r"[\]\[\\^-]",
    r"\\",
    r'["#@&<>~]{3}',
    "(?i)AB",
    "(?i:a)B",
    "(?s:a.b)",
    "()",
    "a||b",
]
FLAGS = ["", "i", "m", "s", "ims"]


def found(pattern: str, flags: str, text: str) -> bool:
    bits = re.ASCII if not any(letter > "\x7f" for letter in pattern) else 0
    for flag in flags:
        bits |= {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL}[flag]
    return re.search(pattern.replace(r"\Z", r"(?=\n?\Z)"), text, bits) is not None


@pytest.mark.parametrize("flags", FLAGS)
@pytest.mark.parametrize("pattern", PATTERNS)
def test_pcre_re2_and_lucene_find_the_same(pattern: str, flags: str) -> None:
    expected = {text for text in TEXTS if found(pattern, flags, text)}
    printed = translate(pattern, flags, PCRE)
    assert {text for text in TEXTS if re.search(printed.replace(r"\z", r"\Z"), text, re.ASCII)} == expected
    printed = translate(pattern, flags, RE2)
    matching = duckdb.execute("SELECT t FROM (SELECT unnest($1) AS t) WHERE regexp_matches(t, $2)", [TEXTS, printed])
    assert {row[0] for row in matching.fetchall()} == expected
    # Lucene's syntax, as far as it is printed here, is Python's; it matches the whole value, and `.` any character.
    printed = translate(pattern, flags, LUCENE)
    assert {text for text in TEXTS if re.fullmatch(printed, text, re.DOTALL)} == expected


@pytest.mark.parametrize(
    ("pattern", "dialect", "reason"),
    [
        ("a(?=b)", RE2, "look-ahead"),
        ("(?<!a)b", LUCENE, "look-behind"),
        (r"(a)\1", RE2, "back-reference"),
        ("(?>a)b", LUCENE, "atomic"),
        ("a*+b", RE2, "possessive"),
        ("a*+b", LUCENE, "possessive"),
        ("a$b", RE2, "end anchor before the end"),
        ("(a$)*", LUCENE, "inside"),
        (r"a\b.b", LUCENE, "inside"),
        (r"\b.", LUCENE, "may or may not"),
        ("a{1001}", RE2, "1000"),
        ("(a)?(?(1)b|c)", PCRE, "conditional"),
        ("a(", PCRE, "unterminated"),
        (r"[^\w\W]", RE2, "empty character class"),
    ],
)
def test_what_a_syntax_has_not_is_refused_with_the_reason(pattern: str, dialect: Pcre, reason: str) -> None:
    with pytest.raises(RegexError, match=reason):
        translate(pattern, "", dialect)


def test_pcre_keeps_what_only_it_has() -> None:
    assert translate(r"(?<=a)(b)\1(?!c)(?>d)e*+f??", "", PCRE) == r"(?<=a)(b)(?:\1)(?!c)(?>d)e*+f??"


def test_sets_of_characters() -> None:
    assert unite(((5, 6),), ((1, 2),), ((3, 4),)) == ((1, 6),)
    assert complement(ANY) == ()
    assert complement(complement(((1, 2), (9, 9)))) == ((1, 2), (9, 9))
    assert both_cases(((ord("a"), ord("a")),)) == ((65, 65), (97, 97))


@pytest.mark.parametrize("pattern", ["((a{10}){10}){10}", "(a{999}b*){1}", "(?:a{100}|b{10}){10}", "((a{100})*){10}"])
def test_repetitions_of_repetitions_that_re2_takes(pattern: str) -> None:
    duckdb.execute(f"SELECT regexp_matches('a', '{translate(pattern, '', RE2)}')").fetchall()


@pytest.mark.parametrize("pattern", ["((a{10}){10}){11}", "(a{40}){40}", "(?:a{100}|b{10}){11}"])
def test_repetitions_of_repetitions_that_re2_refuses_are_refused_before(pattern: str) -> None:
    with pytest.raises(duckdb.Error, match="repetition"):
        duckdb.execute(f"SELECT regexp_matches('a', '{pattern}')").fetchall()
    with pytest.raises(RegexError, match="nested repetitions"):
        translate(pattern, "", RE2)
