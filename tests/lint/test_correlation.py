"""Checks of windows, groups and thresholds."""

from __future__ import annotations

import pytest

from tests.rules.conftest import Lint

QUIET = (
    "description: At least 50 calls of one principal to one model within an hour",
    "description: Calls of one principal to one model",
)


@pytest.mark.parametrize(
    ("old", "new", "code", "line"),
    [
        ("timespan: 1h", "timespan: 30s", "timespan-short", 34),
        ("timespan: 1h", "timespan: 1M", "timespan-long", 34),
        ("  group-by: [user.id, gen_ai.request.model]\n", "", "group-by-missing", 30),
        ("{gte: 50}", "{gte: 50, field: user.id}", "condition-field-unused", 35),
        ("{gte: 50}", "{gte: 1}", "threshold-trivial", 35),
        ("{gte: 50}", "{gt: 0}", "threshold-trivial", 35),
        ("{gte: 50}", "{lt: 5}", "threshold-absence", 35),
        ("{gte: 50}", "{eq: 0}", "threshold-absence", 35),
    ],
)
def test_problems_have_code_and_line(lint_of: Lint, sound: str, old: str, new: str, code: str, line: int) -> None:
    assert old in sound
    problems = lint_of(sound.replace(*QUIET).replace(old, new))
    assert [(problem.code, problem.line) for problem in problems] == [(code, line)]


@pytest.mark.parametrize("condition", ["{gte: 2}", "{gt: 1}", "{lt: 0}", "{eq: 5}"])
def test_sensible_thresholds(lint_of: Lint, sound: str, condition: str) -> None:
    assert not lint_of(sound.replace(*QUIET).replace("{gte: 50}", condition))


def test_counted_field_in_group_by(lint_of: Lint, sound: str) -> None:
    text = sound.replace(*QUIET).replace("event_count", "value_count")
    problems = lint_of(text.replace("{gte: 50}", "{gte: 50, field: user.id}"))
    assert [(problem.code, problem.line) for problem in problems] == [("grouped-field-counted", 35)]
    assert not lint_of(text.replace("{gte: 50}", "{gte: 50, field: gen_ai.prompt.hash}"))


def test_a_temporal_correlation_of_one_rule(lint_of: Lint, sound: str) -> None:
    text = sound.replace(*QUIET).replace("event_count", "temporal").replace("  condition: {gte: 50}\n", "")
    assert [(problem.code, problem.line) for problem in lint_of(text)] == [("temporal-one-rule", 32)]


def test_a_field_in_the_condition_of_a_temporal_correlation_is_unused(lint_of: Lint, sound: str) -> None:
    text = sound.replace(*QUIET).replace("event_count", "temporal").replace("{gte: 50}", "{gte: 1, field: user.id}")
    problems = {problem.code: problem for problem in lint_of(text)}
    assert problems["condition-field-unused"].line == 35
    assert problems["condition-field-unused"].hint is None
