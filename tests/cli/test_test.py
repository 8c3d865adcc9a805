"""`sigmagen test`: each rule's cases, what is printed, JSON, and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from sigmagen.bundled import rules_folder
from tests.cli.conftest import Run

RULE = rules_folder() / "output" / "short_prompt_long_answer.yml"
TEST = RULE.with_name("short_prompt_long_answer.test.yml")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A rule with its test file, to be changed."""
    for path in (RULE, TEST):
        (tmp_path / path.name).write_text(path.read_text())
    return tmp_path / RULE.name


def test_results_of_attacks_benign_cases_and_misses(run: Run) -> None:
    result = run("test", RULE, "-s", "canonical")
    assert result.exit_code == 0
    cases = yaml.safe_load(TEST.read_text())["cases"]
    words = {"attack": "found", "benign": "silent", "miss": "known miss"}
    for case in cases:
        if "canonical" in case.get("sources", ["canonical"]):
            assert f"{words[case['kind']]:<10}  {case['name']}  (canonical)" in result.stdout
    assert result.stdout.startswith("short_prompt_long_answer\n")
    assert "0 failed; 1 rules on 1 sources" in result.stderr
    assert "known misses" in result.stderr


def test_json_has_a_result_for_each_case_and_source(run: Run) -> None:
    found = json.loads(run("test", RULE, "--json").stdout)
    assert {case["source"] for case in found} >= {"apim", "bedrock_invocation", "canonical", "litellm"}
    assert {case["status"] for case in found} == {"passed"}
    assert all(list(case) == ["rule", "source", "case", "kind", "status", "calls", "reasons"] for case in found)


OPERATIONS = """
rule: short_prompt_long_answer
defaults: {output_tokens: 5000}
cases:
  - name: fine-tuning
    kind: benign
    why: No source logs such a call as an inference.
    steps: [{repeat: 3, call: {operation: fine_tune}}]
  - name: a miss
    kind: miss
    why: No source logs such a call as an inference.
    steps: [{repeat: 3, call: {operation: fine_tune}}]
  - name: embeddings
    kind: benign
    why: Few, and not of the operation that the rule is about.
    steps: [{repeat: 3, every: 2s, call: {operation: embeddings, inputs: 5}}]
  - name: one of them is logged
    kind: benign
    why: A call that is not logged beside one that is.
    steps: [{call: {operation: fine_tune}}, {call: {operation: chat}}]
"""


def test_case_without_matching_log_source_fails(run: Run, copy: Path) -> None:
    copy.with_name("short_prompt_long_answer.test.yml").write_text(OPERATIONS)
    result = run("test", copy, "-s", "canonical", "-s", "litellm", "-s", "apim", "--json")
    assert result.exit_code == 1
    cases = json.loads(result.stdout)
    assert {(case["source"], case["case"], case["status"]) for case in cases} == {
        (source, name, status)
        for source in ("apim", "canonical", "litellm")
        for name, status in (
            ("fine-tuning", "failed"),
            ("a miss", "failed"),
            ("embeddings", "passed"),
            ("one of them is logged", "passed"),
        )
    }
    reasons = {reason for case in cases if case["source"] == "litellm" for reason in case["reasons"]}
    assert reasons == {
        "no record on litellm that the rule could look at (operation: fine_tune), so nothing is shown",
    }


def test_record_that_is_not_an_inference_is_ignored(run: Run, tmp_path: Path) -> None:
    calls = rules_folder() / "volume" / "call_count.yml"
    (tmp_path / calls.name).write_text(calls.read_text())
    cases = OPERATIONS.replace("short_prompt_long_answer", "call_count").replace("fine_tune", "GetFoundationModel")
    (tmp_path / "call_count.test.yml").write_text(cases)
    found = json.loads(run("test", tmp_path / calls.name, "-s", "cloudtrail", "--json").stdout)
    assert [case["status"] for case in found] == ["failed", "failed", "passed", "passed"]
    assert "no record on cloudtrail" in found[0]["reasons"][0]


def test_missed_attack_and_alerting_benign_case_fail_with_reason(run: Run, copy: Path) -> None:
    rule = copy.read_text()
    copy.write_text(rule.replace("gte: 100", "gte: 100000"))
    missed = run("test", copy, "-s", "canonical")
    assert missed.exit_code == 1
    assert "FAILED" in missed.stdout
    assert "no alert on " in missed.stdout
    copy.write_text(rule.replace("gte: 100", "gte: 1"))
    early = run("test", copy, "-s", "canonical", "--json")
    assert early.exit_code == 1
    reasons = " ".join(reason for case in json.loads(early.stdout) for reason in case["reasons"])
    assert "before the threshold is crossed" in reasons
    assert "and should be silent" in reasons


def test_reasons_are_limited_unless_verbose(run: Run, copy: Path) -> None:
    copy.write_text(copy.read_text().replace("gte: 100", "gte: 1"))
    test = copy.with_name(TEST.name)
    test.write_text(
        test.read_text() + "\n  - {name: five of them, kind: benign, why: Each alerts., "
        "steps: [{repeat: 5, every: 1s, call: {principal: 'principal-{i}'}}]}\n"
    )
    short, long = (run("test", copy, "-s", "canonical", *more).stdout.splitlines() for more in ((), ("-v",)))
    assert len([line for line in long if "and should be silent" in line and "principal-" in line]) == 5
    assert len([line for line in short if "and should be silent" in line and "principal-" in line]) == 3


def test_a_missing_test_file_is_broken_input_and_the_others_are_tested(run: Run, copy: Path) -> None:
    (copy.parent / "alone.yml").write_text(copy.read_text().replace("short_prompt", "alone_prompt"))
    result = run("test", copy.parent, "-s", "canonical")
    assert result.exit_code == 2
    assert "alone" in result.stderr
    assert "short_prompt_long_answer" in result.stdout


def test_broken_test_file_has_location(run: Run, copy: Path) -> None:
    test = copy.with_name(TEST.name)
    test.write_text(test.read_text().replace("kind: benign", "kind: friendly", 1))
    result = run("test", copy)
    assert result.exit_code == 2
    assert f"{test}:" in result.stderr


def test_an_unknown_source_is_a_configuration_error(run: Run) -> None:
    assert run("test", RULE, "-s", "nowhere").exit_code == 3


def test_mutate_names_each_condition_that_no_case_guards(run: Run, copy: Path) -> None:
    whole = run("test", copy, "--mutate", "-s", "canonical")
    assert whole.exit_code == 0
    assert "12 mutations: a case fails for 12 of them" in whole.stderr
    test = yaml.safe_load(copy.with_name(TEST.name).read_text())
    attacks = [case for case in test["cases"] if case["kind"] == "attack"]
    copy.with_name(TEST.name).write_text(yaml.safe_dump({**test, "cases": attacks}))
    result = run("test", copy, "--mutate", "-s", "canonical")
    assert result.exit_code == 1
    line = next(n for n, text in enumerate(copy.read_text().splitlines(), 1) if "event.outcome" in text)
    expected = f"{copy}:{line}: error[mutation-survived]: "
    assert any(
        text.startswith(expected) and text.endswith("no case fails when `event.outcome` is left out of selection")
        for text in result.stdout.splitlines()
    )
    found = json.loads(run("test", copy, "--mutate", "-s", "canonical", "--json").stdout)
    assert set(found) == {"cases", "mutations"}
    assert list(found["mutations"][0]) == ["rule", "file", "line", "change", "status", "case", "source"]
    assert {item["status"] for item in found["mutations"]} == {"killed", "survived"}


def test_a_rule_whose_cases_fail_is_not_mutated(run: Run, copy: Path) -> None:
    copy.write_text(copy.read_text().replace("gte: 100", "gte: 100000"))
    result = run("test", copy, "--mutate", "-s", "canonical")
    assert result.exit_code == 1
    assert "0 mutations" in result.stderr


def test_mutations_of_a_tuned_rule_are_refused(run: Run, tmp_path: Path) -> None:
    overlay = tmp_path / "overlay.yml"
    overlay.write_text("rules: {}\n")
    result = run("test", RULE, "--mutate", "--overlay", overlay)
    assert result.exit_code == 3
    assert "--mutate changes the rules as they are written" in result.stderr
