"""Base rules."""

from __future__ import annotations

import pytest
from sigma.conditions import ConditionOR

from sigmagen.rules.model import BaseRule, LogSource
from tests.rules.conftest import Load

RULE = """title: A rule for tests
name: base
id: 0A1B2C3D-0000-4000-8000-000000000001
logsource: {category: ai_inference, definition: any gateway}
detection:
  selection:
    event.outcome: success
    gen_ai.usage.output_tokens|gte: 500
  condition: selection
"""


def test_a_base_rule_as_loaded(load: Load) -> None:
    rule = load(RULE).files[0].documents[0]
    assert isinstance(rule, BaseRule)
    assert (rule.name, rule.title, rule.line) == ("base", "A rule for tests", 1)
    assert rule.logsource == LogSource("ai_inference", None, None)
    assert rule.detections == {"selection": {"event.outcome": "success", "gen_ai.usage.output_tokens|gte": 500}}
    assert len(getattr(rule.condition, "args", [])) == 2
    assert str(rule.logsource) == "category=ai_inference"


def test_without_a_name_the_id_or_the_title_stands_for_it(load: Load) -> None:
    unnamed = RULE.replace("name: base\n", "")
    assert load(unnamed).files[0].documents[0].name == "0A1B2C3D-0000-4000-8000-000000000001"
    nameless = "\n".join(line for line in unnamed.splitlines() if not line.startswith("id:"))
    assert load(nameless).files[0].documents[0].name == "A rule for tests"


def test_several_conditions_are_alternatives(load: Load) -> None:
    loaded = load(RULE.replace("condition: selection", "other: {user.id: x}\n  condition: [selection, other]"))
    rule = loaded.files[0].documents[0]
    assert isinstance(rule, BaseRule)
    assert isinstance(rule.condition, ConditionOR)
    assert all(getattr(arg, "parent", None) is rule.condition for arg in rule.condition.args)


@pytest.mark.parametrize(
    ("old", "new", "code", "line"),
    [
        ("title: A rule for tests\n", "", "missing-key", 1),
        ("title: A rule for tests", "title: 5", "wrong-type", 1),
        ("name: base", "name: [base]", "wrong-type", 2),
        ("{category: ai_inference, definition: any gateway}", "[]", "wrong-type", 4),
        ("{category: ai_inference, definition: any gateway}", "{definition: any}", "missing-key", 4),
        ("{category: ai_inference, definition: any gateway}", "{category: 5}", "wrong-type", 4),
        ("logsource: {category: ai_inference, definition: any gateway}\n", "", "missing-key", 1),
        ("  condition: selection\n", "", "missing-key", 5),
        ("  condition: selection\n", "condition: selection\n", "missing-key", 5),
        ("condition: selection", "condition: 5", "wrong-type", 9),
        ("condition: selection", "condition: []", "wrong-type", 9),
        ("condition: selection", "condition: [selection, nothing]", "invalid-condition", 9),
        ("condition: selection", "condition: selection and", "invalid-condition", 9),
        ("condition: selection", "condition: selection | count() > 5", "invalid-condition", 9),
        ("condition: selection", "condition: 1 of filter_*", "invalid-condition", 9),
        ("|gte: 500", "|gt3: 500", "unknown-modifier", 8),
        ("|gte: 500", "|gte: many", "invalid-detection", 8),
        ("|gte: 500", "|re: '['", "invalid-detection", 8),
        ("|gte: 500", ": {a: b}", "invalid-detection", 8),
        ("|gte: 500", "|contains: [a, [b]]", "invalid-detection", 8),
        ("|gte: 500", "|contains|re: ''", "invalid-detection", 8),
    ],
)
def test_faults_have_a_code_and_a_line(load: Load, old: str, new: str, code: str, line: int) -> None:
    assert old in RULE
    loaded = load(RULE.replace(old, new))
    assert (code, line) in [(problem.code, problem.line) for problem in loaded.problems]
    assert not loaded.files


def test_an_empty_selection_and_one_of_empty_items(load: Load) -> None:
    for empty in ("", "{}", "[]", "[{}]"):
        text = RULE.replace("    event.outcome: success\n    gen_ai.usage.output_tokens|gte: 500\n", "")
        loaded = load(text.replace("selection:\n", f"selection: {empty}\n", 1))
        assert [problem.line for problem in loaded.problems] == [6], empty


def test_a_detection_that_holds_nothing_but_a_condition(load: Load) -> None:
    text = RULE[: RULE.index("  selection:")] + "  condition: selection\n"
    assert [problem.code for problem in load(text).problems] == ["missing-key"]


def test_deep_brackets_in_a_condition_end_in_a_problem(load: Load) -> None:
    deep = "not " * 5_000 + "selection"
    loaded = load(RULE.replace("condition: selection", f"condition: {deep}"))
    assert [problem.code for problem in loaded.problems] == ["invalid-condition"]
