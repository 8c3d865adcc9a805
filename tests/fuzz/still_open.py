"""Differences that are known and not mended yet: a case file for each, and which pairs they may spoil meanwhile.

A case that is mended fails, too: then its `open:` goes, and so does its line here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sigmagen.rules.model import Combined, Correlation, Expression
from tests.fuzz.judge import Outcome


def _levels(rule: Correlation) -> Iterator[Correlation]:
    yield rule
    for part in _below(rule):
        yield from _levels(part)


def _below(rule: Correlation) -> list[Correlation]:
    return [part for part in rule.rules if isinstance(part, Correlation)]


def _unites(rule: Correlation) -> bool:
    return bool(_below(rule)) and len(rule.rules) > 1


def _has_alternatives(expression: Expression | None) -> bool:
    return isinstance(expression, Combined) and (
        expression.op != "and" or any(map(_has_alternatives, expression.operands))
    )


def _is_aliased(rule: Correlation, name: str) -> bool:
    return any(name in names for names in rule.aliases)


# Case -> (engines, what a level of the rule looks like there).
OPEN: dict[str, tuple[tuple[str, ...], Callable[[Correlation], bool]]] = {}


def is_open(outcome: Outcome) -> bool:
    """Whether a difference may be one of the known ones."""
    return any(
        (not engines or outcome.engine in engines) and any(map(looks_so, _levels(outcome.pair.rule)))
        for engines, looks_so in OPEN.values()
    )
