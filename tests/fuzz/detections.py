"""Random base rules: conditions over the fields of a world, with the modifiers that every dialect must say alike."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from tests.fuzz import world

Item = tuple[str, Any]
Document = dict[str, Any]

TEXTS = {
    "user_agent.original": world.AGENTS,
    "user.id": world.NAMES,
    "error.type": world.ERRORS,
    "cloud.region": world.REGIONS,
    "gen_ai.request.model": world.MODELS,
    "gen_ai.prompt.hash": world.HASHES,
    "event.outcome": ("success", "failure"),
}
NUMBERS: dict[str, tuple[float, ...]] = {
    "http.response.status_code": world.STATUSES,
    "gen_ai.usage.input_tokens": world.TOKENS,
    "gen_ai.usage.output_tokens": world.TOKENS,
    "gen_ai.request.seed": world.SEEDS,
    "gen_ai.request.frequency_penalty": world.PENALTIES,
    "gen_ai.request.temperature": world.TEMPERATURES,
}
# Fields that are never the empty text, which a KQL column can't tell from a missing one.
NULLABLE = ("error.type", "cloud.region", "source.ip", "gen_ai.request.seed", "gen_ai.request.temperature")
CASELESS = ("gen_ai.prompt.hash",)
_SPECIAL: tuple[Item, ...] = (
    ("source.ip", world.ADDRESSES[0]),
    ("source.ip", list(world.ADDRESSES[1:3])),
    ("source.ip|cidr", "192.0.2.0/28"),
    ("source.ip|cidr", ["198.51.100.0/24", "2001:db8::/32"]),
    ("error.type|exists", True),
    ("gen_ai.request.seed|exists", False),
    ("user_agent.original|re", "^[cC]url/[0-9]"),
    ("user_agent.original|re|i", "q.*SLASH$"),
    ("user.id|fieldref", "gen_ai.api_key.id"),
    ("gen_ai.usage.input_tokens|fieldref", "gen_ai.usage.output_tokens"),
)


def base_rule(dice: random.Random, name: str) -> Document:
    """A base rule's document."""
    return {
        "title": f"Base {name}",
        "name": name,
        "logsource": {"category": "ai_inference"},
        "detection": dice.choice(_SHAPES)(dice),
    }


def _selection(dice: random.Random, items: int = 0) -> dict[str, Any]:
    return dict(_item(dice) for _ in range(items or dice.choice((1, 1, 2))))


def _one(dice: random.Random) -> Document:
    return {"selection": _selection(dice), "condition": "selection"}


def _alternatives(dice: random.Random) -> Document:
    return {"selection": [_selection(dice, 1), _selection(dice, 1)], "condition": "selection"}


def _without(dice: random.Random) -> Document:
    return {
        "selection": _selection(dice, 1),
        "filter": _selection(dice),
        "condition": dice.choice(("selection and not filter", "not filter and selection")),
    }


def _either(dice: random.Random) -> Document:
    condition = dice.choice(("1 of part_*", "part_1 or part_2", "all of part_*", "not (part_1 and part_2)"))
    return {"part_1": _selection(dice, 1), "part_2": _selection(dice, 1), "condition": condition}


def _neither(dice: random.Random) -> Document:
    """A condition of nothing but negations, on events that are certainly of interest."""
    return {
        "chat": {"gen_ai.operation.name": "chat"},
        "part_1": _selection(dice, 1),
        "part_2": _selection(dice),
        "condition": dice.choice(("chat and not 1 of part_*", "chat and not (part_1 or not part_2)")),
    }


_SHAPES: tuple[Callable[[random.Random], Document], ...] = (_one, _one, _alternatives, _without, _either, _neither)


def _item(dice: random.Random) -> Item:
    roll = dice.random()
    if roll < 0.4:
        return _text(dice)
    if roll < 0.75:
        return _number(dice)
    if roll < 0.85:
        return dice.choice(NULLABLE), None
    if roll < 0.92:
        return "gen_ai.request.logprobs", dice.random() < 0.6
    return dice.choice(_SPECIAL)


def _text(dice: random.Random) -> Item:
    name = dice.choice(list(TEXTS))
    values = TEXTS[name]
    value = dice.choice(values)
    if name in CASELESS:
        return dice.choice(((name, value), (name, list(values[:2])), (f"{name}|startswith", value[:3])))
    piece = dice.randrange(1, len(value)) if len(value) > 1 else 1
    cased = "|cased" if dice.random() < 0.15 else ""
    forms: tuple[Item, ...] = (
        (name + cased, _plain(value)),
        (name, _plain(value.swapcase())),
        (name, [_plain(one) for one in dice.sample(values, 2)]),
        (f"{name}|startswith{cased}", _plain(value[:piece])),
        (f"{name}|endswith{cased}", _plain(value[-piece:])),
        (f"{name}|contains{cased}", _plain(value[piece - 1 : piece + 2])),
        (f"{name}|contains", [_plain(value[:2]), _plain(dice.choice(values)[-2:])]),
        (f"{name}|contains|all", [_plain(value[:1]), _plain(value[-1:])]),
        (name, _plain(value[:piece]) + "*"),
        (name, "?" + _plain(value[1:2]) + "*"),
        (name, _plain(value[:1]) + "*" + _plain(value[-1:])),
    )
    return dice.choice(forms)


def _plain(text: str) -> str:
    """The text with nothing in it that Sigma reads as a wildcard."""
    return text.replace("\\", "\\\\").replace("*", "\\*").replace("?", "\\?")


def _number(dice: random.Random) -> Item:
    name = dice.choice(list(NUMBERS))
    values = NUMBERS[name]
    value = dice.choice(values)
    modifier = dice.choice(("", "|lt", "|lte", "|gt", "|gte", "|gte", "|lte"))
    if not modifier and dice.random() < 0.4:
        return name, sorted(dice.sample(values, 2))
    return name + modifier, value
