"""Mutations of rules: a case guards every condition of the built-in rules, and a gap in a test file is found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.convert.converter import Converter
from sigmagen.proof.mutations import MutationResult, mutations, run_mutations
from sigmagen.rules.load import find_rule_files, load_rules
from sigmagen.rules.testfile import get_test_path
from sigmagen.rules.yaml import load_documents

CONVERTER = Converter.load(mappings_folder())
RULES = sorted(find_rule_files([rules_folder()])[0])
CALL_COUNT = rules_folder() / "volume" / "call_count.yml"


def results(path: Path, sources: Sequence[str] | None = None) -> list[MutationResult]:
    loaded = load_rules([path], rules_folder=path.parent, mappings_folder=mappings_folder())
    assert loaded.files, [str(problem) for problem in loaded.problems]
    return list(run_mutations(CONVERTER, loaded.files, sources))


@pytest.mark.parametrize("path", RULES, ids=[path.stem for path in RULES])
def test_every_condition_of_a_rule_is_guarded_by_a_case(path: Path) -> None:
    found = results(path)
    assert len(found) >= 6
    assert not [f"{result.line}: no case fails when {result.change}" for result in found if result.status != "killed"]


def test_a_condition_without_a_case_is_found_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / CALL_COUNT.name
    path.write_text(CALL_COUNT.read_text())
    test = yaml.safe_load(get_test_path(CALL_COUNT).read_text())
    kept = ("five hundred calls in forty-five minutes", "a retry storm")
    cases = [case for case in test["cases"] if case["name"] in kept]
    get_test_path(path).write_text(yaml.safe_dump({**test, "cases": cases}))
    lines = path.read_text().splitlines()
    survivors = [result for result in results(path, ["canonical", "litellm"]) if result.status == "survived"]
    assert {(result.change, lines[result.line - 1].strip()) for result in survivors} == {
        ("the timespan is 2h", "timespan: 1h"),
        ("the condition has no `not filter_known_service`", "condition: selection and not filter_known_service"),
    }


def test_a_killed_mutation_names_the_case_and_the_source() -> None:
    result = next(result for result in results(CALL_COUNT) if result.change == "the timespan is 2h")
    assert result.as_dict() == {
        "rule": "call_count",
        "file": str(CALL_COUNT),
        "line": result.line,
        "change": "the timespan is 2h",
        "status": "killed",
        "case": "seventy-five minutes instead of forty-five",
        "source": "canonical",
    }


TEMPORAL = """\
title: One
name: one
logsource: {category: ai_inference}
detection: {sel: {user.id: [a, b], gen_ai.usage.output_tokens|gte: 5}, words: [x], condition: sel and words}
---
title: Both
name: both
correlation: {type: temporal_ordered, rules: [one, two], group-by: [user.id, source.ip], timespan: 90m}
---
title: Odd
correlation: {type: 3, rules: one, group-by: x, timespan: [1], condition: often}
---
- not a rule
"""


def test_changes_of_each_kind_and_none_where_a_rule_has_another_form(tmp_path: Path) -> None:
    path = tmp_path / "rule.yml"
    path.write_text(TEMPORAL)
    found = [(item.rule, item.change, item.line) for item in mutations(load_documents(path))]
    assert found == [
        ("one", "the condition has no `words`", 4),
        ("one", "`user.id` is left out of sel", 4),
        ("one", "`user.id` has no 'a'", 4),
        ("one", "`user.id` has no 'b'", 4),
        ("one", "`gen_ai.usage.output_tokens|gte` is left out of sel", 4),
        ("one", "`gen_ai.usage.output_tokens|gte` is 4", 4),
        ("one", "`gen_ai.usage.output_tokens|gte` is 6", 4),
        ("both", "the timespan is 45m", 8),
        ("both", "the timespan is 180m", 8),
        ("both", "it is not grouped by `user.id`", 8),
        ("both", "it is not grouped by `source.ip`", 8),
        ("both", "`one` is left out", 8),
        ("both", "`two` is left out", 8),
        ("both", "the order is two, one", 8),
    ]
