"""Conditions compiled to the plan's expressions."""

from __future__ import annotations

import pytest

from sigmagen.bundled import mappings_folder
from sigmagen.expr.tree import FALSE, TRUE, Call, Column, Expr, call, conjunction, disjunction, negate
from sigmagen.mapping.taxonomy import load_taxonomy
from sigmagen.plan.condition import ConditionCompiler
from tests.rule_builders import base

TAXONOMY = load_taxonomy(mappings_folder())
UA, IP, OUT = (
    Column("user_agent.original"),
    Column("source.ip", "ip"),
    Column("gen_ai.usage.output_tokens", "integer"),
)
LOWER = call("lower", UA)


def compiled(detection: str) -> Expr:
    compiler = ConditionCompiler(lambda name: Column(name, TAXONOMY[name].type), TAXONOMY, lambda: ["source.ip"])
    return compiler.compile(base(detection).condition)


@pytest.mark.parametrize(
    ("detection", "expression"),
    [
        ("user_agent.original: Curl", call("equals_ignoring_case", UA, "Curl")),
        ("user_agent.original: [a, B, a]", call("in_ignoring_case", UA, "a", "B")),
        ("user_agent.original|cased: [a, B]", call("in", UA, "a", "B")),
        ("user_agent.original|contains: AbC", call("contains", LOWER, "abc")),
        ("user_agent.original: 'A*b?'", call("like", LOWER, "a", 0, "b", 1)),
        ("user_agent.original: '**'", call("is_present", UA)),
        ("user_agent.original: ''", call("is_empty", UA)),
        ("user_agent.original: '\u039f\u03a3'", call("like_ignoring_case", UA, "\u039f\u03a3")),
        ("user_agent.original|re|i|s: 'a.b'", call("matches", UA, "a.b", "is")),
        ("source.ip: 192.0.2.7", call("in", IP, "192.0.2.7", "::ffff:192.0.2.7")),
        ("source.ip: '2001:DB8:0::7'", call("in_network", IP, "2001:db8::7/128")),
        ("source.ip|cidr: '::ffff:192.0.2.0/120'", call("in_network", IP, "192.0.2.0/24")),
        (
            "source.ip|cidr: [192.0.2.0/24, 2001:db8::/32]",
            call("in_network", IP, "192.0.2.0/24", "2001:db8::/32"),
        ),
        ("gen_ai.usage.output_tokens: '7'", call("eq", OUT, 7)),
        ("gen_ai.usage.output_tokens|contains: '7'", call("contains", call("lower", call("text", OUT)), "7")),
        ("{s: [Key], condition: s}", call("contains", call("lower", call("text", IP)), "key")),
    ],
)
def test_a_comparison_is_one_operation(detection: str, expression: Expr) -> None:
    assert compiled(detection) == expression


def test_another_field_has_to_be_there() -> None:
    other = Column("error.type")
    equal = call("eq", LOWER, call("lower", other))
    assert compiled("user_agent.original|fieldref: error.type") == Call("and", (call("has_value", other), equal))
    negated = compiled("user_agent.original|fieldref|neq: error.type")
    assert negated == Call("or", (call("has_no_value", other), call("not", equal)))


def test_beside_a_missing_value_no_comparison_of_it_is_left() -> None:
    missing, equal, other = call("is_missing", UA), call("contains", LOWER, "x"), call("eq", OUT, 1)
    assert conjunction([missing, negate(equal)]) == missing
    assert conjunction([missing, equal]) == FALSE
    assert conjunction([missing, disjunction([equal, other])]) == Call("and", (missing, other))
    assert conjunction([disjunction([missing, other]), missing]) == missing
    assert disjunction([call("is_missing", OUT), TRUE]) == TRUE
