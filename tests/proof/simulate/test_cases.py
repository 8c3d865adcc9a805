"""Test cases as calls: time, templates, cycling, defaults, and what is refused."""

from __future__ import annotations

import doctest
from types import SimpleNamespace
from typing import Any

import pytest

from sigmagen.problems import Problem, SigmagenError
from sigmagen.proof.simulate import cases
from sigmagen.sources.call import Call

START = 1_786_440_000_000


def step(call: dict[str, Any] | None = None, **timing: Any) -> SimpleNamespace:
    return SimpleNamespace(**({"repeat": 1, "every": 1000, "at": None} | timing), call=call or {})


def play(*steps: SimpleNamespace, defaults: dict[str, Any] | None = None) -> list[Call]:
    test: Any = SimpleNamespace(file="rules/volume/x.test.yml", defaults={"principal": "p"} | (defaults or {}))
    case: Any = SimpleNamespace(name="Fifty probes, in an hour!", steps=steps)
    return cases.calls(test, case, START)


def refused(*steps: SimpleNamespace, defaults: dict[str, Any] | None = None) -> list[Problem]:
    with pytest.raises(SigmagenError) as caught:
        play(*steps, defaults=defaults)
    return caught.value.problems


def test_the_docstrings_are_right() -> None:
    assert doctest.testmod(cases).failed == 0


def test_steps_follow_each_other_unless_they_say_when() -> None:
    found = play(step(repeat=3, every=10_000), step(), step(at=5_000))
    assert [call.time - START for call in found] == [0, 5_000, 10_000, 20_000, 30_000]


def test_ids_are_unique_and_deterministic() -> None:
    found = play(step(repeat=3), step(at=500))
    assert [call.id for call in found] == [f"fifty-probes-in-an-hour-{n}" for n in (0, 3, 1, 2)]
    assert found == play(step(repeat=3), step(at=500))


def test_a_step_may_repeat_one_delivery() -> None:
    assert {call.id for call in play(step({"id": "same"}, repeat=2))} == {"same"}


def test_templates_count_inside_the_step() -> None:
    found = play(step({"prompt": "{i} {i%2} {i+5} {j} {", "principal": "p-{i%2}"}, repeat=3))
    assert [call.prompt for call in found] == ["0 0 5 {j} {", "1 1 6 {j} {", "2 0 7 {j} {"]
    assert [call.principal for call in found] == ["p-0", "p-1", "p-0"]
    assert [call.prompt for call in play(step({"prompt": "{i}"}), step({"prompt": "{i}"}))] == ["0", "0"]


def test_lists_are_cycled_through() -> None:
    found = play(step({"model": ["a", "b-{i}"], "proxies": [["192.0.2.1", "192.0.2.2"]]}, repeat=3))
    assert [call.model for call in found] == ["a", "b-1", "a"]
    assert found[2].proxies == ("192.0.2.1", "192.0.2.2")
    assert [call.prompt for call in play(step({"prompt": [None, "x"]}, repeat=2))] == [None, "x"]


def test_parameters_are_merged_by_key_and_keep_their_lists() -> None:
    sent = {"parameters": {"stop": ["a", "b"], "seed": "{i}", "logit_bias": {"{i+7}": -100, 9: "{i%2}"}}}
    second = play(step(sent, repeat=2), defaults={"parameters": {"n": 2, "seed": 4}})[1]
    assert second.parameters == {"n": 2, "stop": ["a", "b"], "seed": 1, "logit_bias": {"8": -100, "9": 1}}


def test_a_list_of_parameters_replaces_the_defaults() -> None:
    found = play(step({"parameters": [{"n": 1}, {"n": 2}]}, repeat=2), defaults={"parameters": {"seed": 1}})
    assert [call.parameters for call in found] == [{"n": 1}, {"n": 2}]


def test_values_get_their_type() -> None:
    (found,) = play(step({"input_tokens": "{i+5}", "organization": 111122223333, "status": 429, "outcome": "failure"}))
    assert (found.input_tokens, found.organization, found.status) == (5, "111122223333", 429)


def test_null_says_that_there_is_none() -> None:
    (found,) = play(step({"organization": None, "api_key": None, "prompt": None}))
    assert (found.organization, found.api_key, found.prompt) == (None, None, None)


def test_an_unknown_attribute_is_refused_with_the_nearest_names() -> None:
    (problem,) = refused(step({"promt": "x"}))
    assert problem.code == "unknown-call-attribute"
    assert problem.file == "rules/volume/x.test.yml"
    assert "'promt'" in problem.message
    assert "step 1" in problem.message
    assert problem.hint == "did you mean prompt?"


def test_all_problems_are_collected() -> None:
    problems = refused(step({"promt": "x"}), step({"input_tokens": "many"}), step({"colour": "red", "time": 0}))
    assert [problem.code for problem in problems].count("unknown-call-attribute") == 3
    assert len(problems) == 4


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"input_tokens": "many"}, "input_tokens: expected a whole number, not 'many'"),
        ({"input_tokens": True}, "input_tokens: expected a whole number"),
        ({"cached": "yes"}, "cached: expected true or false"),
        ({"prompt": True}, "prompt: expected a text"),
        ({"prompt": {"a": 1}}, "prompt: expected a text"),
        ({"model": None}, "model: can't be null"),
        ({"parameters": "n=1"}, "parameters: expected a mapping"),
        ({"outcome": "ok"}, "outcome: expected success or failure"),
        ({"status": 429}, "status 429 is a failure"),
        ({"model": []}, "model: an empty list"),
        ({"prompt": "{i%0}"}, "divides by zero"),
    ],
)
def test_a_value_that_a_call_can_not_take_is_refused(call: dict[str, Any], message: str) -> None:
    (problem,) = refused(step(call))
    assert problem.code == "call-value"
    assert message in problem.message


def test_features_are_a_list_or_a_list_of_lists_to_go_through() -> None:
    (one,) = play(step({"operation": "prediction", "features": [1, 2.5], "scores": [0.9, 0.1]}))
    assert (one.features, one.scores) == ((1, 2.5), (0.9, 0.1))
    found = play(step({"operation": "prediction", "features": [[1, "{i}"], [2, "{i+5}"]]}, repeat=3))
    assert [call.features for call in found] == [(1, 0), (2, 6), (1, 2)]


@pytest.mark.parametrize("value", ["x", 1, ["x"], [[1], 2], [[1, "x"]], None])
def test_features_that_are_not_numbers_are_refused(value: Any) -> None:
    (problem,) = refused(step({"operation": "prediction", "features": value}))
    assert "features: expected a list of numbers" in problem.message


def test_an_unknown_operation_is_refused_with_those_that_are_known() -> None:
    (problem,) = refused(step({"operation": "embedding"}))
    assert "unknown operation 'embedding'; available: chat, text_completion, embeddings" in problem.message
    assert [call.operation for call in play(step({"operation": "sagemaker/CreateModel"}))] == ["sagemaker/CreateModel"]
