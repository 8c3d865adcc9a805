"""Correlations."""

from __future__ import annotations

import pytest

from sigmagen.durations import DAY, HOUR
from sigmagen.rules.model import Combined, Comparison, Correlation, Occurs, Threshold
from tests.rules.conftest import Load

BASE = """title: A rule for tests
name: base
logsource: {category: ai_inference}
detection:
  selection: {event.outcome: success}
  condition: selection
---
title: Another rule for tests
name: other
logsource: {category: ai_inference}
detection:
  selection: {event.outcome: failure}
  condition: selection
---
"""
CORRELATION = """title: A correlation for tests
name: burst
status: test
level: high
description: What it finds.
tags: [attack.t1496.004]
frameworks: {atlas: [AML.T0024.002], owasp_llm: ["LLM06:2026"]}
falsepositives: Load tests
references: [https://example.com]
correlation:
  type: value_count
  rules: [base]
  group-by: [user.id, gen_ai.request.model]
  timespan: 24h
  condition: {gt: 30, field: gen_ai.prompt.hash}
"""
START = BASE.count("\n")


def correlation(load: Load, text: str) -> Correlation:
    loaded = load(BASE + text)
    assert not loaded.problems, loaded.problems
    rule = loaded.files[0].documents[2]
    assert isinstance(rule, Correlation)
    return rule


def test_a_correlation_as_loaded(load: Load) -> None:
    rule = correlation(load, CORRELATION)
    assert (rule.name, rule.type, rule.level, rule.status) == ("burst", "value_count", "high", "test")
    assert [base.name for base in rule.rules] == ["base"]
    assert rule.group_by == ("user.id", "gen_ai.request.model")
    assert rule.timespan == DAY
    assert rule.threshold == Threshold("gt", 30, ("gen_ai.prompt.hash",))
    assert rule.frameworks == {"atlas": ("AML.T0024.002",), "owasp_llm": ("LLM06:2026",)}
    assert (rule.tags, rule.falsepositives) == (("attack.t1496.004",), ("Load tests",))
    assert rule.references == ("https://example.com",)
    assert rule.line == START + 1


def test_optional_keys_have_defaults(load: Load) -> None:
    text = "title: Short\ncorrelation: {type: event_count, rules: base, timespan: 1h, condition: {gte: 5}}\n"
    rule = correlation(load, text)
    assert (rule.name, rule.level, rule.status, rule.group_by) == ("Short", "medium", "experimental", ())
    assert rule.threshold == Threshold("gte", 5)


def test_temporal_types_have_no_threshold(load: Load) -> None:
    for condition in ("", ", condition: {gte: 2}"):
        text = f"""title: In order
correlation: {{type: temporal_ordered, rules: [other, base], timespan: 1h, group-by: user.id{condition}}}
"""
        rule = correlation(load, text)
        assert rule.threshold is None
        assert [base.name for base in rule.rules] == ["other", "base"]
        assert rule.timespan == HOUR
        assert rule.group_by == ("user.id",)


@pytest.mark.parametrize(
    ("kind", "condition", "threshold"),
    [
        ("value_sum", "{gte: 5000000, field: f}", Threshold("gte", 5_000_000, ("f",))),
        ("value_avg", "{lt: 0.5, field: f}", Threshold("lt", 0.5, ("f",))),
        ("value_median", "{neq: 2, field: [f]}", Threshold("neq", 2, ("f",), 50)),
        ("value_percentile", "{lte: 2, field: f, percentile: 95}", Threshold("lte", 2, ("f",), 95)),
        ("value_sum", "{gte: 5, lt: 9.5, field: f}", Threshold("gte", 5, ("f",), None, (Comparison("lt", 9.5),))),
        ("value_count", "{eq: 3.0, field: [f, g]}", Threshold("eq", 3, ("f", "g"))),
    ],
)
def test_thresholds(load: Load, kind: str, condition: str, threshold: Threshold) -> None:
    text = CORRELATION.replace("value_count", kind).replace("{gt: 30, field: gen_ai.prompt.hash}", condition)
    assert correlation(load, text).threshold == threshold


@pytest.mark.parametrize(
    ("old", "new", "code", "line"),
    [
        ("title: A correlation for tests\n", "", "missing-key", 1),
        ("level: high", "level: [high]", "wrong-type", 4),
        ("tags: [attack.t1496.004]", "tags: [{a: b}]", "wrong-type", 6),
        ('{atlas: [AML.T0024.002], owasp_llm: ["LLM06:2026"]}', "[AML.T0024.002]", "wrong-type", 7),
        ('{atlas: [AML.T0024.002], owasp_llm: ["LLM06:2026"]}', "{atlas: [5]}", "wrong-type", 7),
        ("type: value_count", "type: value_sums", "wrong-value", 11),
        ("  type: value_count\n", "", "missing-key", 10),
        ("rules: [base]", "rules: []", "missing-key", 12),
        ("  rules: [base]\n", "", "missing-key", 10),
        ("rules: [base]", "rules: [base, 5]", "wrong-type", 12),
        ("rules: [base]", "rules: [base, base]", "duplicate-reference", 12),
        ("group-by:", "group_by:", "unknown-key", 13),
        ("timespan: 24h", "timespan: 24", "wrong-value", 14),
        ("  timespan: 24h\n", "", "missing-key", 10),
        ("timespan: 24h", "timespan: 24h\n  aliases: {x: y}", "wrong-type", 15),
        ("timespan: 24h", "timespan: 24h\n  aliases: [x]", "wrong-type", 15),
        ("timespan: 24h", "timespan: 24h\n  aliases: {x: {other: y}}", "unknown-rule", 15),
        ("timespan: 24h", "timespan: 24h\n  aliases: {x: {}}", "missing-key", 15),
        ("{gt: 30, field: gen_ai.prompt.hash}", "{gt: 30}", "missing-key", 15),
        ("{gt: 30, field: gen_ai.prompt.hash}", "{field: x}", "missing-key", 15),
        ("{gt: 30, field: gen_ai.prompt.hash}", "{gt: 3, lt: 4, field: x}", "condition-range", 15),
        ("{gt: 30, field: gen_ai.prompt.hash}", "{more: 3, field: x}", "unknown-key", 15),
        ("{gt: 30, field: gen_ai.prompt.hash}", "{gt: '30', field: x}", "wrong-type", 15),
        ("{gt: 30, field: gen_ai.prompt.hash}", "{gt: true, field: x}", "wrong-type", 15),
        ("{gt: 30, field: gen_ai.prompt.hash}", "{gt: .nan, field: x}", "wrong-type", 15),
        ("{gt: 30, field: gen_ai.prompt.hash}", "{gt: 2.5, field: x}", "wrong-value", 15),
        ("{gt: 30, field: gen_ai.prompt.hash}", "{gt: -1, field: x}", "wrong-value", 15),
        ("{gt: 30, field: gen_ai.prompt.hash}", "[gt, 30]", "wrong-type", 15),
        ("  condition: {gt: 30, field: gen_ai.prompt.hash}\n", "", "missing-key", 10),
        ("type: value_count", "type: value_percentile", "wrong-value", 15),
        ("{gt: 30, field: gen_ai.prompt.hash}", "base and other", "wrong-type", 15),
    ],
)
def test_problems_have_code_and_line(load: Load, old: str, new: str, code: str, line: int) -> None:
    assert old in CORRELATION
    loaded = load(BASE + CORRELATION.replace(old, new))
    assert (code, line + START) in [(problem.code, problem.line) for problem in loaded.problems]
    assert not loaded.files


def test_sum_takes_one_field(load: Load) -> None:
    text = CORRELATION.replace("value_count", "value_sum").replace("field: gen_ai.prompt.hash", "field: [a, b]")
    assert [problem.code for problem in load(BASE + text).problems] == ["wrong-value"]


IN_WORDS = """title: In words
correlation: {type: temporal, rules: [base, other], timespan: 1h, condition: base and not other}
"""


@pytest.mark.parametrize("text", [IN_WORDS, IN_WORDS.replace(" rules: [base, other],", "")])
def test_boolean_condition_is_parsed_to_tree(load: Load, text: str) -> None:
    rule = correlation(load, text)
    assert [base.name for base in rule.rules] == ["base", "other"]
    assert rule.expression == Combined("and", (Occurs(0), Combined("not", (Occurs(1),))))
    assert rule.threshold is None


@pytest.mark.parametrize("words", ["base and", "base and nobody", "base", "base xor other"])
def test_invalid_boolean_condition(load: Load, words: str) -> None:
    loaded = load(BASE + IN_WORDS.replace("base and not other", words))
    assert [(problem.code, problem.line) for problem in loaded.problems] == [("invalid-condition", START + 2)]


def test_temporal_threshold_on_number_of_rules(load: Load) -> None:
    assert correlation(load, IN_WORDS.replace("base and not other", "{gte: 1}")).threshold == Threshold("gte", 1)


def test_aliases_map_fields_of_each_rule(load: Load) -> None:
    text = IN_WORDS.replace(
        "timespan", "group-by: who, aliases: {who: {base: user.id, other: organization.id}}, timespan"
    )
    rule = correlation(load, text)
    assert [rule.field_in(position, "who") for position in (0, 1)] == ["user.id", "organization.id"]
    assert rule.field_in(0, "source.ip") == "source.ip"


def test_correlation_must_be_a_mapping(load: Load) -> None:
    assert [problem.code for problem in load("title: x\ncorrelation: burst\n").problems] == ["wrong-type"]


@pytest.mark.parametrize("kind", ["temporal", "temporal_ordered"])
def test_extended_temporal_types_need_boolean_condition(load: Load, kind: str) -> None:
    base = "title: x\nname: {0}\nlogsource: {{product: acme}}\ndetection: {{s: {{step: {0}}}, condition: s}}\n---\n"
    bases = base.format("aa") + base.format("bb")
    head = f"{bases}title: c\nname: c\ncorrelation:\n  type: {kind}_extended\n  group-by: [host]\n  timespan: 1h\n"
    loaded = load(head + "  condition: aa and not bb\n")
    (rule,) = loaded.files[0].subjects
    assert isinstance(rule, Correlation)
    assert (rule.type, rule.expression is not None) == (kind, True)
    (problem,) = load(head + "  rules: [aa, bb]\n  condition: {gte: 2}\n").problems
    assert (problem.code, problem.line) == ("wrong-type", 18)
