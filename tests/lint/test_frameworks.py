"""Checks of framework ids."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rules.conftest import Lint


@pytest.mark.parametrize(
    ("old", "new", "code", "line"),
    [
        ("[AML.T0024.002]", "[AML.T0024.009]", "framework-unknown-id", 26),
        ('["LLM06:2026"]', '["LLM06:2025"]', "framework-unknown-id", 27),
        ("attack.t1496.004", "attack.t9999", "framework-unknown-id", 24),
        ("attack.impact", "atlas.aml.t0024.002", "tag-namespace", 24),
        ("  atlas: [AML.T0024.002]\n", "", "framework-missing", 25),
    ],
)
def test_problems_have_code_and_line(lint_of: Lint, sound: str, old: str, new: str, code: str, line: int) -> None:
    assert old in sound
    problems = lint_of(sound.replace(old, new))
    assert [(problem.code, problem.line) for problem in problems] == [(code, line)]


def test_similar_ids_are_suggested(lint_of: Lint, sound: str) -> None:
    (problem,) = lint_of(sound.replace("[AML.T0024.002]", "[AML.T0024.009]"))
    assert problem.hint
    assert "AML.T0024.002 Extract AI Model" in problem.hint


def test_an_unknown_framework(lint_of: Lint, sound: str) -> None:
    problems = lint_of(sound.replace("owasp_llm:", "owasp:"))
    assert [(problem.code, problem.line) for problem in problems] == [("framework-unknown-name", 27)]


def test_missing_framework_file_is_one_warning(lint_of: Lint, sound: str, tmp_path: Path, mappings: Path) -> None:
    bare = tmp_path.parent / f"{tmp_path.name}-mappings"
    bare.mkdir()
    for name in ("allow-lists.yml", "taxonomy.yml"):
        (bare / name).write_text((mappings / name).read_text(encoding="utf-8"), encoding="utf-8")
    second = sound.replace("probe_", "second_").replace("5f0b", "6f0b")
    problems = lint_of(sound, second, mappings_folder=bare)
    assert [problem.code for problem in problems] == ["data-absent"] * 3
    assert {problem.severity for problem in problems} == {"warning"}
