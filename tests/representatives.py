"""Few rules and sources that together hold every part of the plans of many."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sigmagen.convert.converter import Converter
from sigmagen.mapping.source import Source
from sigmagen.plan.build import build_plan
from sigmagen.plan.shape import operations, plan_shape
from sigmagen.problems import SigmagenError
from sigmagen.rules.model import Correlation, RuleFile
from sigmagen.targets import registry


@dataclass(frozen=True)
class Pair:
    """A rule over a source, and what its plan in a target is made of."""

    rule: Correlation
    source: Source
    target: str
    parts: frozenset[str]

    def __str__(self) -> str:
        return f"{self.target}-{self.rule.name}-{self.source.name}"


def pairs_of(converter: Converter, files: Iterable[RuleFile], target: str) -> list[Pair]:
    """Every rule over every source that can be converted for a target."""
    found = []
    for file in files:
        for rule in file.subjects:
            if not isinstance(rule, Correlation):
                continue
            for source in converter.feeding(rule):
                try:
                    converter.convert(rule, source, "duckdb")
                    converter.convert(rule, source, target)
                except SigmagenError:
                    continue
                plan = build_plan(rule, source, registry.get(target).stored_in, converter.taxonomy, target=target)
                found.append(Pair(rule, source, target, operations(plan) | plan_shape(plan)))
    return found


def representatives(pairs: Iterable[Pair]) -> list[Pair]:
    """Pairs whose plans hold every part of all plans: those with the most parts that no other has yet, in turn."""
    left, chosen = list(pairs), []
    missing = frozenset[str]().union(*(pair.parts for pair in left))
    while missing:
        best = max(left, key=lambda pair: len(pair.parts & missing))
        chosen.append(best)
        missing -= best.parts
    return chosen
