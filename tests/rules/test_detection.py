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


def test_name_defaults_to_id_or_title(load: Load) -> None:
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
        ("|gte: 500", "|re: '(a)?(?(1)b|c)'", "invalid-detection", 8),
        ("|gte: 500", "|re: {b: c}", "invalid-detection", 8),
        ("|gte: 500", "|re: 5", "invalid-detection", 8),
        ("|gte: 500", "|re: 'x{,3}'", "invalid-detection", 8),
        ("|gte: 500", "|re: '[[:upperr:]]'", "invalid-detection", 8),
        ("|gte: 500", "|endswith: []", "invalid-detection", 8),
        ("|gte: 500", "|endswith: .5", "invalid-detection", 8),
        ("|gte: 500", ": []", "invalid-detection", 8),
        ("condition: selection", "condition: 2 of sel*", "invalid-condition", 9),
        ("condition: selection", "condition: selection and not 1 of filter_*", "invalid-condition", 9),
        ("condition: selection", "condition: (selection", "invalid-condition", 9),
        ("condition: selection", "condition: selection)", "invalid-condition", 9),
        ("condition: selection", "condition: all of", "invalid-condition", 9),
        ("name: base", "name: base\nlevel: High", "level-invalid", 3),
        ("name: base", "name: base\nstatus: done", "status-invalid", 3),
        ("name: base", "name: base\nlevel: [high]", "wrong-type", 3),
    ],
)
def test_problems_have_code_and_line(load: Load, old: str, new: str, code: str, line: int) -> None:
    assert old in RULE
    loaded = load(RULE.replace(old, new))
    assert (code, line) in [(problem.code, problem.line) for problem in loaded.problems]
    assert not loaded.files


def test_an_empty_selection_and_one_of_empty_items(load: Load) -> None:
    for empty in ("", "{}", "[]", "[{}]"):
        text = RULE.replace("    event.outcome: success\n    gen_ai.usage.output_tokens|gte: 500\n", "")
        loaded = load(text.replace("selection:\n", f"selection: {empty}\n", 1))
        assert [problem.line for problem in loaded.problems] == [6], empty


def test_detection_without_selections(load: Load) -> None:
    text = RULE[: RULE.index("  selection:")] + "  condition: selection\n"
    assert [problem.code for problem in load(text).problems] == ["missing-key"]


def test_deeply_nested_condition_is_a_problem(load: Load) -> None:
    deep = "not " * 5_000 + "selection"
    loaded = load(RULE.replace("condition: selection", f"condition: {deep}"))
    assert [problem.code for problem in loaded.problems] == ["invalid-condition"]


CONFLICTS = [
    ("cidr|contains", "'192.0.2.0/24'", "'cidr' and 'contains' contradict"),
    ("re|contains", "'a.b'", "'re' and 'contains' contradict"),
    ("gt|contains", "5", "'gt' and 'contains' contradict"),
    ("gt|lte", "5", "'gt' and 'lte' contradict"),
    ("exists|contains", "true", "'exists' and 'contains' contradict"),
    ("contains|endswith", "'a'", "'contains' and 'endswith' contradict"),
    ("wide|utf16", "'a'", "'wide' and 'utf16' contradict"),
    ("hour|minute", "5", "'hour' and 'minute' contradict"),
    ("fieldref|cased", "other", "'fieldref' and 'cased' contradict"),
    ("wide", "'a'", "produces bytes, which no field contains"),
    ("base64|wide", "'a'", "produces bytes, which no field contains"),
    ("i", "'a'", "the modifier 'i' is only valid for regular expressions"),
    ("lt", "'abc'", "the modifier 'lt' can't be applied to the value 'abc'"),
    ("startswith", "5", "the modifier 'startswith' needs text, not a number"),
]


@pytest.mark.parametrize(("modifiers", "value", "reason"), CONFLICTS, ids=[row[0] for row in CONFLICTS])
def test_conflicting_modifiers_are_reported(load: Load, modifiers: str, value: str, reason: str) -> None:
    loaded = load(RULE.replace("gen_ai.usage.output_tokens|gte: 500", f"user.id|{modifiers}: {value}"))
    (problem,) = loaded.problems
    assert (problem.code, problem.line) == ("invalid-detection", 8)
    assert reason in problem.message


@pytest.mark.parametrize(
    "item",
    [
        "hour|gte: 5",
        "fieldref|startswith: other",
        "re|i|m: a",
        "cidr: 192.0.2.0/24",
        "wide|base64offset|contains: a",
        "windash|contains|all: [' -a ', ' -b ']",
        "contains|cased: a",
        "all: a",
    ],
)
def test_compatible_modifiers(load: Load, item: str) -> None:
    assert not load(RULE.replace("gen_ai.usage.output_tokens|gte: 500", f"user.id|{item}")).problems


@pytest.mark.parametrize(
    ("item", "number"),
    [
        ("user.id|windash|contains: ' -a -b -c -d -e -f -g -h -i -j'", "9,765,625"),
        ("user.id|windash|wide|base64offset: ' -a -b -c -d -e'", "9,375"),
        ("user.id|expand: '" + 13 * "%services%" + "'", "8,192"),
        ("user.id|expand|windash|contains: '" + 4 * "%services%" + " -a -b -c -d'", "10,000"),
        ("'|windash': [" + ", ".join(9 * ["' -a -b -c -d'"]) + "]", "5,625"),
    ],
    ids=["windash", "windash and base64offset", "placeholders", "placeholders and windash", "a list of keywords"],
)
def test_excessive_expansion_is_rejected_before_expanding(load: Load, item: str, number: str) -> None:
    loaded = load(RULE.replace("gen_ai.usage.output_tokens|gte: 500", item))
    (problem,) = loaded.problems
    assert (problem.code, problem.line) == ("invalid-detection", 8)
    assert f"produce {number} values" in problem.message


def test_a_long_list_is_not_multiplied(load: Load) -> None:
    values = ", ".join(f"v{number}" for number in range(6_000))
    assert not load(RULE.replace("gen_ai.usage.output_tokens|gte: 500", f"user.id: [{values}]")).problems


def test_condition_with_repeated_long_lists_is_rejected(load: Load) -> None:
    values = ", ".join(f"v{number}" for number in range(5_000))
    text = RULE.replace("gen_ai.usage.output_tokens|gte: 500", f"user.id: [{values}]")
    (problem,) = load(text.replace("condition: selection", "condition: " + " or ".join(11 * ["selection"]))).problems
    assert (problem.code, problem.line) == ("invalid-condition", 9)
    assert "more than 50,000 comparisons" in problem.message
