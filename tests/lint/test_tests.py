"""Checks of test files against their rules."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sigmagen.lint import lint
from sigmagen.problems import Problem
from sigmagen.rules.load import load_rules


def check(folder: Path, mappings: Path) -> list[Problem]:
    loaded = load_rules([folder], rules_folder=folder, mappings_folder=mappings)
    assert not loaded.problems
    return lint(loaded, mappings_folder=mappings)


@pytest.fixture
def folder(tmp_path: Path, files: Path) -> Path:
    """A copy of the sound rule with its test."""
    return Path(shutil.copytree(files / "valid", tmp_path / "rules"))


@pytest.mark.parametrize(
    ("old", "new", "code", "line"),
    [
        ("rule: probe_burst", "rule: probe_call", "test-rule-unknown", 2),
        ("kind: miss", "kind: benign", "test-kind-missing", 4),
        ("{user.id: partner-07, gen_ai", "{user.name: partner-07, gen_ai", "test-group-mismatch", 13),
        (
            "{user.id: partner-07, gen_ai.request.model: gpt-4o-mini}",
            "{user.id: partner-07}",
            "test-group-mismatch",
            13,
        ),
        ("sources: [cloudtrail]", "sources: [cloudtrial]", "test-source-unknown", 18),
        ("after: 50", "after: 500", "test-after", 14),
    ],
)
def test_problems_have_code_and_line(folder: Path, mappings: Path, old: str, new: str, code: str, line: int) -> None:
    path = folder / "probe.test.yml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    assert [(found.code, found.line, found.file) for found in check(folder, mappings)] == [(code, line, str(path))]


def test_a_rule_without_a_test_file(folder: Path, mappings: Path) -> None:
    (folder / "probe.test.yml").unlink()
    (problem,) = check(folder, mappings)
    assert (problem.code, problem.file) == ("test-missing", str(folder / "probe.yml"))


def test_a_test_file_without_a_rule(folder: Path, mappings: Path) -> None:
    shutil.copy(folder / "probe.test.yml", folder / "prob.test.yml")
    (problem,) = check(folder, mappings)
    assert (problem.code, problem.file) == ("test-orphan", str(folder / "prob.test.yml"))
