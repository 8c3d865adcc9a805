"""Metadata checks."""

from __future__ import annotations

import pytest

from tests.rules.conftest import Lint


def test_valid_rule_has_no_problem(lint_of: Lint, sound: str) -> None:
    assert lint_of(sound) == []


@pytest.mark.parametrize(
    ("old", "new", "code", "line"),
    [
        ("id: 5f0b8f0e-3c1e-4b0a-9d0f-0a5f6f3b8c11", "id: 5f0b8f0e", "id-invalid", 14),
        ("id: 5f0b8f0e-3c1e-4b0a-9d0f-0a5f6f3b8c11", "id: 5f0b8f0e3c1e4b0a9d0f0a5f6f3b8c11", "id-invalid", 14),
        ("name: probe_burst", "name: Probe-Burst", "name-format", 13),
        ("title: Fifty calls to one model in an hour", "title: Calls", "title-length", 12),
        ("title: Fifty calls to one model in an hour", "title: Fifty calls in an hour.", "title-length", 12),
        ("title: Fifty calls to one model in an hour", f"title: {'long ' * 30}", "title-length", 12),
        ("description: At least 50", "description: At least 50 calls # At least 50", "description-short", 17),
        ("date: 2026-08-01\n", "date: 2026-02-30\n", "date-invalid", 19),
        ("date: 2026-08-01\n", "date: 2026/08/01\n", "date-invalid", 19),
        ("modified: 2026-09-01", "modified: 2026-07-01", "date-invalid", 20),
        ("https://example.com/model-extraction", "ftp://example.com/x", "reference-invalid", 23),
        ("https://example.com/model-extraction", "own research", "reference-invalid", 23),
        ("Evaluation harnesses that are not on the allow list", "Unknown", "falsepositives-vague", 29),
    ],
)
def test_problems_have_code_and_line(lint_of: Lint, sound: str, old: str, new: str, code: str, line: int) -> None:
    assert old in sound
    problems = lint_of(sound.replace(old, new))
    assert [(problem.code, problem.line) for problem in problems] == [(code, line)]


@pytest.mark.parametrize(
    "key", ["id", "name", "status", "level", "description", "author", "date", "references", "falsepositives", "license"]
)
def test_required_metadata_of_alerting_rules(lint_of: Lint, sound: str, key: str) -> None:
    head, _, tail = sound.partition("---\n")
    lines, dropping = [], False
    for line in tail.splitlines(keepends=True):
        dropping = line.startswith(f"{key}:") or (dropping and line.startswith(" "))
        lines += [] if dropping else [line]
    problems = lint_of(head + "---\n" + "".join(lines))
    assert [(problem.code, problem.line) for problem in problems] == [("metadata-missing", 12)]
    assert key in problems[0].message


def test_ids_and_names_are_unique_over_all_files(lint_of: Lint, sound: str) -> None:
    problems = lint_of(sound, sound)
    codes = [problem.code for problem in problems]
    assert sorted(codes) == ["id-duplicate", "name-duplicate", "name-duplicate"]
    assert all(problem.file and problem.file.endswith("rule1.yml") for problem in problems)
    assert "rule0.yml:14" in problems[0].message
