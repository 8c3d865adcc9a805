"""Allow lists in detections."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sigma.conditions import ConditionAND, ConditionNOT, ConditionOR

from sigmagen.rules.model import BaseRule
from sigmagen.rules.placeholders import load_allow_lists
from tests.rules.conftest import Load

HEAD = "title: A rule for tests\nname: base\nlogsource: {category: ai_inference}\ndetection:\n"


def shape(node: Any) -> Any:
    """A condition tree as nested tuples."""
    if isinstance(node, (ConditionAND, ConditionOR, ConditionNOT)):
        word = {ConditionAND: "and", ConditionOR: "or", ConditionNOT: "not"}[type(node)]
        return (word, *(shape(arg) for arg in node.args))
    return (node.field, type(node.value).__name__, str(node.value))


def condition(load: Load, detection: str) -> Any:
    loaded = load(HEAD + detection)
    assert not loaded.problems, loaded.problems
    rule = loaded.files[0].documents[0]
    assert isinstance(rule, BaseRule)
    return rule.condition


def test_item_is_expanded_with_wildcards(load: Load) -> None:
    tree = condition(load, "  s:\n    user.id|expand: '%services%'\n  condition: s\n")
    assert shape(tree) == (
        "or",
        ("user.id", "SigmaString", "svc-batch"),
        ("user.id", "SigmaString", "arn:aws:iam::111122223333:role/*"),
    )
    assert tree.args[1].value.contains_special()


def test_placeholders_in_text_and_next_to_values(load: Load) -> None:
    tree = condition(load, "  s:\n    user.id|expand: ['x-%services%-y', 'plain', '%nobody%']\n  condition: s\n")
    assert [str(arg.value) for arg in tree.args] == [
        "x-svc-batch-y",
        "x-arn:aws:iam::111122223333:role/*-y",
        "plain",
    ]


@pytest.mark.parametrize("modifiers", ["expand|startswith", "expand|contains", "cased|expand"])
def test_other_modifiers_keep_their_effect(load: Load, modifiers: str) -> None:
    tree = condition(load, f"  s:\n    user.id|{modifiers}: '%services%'\n  condition: s\n")
    first = tree.args[0].value
    expected = {"expand|startswith": "svc-batch*", "expand|contains": "*svc-batch*", "cased|expand": "svc-batch"}
    assert str(first) == expected[modifiers]
    assert type(first).__name__ == ("SigmaCasedString" if "cased" in modifiers else "SigmaString")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("selection and not none", ("event.outcome", "SigmaString", "success")),
        ("selection or none", ("event.outcome", "SigmaString", "success")),
        ("not (none or selection)", ("not", ("event.outcome", "SigmaString", "success"))),
    ],
)
def test_empty_list_matches_nothing(load: Load, text: str, expected: Any) -> None:
    detection = f"""
  selection: {{event.outcome: success}}
  none: {{"user.id|expand": "%nobody%"}}
  condition: {text}
"""
    assert shape(condition(load, detection)) == expected


@pytest.mark.parametrize(("text", "word"), [("none", "and"), ("not none", "or"), ("none and selection", "and")])
def test_a_condition_that_is_constant_stays_a_condition(load: Load, text: str, word: str) -> None:
    detection = f"""
  selection: {{event.outcome: success}}
  none: {{"user.id|expand|contains": "%nobody%", "gen_ai.request.model": x}}
  condition: {text}
"""
    tree = shape(condition(load, detection))
    assert tree[0] == word
    assert tree[1][:2] == ("user.id", "SigmaExists")
    assert tree[2] == ("not", tree[1])


def test_parents_are_right_after_simplifying(load: Load) -> None:
    detection = """
  a: {event.outcome: success}
  b: {user.id: x}
  none: {"user.id|expand": "%nobody%"}
  condition: (a or b) and not none
"""
    tree = condition(load, detection)
    assert isinstance(tree, ConditionOR)
    assert tree.parent is None
    detection = detection.replace("(a or b)", "a and b")
    tree = condition(load, detection)
    assert len(tree.args) == 2
    assert all(arg.parent is tree for arg in tree.args)


def test_unknown_placeholder_has_line_and_suggestion(load: Load) -> None:
    (problem,) = load(HEAD + "  s:\n    - user.id|expand: '%service%'\n  condition: s\n").problems
    assert (problem.code, problem.line) == ("unknown-placeholder", 6)
    assert problem.hint
    assert "nearest: services" in problem.hint


def test_percent_signs_without_modifier_are_literal(load: Load) -> None:
    assert str(condition(load, "  s: {user.id: '%services%'}\n  condition: s\n").value) == "%services%"


def test_allow_lists_of_wrong_type_are_problems(tmp_path: Path) -> None:
    path = tmp_path / "allow-lists.yml"
    path.write_text("good: [a]\nbad: text\nworse: [1]\n", encoding="utf-8")
    lists, problems = load_allow_lists(tmp_path)
    assert lists == {"good": ("a",)}
    assert [(problem.code, problem.line) for problem in problems] == [("wrong-type", 2), ("wrong-type", 3)]
    path.write_text("- a\n", encoding="utf-8")
    assert [problem.code for problem in load_allow_lists(tmp_path)[1]] == ["wrong-type"]
    path.unlink()
    assert load_allow_lists(tmp_path) == ({}, [])
