"""PCRE read by Python's parser."""

from __future__ import annotations

import re

import pytest

from sigmagen.expr.pcre import RegexError
from sigmagen.expr.regex import anchored, matches_empty, parse
from sigmagen.targets.regex import PCRE


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("[[:upper:]]{2}", ["AB"], ["ab", "r]"]),
        ("^[[:^alnum:]]$", ["-", "é"], ["a", "0"]),
        ("^[^[:digit:]a]$", ["b"], ["1", "a"]),
        ("[]a]b", ["]b", "ab"], ["b"]),
        ("^[[a]$", ["[", "a"], ["b"]),
        ("(?<name>ab)\\k<name>", ["abab"], ["abx"]),
        ("(?'name'ab)\\k{name}", ["abab"], ["abx"]),
        ("(a)\\g{1}1", ["aa1"], ["a1"]),
        (r"\Qa.b*\E+", ["a.b**"], ["axb"]),
        (r"a\hb", ["a b", "a\tb", "a\u00a0b"], ["a\nb"]),
        (r"a\vb", ["a\nb", "a\u2028b"], ["a b"]),
        (r"a\Nb", ["axb"], ["a\nb"]),
        (r"^[\x{1F600}\x{41}]$", ["😀", "A"], ["B"]),
        (r"\ex", ["\x1bx"], ["ex"]),
        ("a(?#not b)c", ["ac"], ["abc"]),
    ],
)
def test_what_pcre_has_otherwise(pattern: str, yes: list[str], no: list[str]) -> None:
    """What is printed for PCRE means the same to Python, but for the code points in braces."""
    text = re.sub(r"\\x\{(\w+)\}", lambda code: re.escape(chr(int(code[1], 16))), PCRE.text(parse(pattern)))
    assert [one for one in yes if not re.search(text, one)] == []
    assert [one for one in no if re.search(text, one)] == []


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("a{,3}", "write {0,"),
        ("[[:uper:]]", "available: alnum, alpha"),
        ("[[.a.]]", "collating"),
        ("[a", "an unclosed class"),
        (r"\N{DIGIT ONE}", "by its name"),
        ("(?<=a+)b", "a look-behind of variable length"),
        (r"\x{110000}", "not a character"),
        ("(" * 200 + ")" * 200, "nested more than 100 levels"),
        ("(" * 50_000, "nested more than 100 levels"),
        (r"a\Kb", "bad escape"),
        ("(*UTF8)a", "nothing to repeat"),
    ],
)
def test_what_is_refused(pattern: str, reason: str) -> None:
    with pytest.raises(RegexError, match=re.escape(reason)):
        parse(pattern)


@pytest.mark.parametrize(
    "pattern", ["", "a*", "^$", "(a|)", r"a?\Z", "(?!a)", "(?=a*)", "(?>a*)", r"\B", "(?m)^", r"\z"]
)
def test_what_finds_something_in_the_empty_text(pattern: str) -> None:
    assert matches_empty(parse(pattern))


@pytest.mark.parametrize("pattern", ["a", "a+", "^a", r"\b", "(?=a)", "(?!a*)", "(a|b)", "a{2,}"])
def test_what_finds_nothing_in_the_empty_text(pattern: str) -> None:
    assert not matches_empty(parse(pattern))


def test_what_asks_for_an_end_of_the_text() -> None:
    assert all(anchored(parse(pattern)) for pattern in ("^a", "a$", "(a|^b)", r"x\z", "(?=^a)", "(?:a|b$)*"))
    assert not any(anchored(parse(pattern)) for pattern in ("a", r"\ba", "a.*b", "[^a]"))
