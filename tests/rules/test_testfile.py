"""Test files."""

from __future__ import annotations

from pathlib import Path

import pytest

from sigmagen.durations import HOUR
from sigmagen.rules.testfile import LoadedTest, get_test_path, load_test_file

TEXT = """rule: probe_burst
defaults: {principal: partner-07}
cases:
  - name: burst
    kind: attack
    why: Sixty calls in fifty minutes.
    steps:
      - repeat: 60
        every: 50s
        call: {prompt: "token {i}"}
    alerts:
      - group: {user.id: partner-07}
        after: 50
  - name: twin
    kind: benign
    why: Only the outcome differs.
    steps:
      - {}
"""


def load(folder: Path, text: str) -> LoadedTest:
    path = folder / "rule.test.yml"
    path.write_text(text, encoding="utf-8")
    return load_test_file(path)


def test_path_of_test_file() -> None:
    assert get_test_path(Path("rules/volume/burst.yml")) == Path("rules/volume/burst.test.yml")


def test_a_test_file_as_loaded(files: Path) -> None:
    loaded = load_test_file(files / "valid" / "probe.test.yml")
    assert not loaded.problems
    test = loaded.test
    assert test
    assert test.rule == "probe_burst"
    assert test.defaults == {"principal": "partner-07", "model": "gpt-4o-mini"}
    attack, benign, miss = test.cases
    assert [case.kind for case in test.cases] == ["attack", "benign", "miss"]
    assert (attack.calls, benign.calls, miss.calls) == (60, 61, 200)
    step = attack.steps[0]
    assert (step.repeat, step.every, step.at) == (60, 50_000, None)
    assert step.call == {"prompt": "token {i}", "parameters": {"logprobs": True}}
    assert (attack.alerts[0].group, attack.alerts[0].after) == (
        {"user.id": "partner-07", "gen_ai.request.model": "gpt-4o-mini"},
        50,
    )
    assert (attack.sources, benign.sources) == (None, ("cloudtrail",))
    assert [(item.repeat, item.every, item.at) for item in benign.steps] == [(60, 7_200, 0), (1, 1_000, HOUR)]
    assert miss.why == "Forty calls an hour stay below the threshold for good."
    assert attack.line == 5


@pytest.mark.parametrize(
    ("old", "new", "code", "line"),
    [
        ("rule: probe_burst\n", "", "test-schema", 1),
        ("kind: attack", "kind: atack", "test-schema", 5),
        ("    why: Only the outcome differs.\n", "", "test-schema", 14),
        ("    alerts:\n      - group: {user.id: partner-07}\n        after: 50\n", "", "test-schema", 4),
        ("kind: benign", "kind: benign\n    alerts: [{group: {}, after: 1}]", "test-schema", 16),
        ("every: 50s", "every: 50", "test-schema", 9),
        ("every: 50s", "every: 0.0001s", "test-duration", 9),
        ("every: 50s", "evry: 50s", "test-schema", 9),
        ("repeat: 60", "repeat: 0", "test-schema", 8),
        ('{prompt: "token {i}"}', "{promt: x}", "test-schema", 10),
        ('{prompt: "token {i}"}', "{parameters: {maxtokens: 5}}", "test-schema", 10),
        ('{prompt: "token {i}"}', "{input_tokens: many}", "test-schema", 10),
        ('{prompt: "token {i}"}', "{outcome: [success, fail]}", "test-schema", 10),
        ("{user.id: partner-07}", "{user.id: 7}", "test-schema", 12),
        ("after: 50", "after: 61", "test-after", 13),
        ("name: twin", "name: burst", "test-duplicate-case", 14),
        ("name: twin", "name: twin\n    name: twin", "duplicate-key", 15),
        ("      - {}\n", "      - {}\n---\nrule: x\n", "several-documents", 20),
        ("defaults: {", "defaults: [", "yaml-syntax", 2),
    ],
)
def test_problems_have_code_and_line(tmp_path: Path, old: str, new: str, code: str, line: int) -> None:
    assert old in TEXT
    loaded = load(tmp_path, TEXT.replace(old, new))
    assert [(problem.code, problem.line) for problem in loaded.problems] == [(code, line)]
    assert loaded.test is None


@pytest.mark.parametrize(
    "call",
    [
        "{prompt: null, api_key: null, reasoning_tokens: null}",
        "{model: [a, b], input_tokens: [1, 2], output_tokens: '{i+5}', cached: [true, false]}",
        "{parameters: {logit_bias: {'{i}': 100}, seed: '{i}', n: 2}}",
        "{parameters: [{max_tokens: 1}, {max_tokens: 2}]}",
        "{proxies: [[192.0.2.1, 192.0.2.2], []]}",
        "{outcome: failure, status: 429, error: ThrottlingException, console: true, history: 4, prefill: Sure}",
    ],
)
def test_attributes_of_calls(tmp_path: Path, call: str) -> None:
    assert not load(tmp_path, TEXT.replace('{prompt: "token {i}"}', call)).problems


def test_all_problems_are_reported_at_once(tmp_path: Path) -> None:
    text = TEXT.replace("kind: attack", "kind: atack").replace("after: 50", "after: 99").replace("twin", "burst")
    codes = [problem.code for problem in load(tmp_path, text.replace("why: Only", "wy: Only")).problems]
    assert sorted(codes) == [
        "test-after",
        "test-duplicate-case",
        "test-schema",
        "test-schema",
        "test-schema",
    ]


def test_file_with_other_content(tmp_path: Path) -> None:
    assert [problem.code for problem in load(tmp_path, "- a\n").problems] == ["test-schema"]
    assert [problem.code for problem in load(tmp_path, "").problems] == ["empty-file"]
    assert [problem.code for problem in load_test_file(tmp_path / "missing.test.yml").problems] == ["file-missing"]
    loaded = load(tmp_path, "rule: x\ncases: [5, {steps: [5], alerts: [5], name: 5}]\n")
    assert {problem.code for problem in loaded.problems} == {"test-schema"}
