"""Conditions compiled to the plan's expressions."""

from __future__ import annotations

import pytest

from sigmagen.bundled import mappings_folder
from sigmagen.expr.notation import notation
from sigmagen.expr.tree import FALSE, TRUE, Call, Column, call, conjunction, disjunction, negate
from sigmagen.mapping.taxonomy import load_taxonomy
from sigmagen.plan.condition import ConditionCompiler
from tests.rule_builders import base

TAXONOMY = load_taxonomy(mappings_folder())


def compiled(detection: str) -> str:
    compiler = ConditionCompiler(lambda name: Column(name, TAXONOMY[name].type), TAXONOMY, lambda: ["source.ip"])
    return notation(compiler.compile(base(detection).condition))


@pytest.mark.parametrize(
    ("detection", "condition"),
    [
        ("user_agent.original: Curl", 'equals_ignoring_case(user_agent.original, "Curl")'),
        ("user_agent.original: [a, B, a]", 'in_ignoring_case(user_agent.original, "a", "B")'),
        ("user_agent.original|cased: [a, B]", 'user_agent.original in ("a", "B")'),
        ("user_agent.original|contains: AbC", 'contains(lower(user_agent.original), "abc")'),
        ("user_agent.original: 'A*b?'", 'like(lower(user_agent.original), "a", *, "b", ?)'),
        ("user_agent.original: '**'", "user_agent.original is present"),
        ("user_agent.original: ''", "is_empty(user_agent.original)"),
        ("user_agent.original: '\u039f\u03a3'", r'like_ignoring_case(user_agent.original, "\u039f\u03a3")'),
        ("user_agent.original|re|i|s: 'a.b'", 'matches(user_agent.original, "a.b", "is")'),
        ("source.ip: 192.0.2.7", 'source.ip in ("192.0.2.7", "::ffff:192.0.2.7")'),
        ("source.ip: '2001:DB8:0::7'", 'in_network(source.ip, "2001:db8::7/128")'),
        ("source.ip|cidr: '::ffff:192.0.2.0/120'", 'in_network(source.ip, "192.0.2.0/24")'),
        ("source.ip|cidr: [192.0.2.0/24, 2001:db8::/32]", 'in_network(source.ip, "192.0.2.0/24", "2001:db8::/32")'),
        ("gen_ai.usage.output_tokens: '7'", "gen_ai.usage.output_tokens = 7"),
        ("gen_ai.usage.output_tokens|contains: '7'", 'contains(lower(text(gen_ai.usage.output_tokens)), "7")'),
        ("{s: [Key], condition: s}", 'contains(lower(text(source.ip)), "key")'),
        (
            "user_agent.original|fieldref: error.type",
            "error.type has a value and lower(user_agent.original) = lower(error.type)",
        ),
        (
            "user_agent.original|fieldref|neq: error.type",
            "error.type has no value or not (lower(user_agent.original) = lower(error.type))",
        ),
    ],
)
def test_a_detection_becomes_a_condition(detection: str, condition: str) -> None:
    assert compiled(detection) == condition


def test_beside_a_missing_value_no_comparison_of_it_is_left() -> None:
    agent, tokens = Column("user_agent.original"), Column("gen_ai.usage.output_tokens", "integer")
    missing, equal = call("is_missing", agent), call("contains", call("lower", agent), "x")
    other = call("eq", tokens, 1)
    assert conjunction([missing, negate(equal)]) == missing
    assert conjunction([missing, equal]) == FALSE
    assert conjunction([missing, disjunction([equal, other])]) == Call("and", (missing, other))
    assert conjunction([disjunction([missing, other]), missing]) == missing
    assert disjunction([call("is_missing", tokens), TRUE]) == TRUE
