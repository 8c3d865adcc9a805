"""Numbers in descriptions."""

from __future__ import annotations

import pytest

from sigmagen.durations import DAY, HOUR, MINUTE, SECOND
from sigmagen.lint.prose import find_counts, find_timespans
from tests.rules.conftest import Lint

OWN = "At least 50 calls of one principal to one model within an hour, services aside."
NOUNS = ("calls?", "prompts?", "tokens?")


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("in 24 hours", {DAY}),
        ("within an hour", {HOUR}),
        ("over the last 7 days", {7 * DAY}),
        ("in ten minutes", {10 * MINUTE}),
        ("inside one 15-minute window", set()),
        ("inside 15-minute windows, and in 70 seconds", {15 * MINUTE, 70 * SECOND}),
        ("25 calls a day over 25,000 accounts", set()),
        ("in 2026, within hours", set()),
    ],
)
def test_spans_of_time(text: str, spans: set[int]) -> None:
    assert find_timespans(text) == spans


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("50 calls", {50}),
        ("10,000 or more successful calls", {10_000}),
        ("5 million output tokens", {5_000_000}),
        ("1.5k distinct prompts", {1_500}),
        ("50\nor more calls", {50}),
        ("version 1.2 of the calls", set()),
        ("in 24 hours calls", set()),
        ("GPT-4 calls, $5 calls", set()),
        ("500, and calls", set()),
    ],
)
def test_counts(text: str, counts: set[float]) -> None:
    assert find_counts(text, NOUNS) == counts


@pytest.mark.parametrize(
    ("description", "codes"),
    [
        ("More than 49 calls within 60 minutes, by whoever is not on the allow list.", []),
        ("A campaign of 25,000 calls in 24 hours would need 50 calls in an hour from one account.", []),
        ("This finds attackers by how often they call one model, whatever they ask it.", []),
        ("At least 500 calls of one principal to one model within an hour, services aside.", ["prose-threshold"]),
        ("At least 50 calls of one principal to one model within 24 hours, services aside.", ["prose-timespan"]),
        ("At least 60 calls of one principal within 2 hours, services aside.", ["prose-threshold", "prose-timespan"]),
    ],
)
def test_descriptions_against_the_rule(lint_of: Lint, sound: str, description: str, codes: list[str]) -> None:
    assert OWN in sound
    problems = lint_of(sound.replace(OWN, description))
    assert sorted(problem.code for problem in problems) == codes
    assert all(problem.line == 17 for problem in problems)
