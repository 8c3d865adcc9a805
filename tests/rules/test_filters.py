"""Sigma filters: what is kept apart from the rules, and joined to them."""

from __future__ import annotations

from pathlib import Path

import pytest

from sigmagen.bundled import mappings_folder
from sigmagen.rules.load import LoadedRules, load_rules
from sigmagen.rules.model import BaseRule
from tests import oracle

RULES = """title: Answered
name: answered
id: 11111111-1111-4111-8111-111111111111
logsource: {category: ai_inference}
detection: {selection: {event.outcome: success}, condition: selection}
---
title: Refused
name: refused
logsource: {category: ai_inference}
detection: {selection: {event.outcome: failure}, condition: selection}
---
title: Trail
name: trail
logsource: {product: aws, service: cloudtrail}
detection: {selection: {eventName: InvokeModel}, condition: selection}
"""
FILTER = """title: Our batch service
logsource: {category: ai_inference}
filter:
  rules: any
  selection: {user.id: svc-batch}
  condition: not selection
"""


def load(folder: Path, filter_text: str) -> LoadedRules:
    (folder / "rules.yml").write_text(RULES)
    (folder / "filter.yml").write_text(filter_text)
    return load_rules([folder], rules_folder=folder, mappings_folder=mappings_folder())


def matching(loaded: LoadedRules, **fields: str) -> set[str]:
    """The rules that match an event of these fields."""
    event = {key.replace("_", "."): value for key, value in fields.items()}
    rules = [rule for file in loaded.files for rule in file.documents if isinstance(rule, BaseRule)]
    return {rule.name for rule in rules if oracle.matches(rule, event)}


def test_filter_for_any_applies_to_all_rules_of_log_source(tmp_path: Path) -> None:
    loaded = load(tmp_path, FILTER)
    assert not loaded.problems
    assert [file.path.name for file in loaded.files] == ["rules.yml"]
    assert matching(loaded, event_outcome="success", user_id="ann") == {"answered"}
    assert matching(loaded, event_outcome="success", user_id="svc-batch") == set()
    assert matching(loaded, event_outcome="failure", user_id="svc-batch") == set()
    assert matching(loaded, eventName="InvokeModel", user_id="svc-batch") == {"trail"}


@pytest.mark.parametrize("reference", ["answered", "11111111-1111-4111-8111-111111111111"])
def test_filter_for_rule_applies_to_that_rule(tmp_path: Path, reference: str) -> None:
    loaded = load(tmp_path, FILTER.replace("any", f"[{reference}]"))
    assert matching(loaded, event_outcome="success", user_id="svc-batch") == set()
    assert matching(loaded, event_outcome="failure", user_id="svc-batch") == {"refused"}


def test_several_filters_are_combined(tmp_path: Path) -> None:
    loaded = load(tmp_path, f"{FILTER}---\n{FILTER.replace('svc-batch', 'svc-test')}")
    for service in ("svc-batch", "svc-test"):
        assert matching(loaded, event_outcome="success", user_id=service) == set()
    assert matching(loaded, event_outcome="success", user_id="ann") == {"answered"}


def test_unused_filter_is_reported(tmp_path: Path) -> None:
    loaded = load(tmp_path, FILTER.replace("any", "[somebody]"))
    assert [(found.code, found.severity, found.line) for found in loaded.problems] == [("filter-unused", "warning", 3)]
    assert matching(loaded, event_outcome="success", user_id="svc-batch") == {"answered"}


@pytest.mark.parametrize(
    ("old", "new", "code", "line"),
    [
        ("title: Our batch service\n", "", "missing-key", 1),
        ("rules: any", "rules: []", "wrong-type", 4),
        ("rules: any", "rules: {a: b}", "wrong-type", 4),
        ("  condition: not selection\n", "", "missing-key", 3),
        ("condition: not selection", "condition: not nothing", "invalid-condition", 6),
        ("logsource: {category: ai_inference}\n", "", "missing-key", 1),
        ("user.id:", "user.id|contain:", "unknown-modifier", 5),
    ],
)
def test_problems_have_code_and_line(tmp_path: Path, old: str, new: str, code: str, line: int) -> None:
    loaded = load(tmp_path, FILTER.replace(old, new))
    assert (code, line) in [(found.code, found.line) for found in loaded.problems]
