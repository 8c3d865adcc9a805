"""Random correlations, as documents: every type, over events, alerts and both, up to three levels deep.

Thresholds are left open (`gte: 0`): they are chosen once it is known which values the windows have.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.fuzz.detections import NUMBERS, Document

COUNTED = ("user.id", "gen_ai.prompt.hash", "source.ip", "organization.id", "gen_ai.usage.input_tokens", "event.id")
GROUPS: tuple[tuple[str, ...], ...] = (
    (),
    ("user.id",),
    ("user.id",),
    ("user.id", "organization.id"),
    ("organization.id", "source.ip"),
    ("source.ip",),
    ("event.outcome",),
    ("http.response.status_code",),
    ("user.id", "gen_ai.request.model", "event.outcome"),
)
# By what an inner rule groups beside the group-by of the outer one, so that there is something to count or to sum.
EXTRAS = ("user.id", "gen_ai.prompt.hash", "source.ip", "http.response.status_code", "gen_ai.usage.output_tokens")
# Each alias with what two kinds of events call it. Two take the name of a field.
ALIASES = {
    "who": ("user.id", "gen_ai.api_key.id"),
    "user.id": ("user.id", "gen_ai.api_key.id"),
    "place": ("cloud.region", "organization.id"),
    "size": ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"),
    "weight": ("gen_ai.request.frequency_penalty", "gen_ai.request.temperature"),
    "gen_ai.usage.input_tokens": ("gen_ai.usage.output_tokens", "gen_ai.request.seed"),
}
NUMERIC_ALIASES = ("size", "weight", "gen_ai.usage.input_tokens")

# A type and its condition.
Condition = tuple[str, Any]


@dataclass
class Draft:
    """A rule file being made: its correlations from the innermost to the outermost."""

    dice: random.Random
    bases: tuple[str, ...]
    timespans: tuple[str, ...]
    documents: list[Document] = field(default_factory=list)

    def some_bases(self, least: int, most: int) -> list[str]:
        """Names of different base rules."""
        return self.dice.sample(self.bases, min(self.dice.randint(least, most), len(self.bases)))

    def add(
        self, made: Condition, rules: Sequence[str], group_by: Sequence[str], aliases: Document | None = None
    ) -> str:
        """One more correlation; its name."""
        kind, condition = made
        name = f"c{len(self.documents) + 1}"
        body: Document = {"type": kind, "rules": list(rules)}
        if group_by:
            body["group-by"] = list(group_by)
        body["timespan"] = self.dice.choice(self.timespans)
        if condition is not None:
            body["condition"] = condition
        if aliases:
            body["aliases"] = aliases
        self.documents.append({"title": f"Correlation {name}", "name": name, "correlation": body})
        return name


def correlation(dice: random.Random, bases: Sequence[str], timespans: tuple[str, ...]) -> tuple[list[Document], str]:
    """The documents of a random correlation over some of the base rules, and what it is a case of."""
    draft = Draft(dice, tuple(bases), timespans)
    shape = dice.choices((_flat, _aliased, _temporal, _chain, _mixed, _deep), (30, 12, 25, 15, 10, 8))[0]
    shape(draft)
    outermost = draft.documents[-1]["correlation"]["type"]
    return draft.documents, f"{outermost} {shape.__name__.strip('_')}"


# Conditions


def measured(
    dice: random.Random, counted: Sequence[str] = COUNTED, numbers: Sequence[str] = tuple(NUMBERS)
) -> Condition:
    """A type that counts or computes, and its condition, open."""
    kinds = ["event_count", "event_count", *(["value_count"] * 2 if counted else [])]
    if numbers:
        kinds += ["value_sum", "value_avg", "value_percentile", "value_median"]
    kind = dice.choice(kinds)
    condition: Document = {"gte": 0}
    if kind == "value_count":
        fields = dice.sample(counted, min(dice.choice((1, 1, 2, 3)), len(counted)))
        condition["field"] = fields[0] if len(fields) == 1 else fields
    elif kind != "event_count":
        condition["field"] = dice.choice(numbers)
    if kind == "value_percentile":
        condition["percentile"] = dice.choice((1, 10, 25, 50, 75, 90, 95, 99))
    return kind, condition


def sequence(dice: random.Random, rules: Sequence[str]) -> Condition:
    """A temporal type over rules, and its condition: all rules, some of them, or an expression."""
    kind = dice.choice(("temporal", "temporal_ordered"))
    roll = dice.random()
    if roll < 0.4 or len(rules) < 2:
        return kind, None
    if kind == "temporal_ordered":
        return kind, _order(dice, rules)
    return kind, {"gte": 0} if roll < 0.65 else _expression(dice, dice.sample(rules, len(rules)))


def _order(dice: random.Random, rules: Sequence[str]) -> str:
    first, *rest = dice.sample(rules, len(rules))
    words = [first, *(f"not {name}" if dice.random() < 0.4 else name for name in rest)]
    if dice.random() < 0.3:
        dice.shuffle(words)
    # An order of alternatives has no meaning, so that a converter has to refuse it.
    return (" or " if dice.random() < 0.04 else " and ").join(words)


def _expression(dice: random.Random, rules: Sequence[str]) -> str:
    if len(rules) == 1:
        return f"not {rules[0]}" if dice.random() < 0.25 else rules[0]
    cut = dice.randrange(1, len(rules))
    sides = [_expression(dice, part) for part in (rules[:cut], rules[cut:])]
    text = dice.choice((" and ", " or ")).join(side if " " not in side else f"({side})" for side in sides)
    return f"not ({text})" if dice.random() < 0.12 else text


# Shapes


def _flat(draft: Draft) -> None:
    draft.add(measured(draft.dice), draft.some_bases(1, 2), draft.dice.choice(GROUPS))


def _temporal(draft: Draft) -> None:
    rules = draft.some_bases(2, 4)
    draft.add(sequence(draft.dice, rules), rules, draft.dice.choice(GROUPS))


def _aliased(draft: Draft) -> None:
    """Group-by or the counted field is called differently in some of the rules."""
    dice = draft.dice
    rules = draft.some_bases(2, 3)
    name = dice.choice(list(ALIASES))
    aliases = {name: {rule: dice.choice(ALIASES[name]) for rule in rules}}
    if name in NUMERIC_ALIASES:
        kind, condition = measured(dice, [name], [name])
        group_by: Sequence[str] = dice.choice(GROUPS[:4])
    else:
        kind, condition = dice.choice((measured(dice), sequence(dice, rules)))
        group_by = [name, *dice.choice(((), (), ("event.outcome",)))]
        if kind == "value_count" and dice.random() < 0.3:
            condition["field"], group_by = name, ()
    draft.add((kind, condition), rules, group_by, aliases)


def _inner(draft: Draft, group_by: Sequence[str]) -> str:
    """A correlation over events, with at least this group-by."""
    rules = draft.some_bases(1, 3)
    made = measured(draft.dice) if draft.dice.random() < 0.7 or len(rules) < 2 else sequence(draft.dice, rules)
    return draft.add(made, rules, group_by)


def _outer_group(dice: random.Random) -> tuple[str, ...]:
    return dice.choice(((), ("organization.id",), ("event.outcome",), ("user.id",), ("user.id",)))


def _with_extras(dice: random.Random, group_by: Sequence[str], most: int) -> list[str]:
    extras = [name for name in EXTRAS if name not in group_by]
    return [*group_by, *dice.sample(extras, dice.randint(0, most))]


def _chain(draft: Draft) -> None:
    """Over one correlation, or over two or three of them."""
    dice = draft.dice
    group_by = _outer_group(dice)
    inner_group = _with_extras(dice, group_by, 2)
    if dice.random() < 0.6:
        inner = _inner(draft, inner_group)
        numbers = [name for name in inner_group if name in NUMBERS]
        draft.add(measured(dice, inner_group, numbers), [inner], group_by)
        return
    alike = dice.random() < 0.5
    inners = [
        _inner(draft, inner_group if alike else _with_extras(dice, group_by, 1)) for _ in range(dice.choice((2, 2, 3)))
    ]
    made = sequence(dice, inners) if dice.random() < 0.8 else measured(dice, inner_group if alike else group_by, ())
    draft.add(made, inners, group_by)


def _mixed(draft: Draft) -> None:
    """Over a correlation and events side by side, now and then with different names for the group."""
    dice = draft.dice
    group_by: Sequence[str] = _outer_group(dice)
    inner_group = _with_extras(dice, group_by, 1)
    inner = _inner(draft, inner_group)
    bases = draft.some_bases(1, 2)
    rules = dice.sample([inner, *bases], len(bases) + 1)
    aliases = None
    if group_by == ("user.id",) and dice.random() < 0.5:
        aliases = {"who": {rule: "user.id" if rule == inner else dice.choice(ALIASES["who"]) for rule in rules}}
        group_by = ["who"]
    made = sequence(dice, rules) if dice.random() < 0.6 else measured(dice, inner_group, ())
    draft.add(made, rules, group_by, aliases)


def _deep(draft: Draft) -> None:
    """Three levels; on the second and the third, events or another correlation may come in."""
    dice = draft.dice
    third = _outer_group(dice)
    second = _with_extras(dice, third, 1)
    first = _with_extras(dice, second, 1)
    rules = [_inner(draft, first)]
    for group_by, below in ((second, first), (third, second)):
        if dice.random() < 0.3:
            rules += draft.some_bases(1, 1)
        elif dice.random() < 0.3:
            rules.append(_inner(draft, below))
        numbers = [name for name in below if name in NUMBERS]
        counts = len(rules) == 1 or dice.random() < 0.4
        made = measured(dice, below, numbers) if counts else sequence(dice, rules)
        rules = [draft.add(made, rules, group_by)]
