"""Conditions of a detection as text."""

from __future__ import annotations

from typing import Any

import pytest
from sigma.conditions import ConditionAND, ConditionNOT, ConditionOR
from sigma.rule import SigmaDetections

from sigmagen.rules.condition_text import ConditionError, parse_condition

NAMES = ("sel_a", "sel_b", "filter_a", "_own", "or", "sel-c")


def shape(node: Any) -> Any:
    words = {ConditionAND: "and", ConditionOR: "or", ConditionNOT: "not"}
    if type(node) in words:
        return (words[type(node)], *map(shape, node.args))
    return node.field


def parsed(text: str, names: tuple[str, ...] = NAMES) -> Any:
    detections = SigmaDetections.from_dict({**{name: {name: 1} for name in names}, "condition": "x"})
    return shape(parse_condition(text, detections, dict.fromkeys(names, 1)))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("sel_a", "sel_a"),
        ("sel_a and sel_b or filter_a", ("or", ("and", "sel_a", "sel_b"), "filter_a")),
        ("sel_a AND NOT (sel_b Or filter_a)", ("and", "sel_a", ("not", ("or", "sel_b", "filter_a")))),
        ("not not sel-c", ("not", ("not", "sel-c"))),
        ("1 of sel_*", ("or", "sel_a", "sel_b")),
        ("any OF sel_*", ("or", "sel_a", "sel_b")),
        ("all of *a", ("and", "sel_a", "filter_a")),
        ("all of sel*a", "sel_a"),
        ("1 of sel_a", "sel_a"),
        ("1 of _*", "_own"),
        ("all of them", ("and", "sel_a", "sel_b", "filter_a", "or", "sel-c")),
        # A selection may be called like a word of the grammar.
        ("sel_a and or", ("and", "sel_a", "or")),
    ],
)
def test_what_conditions_mean(text: str, wanted: Any) -> None:
    assert parsed(text) == wanted


@pytest.mark.parametrize(
    ("text", "reason", "hint"),
    [
        ("sel_a sel_b", "the end of the condition is expected at character 7, not 'sel_b'", None),
        ("sel_a and", "a selection is missing at the end", None),
        ("(sel_a", "')' is missing at the end", None),
        ("sel_a & sel_b", "not '&'", None),
        ("sel_x", "unknown selection 'sel_x'", "nearest: sel_"),
        ("2 of sel_*", "'2 of' is not supported", "available: 1 of, any of, all of"),
        ("1 of filter_x*", "no selection matches 'filter_x*'", "selections: sel_a"),
        ("sel_a | count() > 5", "aggregations", "correlation"),
        ("not " * 70 + "sel_a", "more than 64 levels", None),
    ],
)
def test_errors_have_hints(text: str, reason: str, hint: str | None) -> None:
    with pytest.raises(ConditionError) as error:
        parsed(text)
    assert reason in str(error.value)
    assert (hint or "") in (error.value.hint or "")


def test_pattern_with_many_wildcards_is_linear() -> None:
    """Backtracking would try every way to put fifty letters among two thousand."""
    with pytest.raises(ConditionError):
        parsed("1 of " + 50 * "*a" + "b", ("a" * 2_000,))
    assert parsed("1 of " + 50 * "*a", ("a" * 2_000,)) == "a" * 2_000
