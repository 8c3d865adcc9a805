"""The schema and the official parser, where nothing else has spoken."""

from __future__ import annotations

from tests.rules.conftest import Lint


def test_an_unknown_top_level_key(lint_of: Lint, sound: str) -> None:
    problems = lint_of(sound.replace("license:", "licence:"))
    assert [(problem.code, problem.line) for problem in problems] == [
        ("metadata-missing", 12),
        ("rule-schema", 21),
    ]
    assert problems[1].hint == "did you mean 'license'?"


def test_what_only_the_official_parser_refuses(lint_of: Lint, sound: str) -> None:
    problems = lint_of(sound.replace("license: DRL-1.1", "license: DRL-1.1\ntaxonomy: ''"))
    assert [problem.code for problem in problems] == ["sigma-parser"]


def test_no_second_word_on_a_line_that_has_an_error(lint_of: Lint, sound: str) -> None:
    assert [problem.code for problem in lint_of(sound.replace("date: 2026-08-01", "date: 2026/02/30"))] == [
        "date-invalid"
    ]
