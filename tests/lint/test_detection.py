"""Checks of selections and placeholders."""

from __future__ import annotations

import pytest

from tests.rules.conftest import Lint


@pytest.mark.parametrize(
    ("condition", "unused"),
    [
        ("selection and not 1 of filter_*", []),
        ("selection", ["filter_services"]),
        ("1 of them", []),
        ("all of filter_*", ["selection"]),
        ("[selection, filter_services]", []),
    ],
)
def test_unused_selections(lint_of: Lint, sound: str, condition: str, unused: list[str]) -> None:
    problems = lint_of(sound.replace("selection and not 1 of filter_*", condition), prefix="selection-unused")
    assert [problem.message.partition(" use ")[2].strip("'") for problem in problems] == unused


def test_placeholder_without_expand(lint_of: Lint, sound: str) -> None:
    problems = lint_of(sound.replace("user.id|expand:", "user.id:"))
    assert [(problem.code, problem.line) for problem in problems] == [("placeholder-without-expand", 9)]
    assert not lint_of(sound.replace("event.outcome: success", 'event.outcome: "%temp%"'))
