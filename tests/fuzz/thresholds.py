"""Thresholds beside the values that the windows really have: that is where rules that differ a little differ."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from sigmagen.rules.model import BaseRule, Comparison, Correlation, Operator
from tests.fuzz.detections import Document
from tests.fuzz.world import World
from tests.oracle import look

OPERATORS = ("gt", "gte", "lt", "lte", "eq", "neq")
COUNTS = ("event_count", "value_count", "temporal")


def settle(dice: random.Random, rule: Correlation, documents: Sequence[Document], world: World) -> None:
    """Choose the thresholds in `documents`, of which `rule` was loaded, from the innermost correlation outwards."""
    bodies = {document["name"]: document["correlation"] for document in documents}
    _settled(dice, rule, bodies, world, {}, outermost=True)


def _settled(
    dice: random.Random,
    rule: Correlation,
    bodies: Mapping[str, Document],
    world: World,
    done: dict[str, Correlation],
    *,
    outermost: bool = False,
) -> Correlation:
    if rule.name in done:
        return done[rule.name]
    parts: list[BaseRule | Correlation] = [
        _settled(dice, part, bodies, world, done) if isinstance(part, Correlation) else part for part in rule.rules
    ]
    settled = replace(rule, rules=tuple(parts))
    if rule.threshold is not None:
        values = _values(settled, world)
        chosen = _near(dice, values, whole=rule.type in COUNTS, generous=not outermost)
        condition = bodies[rule.name]["condition"]
        del condition["gte"]
        condition |= chosen
        first, *rest = (Comparison(cast(Operator, op), value) for op, value in chosen.items())
        settled = replace(settled, threshold=replace(rule.threshold, op=first.op, value=first.value, also=tuple(rest)))
    done[rule.name] = settled
    return settled


def _values(rule: Correlation, world: World) -> list[float]:
    """The values of all windows; none of a rule that has no meaning."""
    try:
        return [seen.alert.value for seen in look(rule, world.events, world.start, world.end)]
    except ValueError:
        return []


def _near(dice: random.Random, values: Sequence[float], *, whole: bool, generous: bool) -> dict[str, Any]:
    """Comparisons with one of the values or a number just beside it; generous ones are met by many windows."""
    if not values:
        return {"gte": 1}
    values = sorted(set(values))
    step = 1 if whole or all(isinstance(value, int) for value in values) else 0.125
    low, high = sorted(dice.choices(values, k=2))
    value = dice.choice(values[: len(values) // 2 + 1] if generous else values)
    forms: list[dict[str, Any]] = [
        {"gte": value + step * dice.choice((0, 0, 0, 1))},
        {"gt": value - step * dice.choice((0, 1, 1))},
        {"gte": value},
        {"lt": value + step * dice.choice((0, 1, 1))},
        {"lte": value - step * dice.choice((0, 0, 0, 1))},
        {"eq": value},
        {"neq": value},
        {"gte": low, "lte": high},
        {"gt": low - step, "lte": high},
        {"gte": low, "lt": high + step},
        {"gte": low, "neq": high + step},
    ]
    chosen = dice.choices(forms, (3, 3, 3, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5))[0] if generous else dice.choice(forms)
    return {op: max(0, number) if whole else number for op, number in chosen.items()}
