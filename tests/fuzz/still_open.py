"""Differences that are known and not mended yet: a case file for each, and which pairs they may spoil meanwhile.

A case that is mended fails, too: then its `open:` goes, and so does its line here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sigmagen.rules.model import Combined, Correlation, Expression
from tests.fuzz.judge import Outcome
from tests.fuzz.world import FIELDS


def _levels(rule: Correlation) -> Iterator[Correlation]:
    yield rule
    for part in _below(rule):
        yield from _levels(part)


def _below(rule: Correlation) -> list[Correlation]:
    return [part for part in rule.rules if isinstance(part, Correlation)]


def _unites(rule: Correlation) -> bool:
    return bool(_below(rule)) and len(rule.rules) > 1


def _has_alternatives(expression: Expression | None) -> bool:
    if not isinstance(expression, Combined):
        return False
    negated = expression.op == "not" and isinstance(expression.operands[0], Combined)
    return expression.op == "or" or negated or any(map(_has_alternatives, expression.operands))


def _is_aliased(rule: Correlation, name: str) -> bool:
    return any(name in names for names in rule.aliases)


# Case -> (engines, what a level of the rule looks like there).
OPEN: dict[str, tuple[tuple[str, ...], Callable[[Correlation], bool]]] = {
    "or_beside_the_range": (("duckdb",), lambda rule: _has_alternatives(rule.expression)),
    "or_in_a_branch": (("elasticsearch",), _unites),
    "two_aggregations_side_by_side": (("elasticsearch",), _unites),
    "alias_named_like_a_field": ((), lambda rule: any(_is_aliased(rule, name) for name in FIELDS)),
    "sum_through_an_alias": ((), lambda rule: rule.type == "value_sum" and bool(rule.aliases)),
    "alerts_of_two_rules_are_two_items": (
        (),
        lambda rule: len(_below(rule)) > 1 and not rule.type.startswith("temporal"),
    ),
    "order_over_a_temporal_rule": (
        ("duckdb",),
        lambda rule: _unites(rule) and any(part.type.startswith("temporal") for part in _below(rule)),
    ),
}


def is_open(outcome: Outcome) -> bool:
    """Whether a difference may be one of the known ones."""
    return any(
        (not engines or outcome.engine in engines) and any(map(looks_so, _levels(outcome.pair.rule)))
        for engines, looks_so in OPEN.values()
    )
