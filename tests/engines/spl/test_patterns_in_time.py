"""Patterns that would take longer than anybody waits."""

from __future__ import annotations

import pytest

from sigmagen.engines.errors import NotRunError
from sigmagen.engines.spl import regex
from sigmagen.engines.spl.regex import compiled, like, limit_time, wildcard
from tests.spl import evaluated

SLOW = "^(a|aa)+$"
TEXT = "a" * 200 + "b"


def test_pattern_exceeding_time_limit_is_named() -> None:
    with limit_time(0.01), pytest.raises(NotRunError, match="takes too long on this text") as error:
        compiled(SLOW).search(TEXT)
    assert SLOW in error.value.reason


@pytest.mark.parametrize(
    "expression", [f'if(match(v, "{SLOW}"), "y", "n")', f'replace(v, "{SLOW}", "")', f'mvfind(v, "{SLOW}")']
)
def test_every_function_with_a_pattern_has_the_limit(expression: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regex, "SECONDS", 0.01)
    with pytest.raises(NotRunError):
        evaluated(expression, v=TEXT)


def test_all_patterns_of_a_search_share_one_limit() -> None:
    with limit_time(0):
        for _ in range(3):
            with pytest.raises(NotRunError):
                compiled(SLOW).search(TEXT)


def test_wildcards_need_no_limit() -> None:
    """Fifty of them among five thousand letters: backtracking would not end."""
    text = "a" * 5_000
    assert wildcard("*a" * 50 + "b", ignore_case=True).fullmatch(text) is None
    assert wildcard("*a" * 50, ignore_case=True).fullmatch(text)
    assert like("%a_" * 50 + "b").fullmatch(text) is None
    assert like("a%_a%a").fullmatch(text)
    assert like("%a%b%").fullmatch("xbaxbx")
    assert like("a%ab%b").fullmatch("aabxb")


def test_brace_is_literal() -> None:
    assert compiled("(?:foo){e<=1}").search("fo") is None
    assert compiled("(?:foo){e<=1}").search("foo{e<=1}")
