"""`sigmagen check` as it is called; what it finds is tested beside the linter."""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import fields
from pathlib import Path

import pytest

from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.cli.check import exit_code
from sigmagen.problems import Problem
from tests.cli.conftest import Run

RULE = rules_folder() / "volume" / "call_count.yml"


def test_the_built_in_rules_are_clean(run: Run) -> None:
    result = run("check", "--strict")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "all clean\n")


def test_findings_are_on_standard_output_and_summary_is_not(run: Run, tmp_path: Path) -> None:
    shutil.copy(RULE, tmp_path / "rule.yml")
    result = run("check", tmp_path)
    assert result.exit_code == 1
    assert result.stdout.startswith(f"{tmp_path / 'rule.yml'}: error[test-missing]: the rule has no test file\n")
    assert result.stderr == "1 error\n"


def test_json_is_a_list_of_problems(run: Run, tmp_path: Path) -> None:
    shutil.copy(RULE, tmp_path / "rule.yml")
    result = run("check", tmp_path, "--json")
    (problem,) = json.loads(result.stdout)
    assert list(problem) == [field.name for field in fields(Problem)]
    assert (problem["code"], problem["file"]) == ("test-missing", str(tmp_path / "rule.yml"))
    assert (result.exit_code, result.stderr) == (1, "")


FOREIGN = """\
title: Encoded PowerShell command
id: 5f1b1f0e-8a54-4f5e-9a51-0f5f0f9f7a11
status: test
description: Detects an encoded command.
author: Jane Doe (Example Ltd)
date: 2026-01-02
references: [Internal research]
tags: [attack.execution, attack.t1059.001, attack.t1998]
logsource: {product: windows, category: process_creation}
detection: {selection: {CommandLine|contains: ' -enc '}, condition: selection}
falsepositives: [Unknown]
level: high
simulation: {type: atomic}
"""


def test_profile_sigma_has_no_conventions_of_this_project(run: Run, tmp_path: Path) -> None:
    (tmp_path / "rule.yml").write_text(FOREIGN)
    found = json.loads(run("check", tmp_path, "--profile", "sigma", "--json").stdout)
    assert [(problem["code"], problem["severity"]) for problem in found] == [
        ("framework-unknown-id", "info"),
        ("rule-unknown-key", "info"),
    ]
    assert run("check", tmp_path, "--profile", "sigma", "--strict").exit_code == 0
    assert run("check", tmp_path).exit_code == 1


def test_profile_sigma_still_finds_errors_of_a_rule(run: Run, tmp_path: Path) -> None:
    (tmp_path / "rule.yml").write_text(FOREIGN.replace("selection}", "selektion}").replace("-01-02", "-13-02"))
    result = run("check", tmp_path, "--profile", "sigma")
    assert result.exit_code == 2
    assert "error[invalid-condition]" in result.stdout
    assert "error[date-invalid]" in result.stdout


def test_json_without_problems_is_an_empty_list(run: Run) -> None:
    assert json.loads(run("check", RULE, "--json").stdout) == []


@pytest.mark.parametrize(
    ("code", "severity", "strict", "expected"),
    [
        ("yaml-syntax", "error", False, 2),
        ("no-such-code", "error", False, 2),
        ("unknown-field", "error", False, 1),
        ("title-length", "warning", False, 0),
        ("title-length", "warning", True, 1),
        ("title-length", "info", True, 0),
    ],
)
def test_exit_code_follows_most_severe_problem(code: str, severity: str, strict: bool, expected: int) -> None:
    problem = Problem(code, "message", severity)  # type: ignore[arg-type]
    assert exit_code([problem], mappings_folder(), strict=strict) == expected
    assert exit_code([], mappings_folder(), strict=strict) == 0


def test_a_broken_mapping_is_found(run: Run, tmp_path: Path) -> None:
    mappings = tmp_path / "mappings"
    shutil.copytree(mappings_folder(), mappings)
    (mappings / "sources" / "litellm.yml").write_text("title: [LiteLLM\n")
    result = run("check", RULE, "--mappings", mappings)
    assert result.exit_code == 2
    assert f"{mappings / 'sources' / 'litellm.yml'}:2:1: error[yaml-syntax]" in result.stdout


def test_applied_filter_is_checked(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "filter.yml"
    path.write_text("title: Broken\nlogsource: {category: ai_inference}\nfilter: 3\n")
    result = run("check", RULE, "--filters", path)
    assert result.exit_code == 2
    assert f"{path}:3" in result.stdout
    path.write_text(
        "title: Ours\nlogsource: {category: ai_inference}\n"
        "filter: {rules: any, selection: {user.id: us}, condition: not selection}\n"
    )
    assert run("check", RULE, "--filters", path).exit_code == 0


def test_a_rule_can_t_write_to_the_terminal(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "rule.yml"
    path.write_text(RULE.read_text().replace("group-by", '"group\\e[2J\\u202eby"'))
    result = run("check", path)
    assert result.exit_code == 2
    assert "\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}by" in result.stdout
    assert not {"\x1b", "\u202e"} & set(result.stdout)


def test_pipe_is_not_opened(run: Run, tmp_path: Path) -> None:
    mappings = tmp_path / "mappings"
    shutil.copytree(mappings_folder(), mappings)
    os.mkfifo(mappings / "sources" / "pipe.yml")
    result = run("check", "--mappings", mappings)
    assert f"{mappings / 'sources' / 'pipe.yml'}: warning[not-a-file]: skipped: a pipe, not a file" in result.stdout
    shutil.copy(RULE, tmp_path / "rule.yml")
    os.mkfifo(tmp_path / "rule.test.yml")
    assert "test-missing" in run("check", tmp_path / "rule.yml").stdout
    assert run("test", tmp_path / "rule.yml").exit_code == 2


def test_a_rule_s_name_that_is_not_utf8_can_be_printed(run: Run, tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.yml"))
    path.write_text("title: x\n")
    assert run("check", str(path)).exit_code == 2
    assert json.loads(run("check", str(path), "--json").stdout)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A rules folder with two rules and their tests."""
    root = tmp_path / "rules"
    (root / "volume").mkdir(parents=True)
    for stem in ("call_count", "output_token_sum"):
        for name in (f"{stem}.yml", f"{stem}.test.yml"):
            shutil.copy(RULE.with_name(name), root / "volume" / name)
    return root


@pytest.mark.parametrize("stem", ["call_count", "output_token_sum"])
def test_one_file_has_the_problems_that_a_full_check_finds_in_it(run: Run, folder: Path, stem: str) -> None:
    """Whichever of two rules with one id and one name is checked, the other is named."""
    first, second = (folder / "volume" / f"{name}.yml" for name in ("call_count", "output_token_sum"))
    first_id = re.findall(r"^id: (\S+)", first.read_text(), re.MULTILINE)[-1]
    second_id = re.findall(r"^id: (\S+)", second.read_text(), re.MULTILINE)[-1]
    second.write_text(second.read_text().replace(second_id, first_id))
    checked, other = (first, second) if stem == "call_count" else (second, first)
    (problem,) = json.loads(run("check", checked, "--rules", folder, "--json").stdout)
    assert (problem["code"], problem["file"]) == ("id-duplicate", str(checked))
    assert f"is also used in {other}:" in problem["message"]
    assert len(json.loads(run("check", "--rules", folder, "--json").stdout)) == 1


def test_a_reference_to_another_file_of_the_rules_folder_is_found(run: Run, folder: Path) -> None:
    path = folder / "volume" / "call_count.yml"
    base, _, correlation = path.read_text().partition("\n---\n")
    path.write_text(correlation)
    path.with_name("base.yml").write_text(base)
    problems = json.loads(run("check", path, "--rules", folder, "--json").stdout)
    assert "unknown-rule" not in {problem["code"] for problem in problems}
    assert {problem["file"] for problem in problems} <= {str(path), str(path.with_name("call_count.test.yml"))}
    outside = folder.parent / "elsewhere"
    outside.mkdir()
    shutil.copy(path, outside)
    assert "unknown-rule" in run("check", outside / path.name, "--rules", folder).stdout
