"""The schema and the official parser, where nothing else has spoken."""

from __future__ import annotations

from tests.rules.conftest import Lint


def test_an_unknown_top_level_key(lint_of: Lint, sound: str) -> None:
    problems = lint_of(sound.replace("license:", "licence:"))
    assert [(problem.code, problem.line) for problem in problems] == [
        ("metadata-missing", 12),
        ("rule-unknown-key", 21),
    ]
    assert problems[1].hint == "did you mean 'license'?"


def test_problem_found_only_by_pysigma(lint_of: Lint, sound: str) -> None:
    problems = lint_of(sound.replace("license: DRL-1.1", "license: DRL-1.1\ntaxonomy: ''"))
    assert [problem.code for problem in problems] == ["sigma-parser"]


def test_line_with_error_has_no_schema_problem(lint_of: Lint, sound: str) -> None:
    assert [problem.code for problem in lint_of(sound.replace("date: 2026-08-01", "date: 2026/02/30"))] == [
        "date-invalid"
    ]
