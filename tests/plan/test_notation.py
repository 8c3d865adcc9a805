"""Expressions as a reader writes them."""

from __future__ import annotations

import pytest

from sigmagen.expr.notation import notation
from sigmagen.expr.tree import Column, Expr, Get, Literal, Parameter, call

A, B = Column("a", "integer"), Column("b", "integer")
SMALL, LARGE = call("lt", A, 1), call("gt", B, 2)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (Get(("usage", "items", 0, "tokens"), "integer"), "record.usage.items[0].tokens:integer"),
        (Get(("key with space",), "string", A), "a.`key with space`"),
        (Column("a\n`b"), "`a\ufffd``b`"),
        (Literal('it\'s "x"\n'), '"it\'s \\"x\\"\\n"'),
        (Literal(None), "missing"),
        (Parameter("start", "timestamp"), "$start"),
        (call("and", call("or", SMALL, LARGE), call("is_present", A)), "(a < 1 or b > 2) and a is present"),
        (call("or", call("and", SMALL, LARGE), LARGE), "(a < 1 and b > 2) or b > 2"),
        (call("not", SMALL), "not (a < 1)"),
        (call("times", call("add", A, B), 2), "(a + b) * 2"),
        (call("shift", A, -1), "shift(a, -1ms)"),
        (call("tick", A, B, 150_000), "tick(a, b, 2m30s)"),
        (call("cast", A, "float"), "cast(a as float)"),
        (call("count"), "count()"),
    ],
)
def test_an_expression_is_one_line(expression: Expr, text: str) -> None:
    assert notation(expression) == text
