"""The whole of `check`: order, no repetition, and the sound rule without a word."""

from __future__ import annotations

import shutil
from pathlib import Path

from sigmagen.bundled import mappings_folder
from sigmagen.cli.check import run_check


def test_valid_rule_has_no_problem(files: Path, mappings: Path) -> None:
    assert run_check([files / "valid"], files, mappings) == []


def test_unknown_field_has_location_and_suggestions(files: Path, mappings: Path) -> None:
    path = files / "faults" / "unknown_field.yml"
    found = [problem for problem in run_check([path], files, mappings) if problem.code == "unknown-field"]
    assert [(problem.file, problem.line) for problem in found] == [(str(path), 6), (str(path), 16)]
    assert found[0].hint == "nearest: gen_ai.request.model"
    assert "account.payment.hash" in found[1].message


def test_broken_file_is_linted_without_duplicate_problems(files: Path, mappings: Path) -> None:
    path = files / "faults" / "several_problems.yml"
    problems = run_check([path], files, mappings)
    codes = [problem.code for problem in problems]
    assert {"unknown-modifier", "unknown-rule", "condition-range", "metadata-missing", "test-missing"} <= set(codes)
    assert codes.count("unknown-key") == 1
    places = [(problem.line, problem.code) for problem in problems if problem.code == "rule-schema"]
    assert not places
    assert problems == sorted(problems, key=lambda item: (item.line or 0, item.column or 0, item.code))


def test_problems_come_in_order_of_files_and_lines(files: Path, mappings: Path) -> None:
    problems = run_check([files / "faults"], files, mappings)
    order = [(problem.file or "", problem.line or 0) for problem in problems]
    assert order == sorted(order)
    assert len(set(problems)) == len(problems)


def test_a_test_file_s_problems_are_found(tmp_path: Path, files: Path, mappings: Path) -> None:
    shutil.copytree(files / "valid", tmp_path / "rules")
    test = tmp_path / "rules" / "probe.test.yml"
    test.write_text(test.read_text(encoding="utf-8").replace("kind: miss", "kind: missed"), encoding="utf-8")
    (problem,) = run_check(None, tmp_path / "rules", mappings)
    assert (problem.code, problem.file) == ("test-schema", str(test))


def test_check_works_with_empty_mappings_folder(files: Path, tmp_path: Path) -> None:
    codes = [problem.code for problem in run_check([files / "valid"], files, tmp_path)]
    # The allow list is gone, so the rule can't be loaded; the data files are named once each.
    assert codes.count("unknown-placeholder") == 1
    assert codes.count("data-absent") == 4


def test_the_built_in_allow_lists_can_be_read() -> None:
    from sigmagen.rules.placeholders import load_allow_lists

    lists, problems = load_allow_lists(mappings_folder())
    assert not problems
    assert set(lists) >= {"ai_service_principals", "shared_egress_addresses"}
