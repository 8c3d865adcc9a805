"""Text from rules and logs, made harmless."""

from __future__ import annotations

import doctest
import unicodedata

import pytest

from sigmagen import display as text
from sigmagen.display import draw_sparkline, format_comment, format_count, sanitize, shorten


def test_docstring_examples() -> None:
    found = doctest.testmod(text)
    assert found.attempted >= 5
    assert found.failed == 0


def test_control_and_direction_characters_are_replaced() -> None:
    everything = "".join(map(chr, [*range(0x3000), 0xFEFF]))
    left = sanitize(everything)
    assert not [character for character in left if unicodedata.category(character) in ("Cc", "Zl", "Zp")]
    directions = {"RLO", "LRO", "RLE", "LRE", "PDF", "LRI", "RLI", "FSI", "PDI"}
    assert not [character for character in left if unicodedata.bidirectional(character) in directions]
    assert len(left) == len(everything)


def test_letters_of_any_script_are_kept() -> None:
    assert sanitize("José Ωμέγα 日本語 עברית 🙂") == "José Ωμέγα 日本語 עברית 🙂"


@pytest.mark.parametrize("hostile", ["a\n| delete", "a\r\n``` | delete", "a\u2028b", "```", "a\x00b", "// */ --"])
def test_a_comment_stays_one_line_without_backticks(hostile: str) -> None:
    made = format_comment(hostile)
    assert len(made.splitlines()) <= 1
    assert "`" not in made


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.1 + 0.2, "0.3"), (True, "True"), (None, "None"), ("AB" * 32, "AB" * 32), ("x" * 201, "x" * 200 + "…")],
)
def test_values_are_shortened(value: object, expected: str) -> None:
    assert shorten(value) == expected


def test_irregular_plural() -> None:
    assert (format_count(1, "query", "queries"), format_count(2, "query", "queries")) == ("1 query", "2 queries")


@pytest.mark.parametrize(("counts", "bars"), [([], ""), ([0, 0], "··"), ([1, 1000], "▁█"), ([3], "█")])
def test_bars_distinguish_one_event_from_none(counts: list[int], bars: str) -> None:
    assert draw_sparkline(counts) == bars


def test_many_counts_are_summed_into_few_bars() -> None:
    assert draw_sparkline([1] * 100, 10) == "█" * 10
    assert len(draw_sparkline([1] * 101, 10)) <= 10
