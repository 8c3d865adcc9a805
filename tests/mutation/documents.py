"""Random changes to YAML: to what it says, and to how it is written."""

from __future__ import annotations

import copy
from collections.abc import Callable
from random import Random
from typing import Any

import yaml

Place = tuple[Any, Any]
"""A mapping or list, and the key or index of one of its values."""

ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    2**63,
    -(2**63) - 1,
    10**400,
    1.5,
    float("nan"),
    float("inf"),
    "",
    " ",
    "*",
    "?",
    "\\",
    "%a%",
    "%%%",
    "(((",
    "a" * 10_000,
    "\x00",
    "\x1b[31m",
    "\u202e",
    "\ud7ff\U0010ffff",
    "1 of them",
    "and or not",
    "2026-01-01",
    "0x10",
    "1h",
    "99999999999d",
    '"; drop table x; --',
    "'|`",
    [],
    [[]],
    [None],
    {},
    {"": ""},
    {1: 2},
    {"a": {"b": {"c": []}}},
    ["*"] * 300,
)
"""Values where others are expected: wrong types, limits of types, and text that means something to some language."""

ODD_KEYS: tuple[Any, ...] = (
    "",
    " ",
    None,
    1,
    True,
    "selection",
    "condition",
    "timeframe",
    "field|re",
    "field|cidr",
    "field|base64offset|contains",
    "field|utf16le|base64",
    "field|windash|all",
    "field|expand",
    "field|exists",
    "field|gt|lt",
    "field|fieldref",
    "|all",
    "a.b.c",
    "a b",
    'a"b',
    "\x1b",
)

ODD_LINES: tuple[str, ...] = (
    "---",
    "...",
    "- -",
    "? a",
    "&a [*a]",
    "<<: *b",
    "!!python/object:os.system {}",
    "!!binary aGVsbG8=",
    "\tkey: value",
    "key: |",
    "key: >-",
    "%YAML 9.9",
    "{",
    "]",
    "'",
    '"',
    "key: !!float x",
    "on: off",
    "#",
    "\x85\u2028",
)


def mutate_text(text: str, random: Random) -> str:
    """A YAML text with a few random changes, of its data or of its lines."""
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        text = random.choice((_mutate_data, _mutate_data, _mutate_lines))(text, random)
    return text


def _mutate_data(text: str, random: Random) -> str:
    try:
        documents = copy.deepcopy(list(yaml.safe_load_all(text)))
        places = [place for document in documents for place in places_of(document)]
        if not places:
            return text
        random.choice(CHANGES)(random, places)
        return yaml.safe_dump_all(documents, sort_keys=False, allow_unicode=True)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError, OverflowError):
        # Broken by a change before this one, or not to be written as YAML.
        return text


def places_of(node: Any) -> list[Place]:
    """Every value below a node, by what holds it."""
    if isinstance(node, dict):
        children = list(node)
    elif isinstance(node, list):
        children = list(range(len(node)))
    else:
        return []
    return [place for key in children for place in ((node, key), *places_of(node[key]))]


def _replace(random: Random, places: list[Place]) -> None:
    holder, key = random.choice(places)
    holder[key] = copy.deepcopy(random.choice(ODD_VALUES))


def _delete(random: Random, places: list[Place]) -> None:
    holder, key = random.choice(places)
    del holder[key]


def _rename(random: Random, places: list[Place]) -> None:
    holder, key = random.choice(places)
    if isinstance(holder, dict):
        holder[random.choice(ODD_KEYS)] = holder.pop(key)


def _wrap(random: Random, places: list[Place]) -> None:
    holder, key = random.choice(places)
    holder[key] = [holder[key]] if random.random() < 0.5 else {random.choice(ODD_KEYS): holder[key]}


def _swap(random: Random, places: list[Place]) -> None:
    (one, first), (other, second) = random.choice(places), random.choice(places)
    one[first], other[second] = copy.deepcopy(other[second]), copy.deepcopy(one[first])


def _grow(random: Random, places: list[Place]) -> None:
    holder, key = random.choice(places)
    if isinstance(holder, list):
        holder.extend(copy.deepcopy(holder[key]) for _ in range(random.choice((1, 300))))
    else:
        holder[key] = [copy.deepcopy(holder[key]) for _ in range(random.choice((2, 300)))]


def _insert(random: Random, places: list[Place]) -> None:
    holder, _ = random.choice(places)
    if isinstance(holder, dict):
        holder[random.choice(ODD_KEYS)] = copy.deepcopy(random.choice(ODD_VALUES))
    else:
        holder.insert(random.randint(0, len(holder)), copy.deepcopy(random.choice(ODD_VALUES)))


def _insert_into_text(random: Random, places: list[Place]) -> None:
    texts = [(holder, key) for holder, key in places if isinstance(holder[key], str)]
    if texts:
        holder, key = random.choice(texts)
        at = random.randint(0, len(holder[key]))
        holder[key] = holder[key][:at] + str(random.choice(ODD_VALUES))[:200] + holder[key][at:]


CHANGES: tuple[Callable[[Random, list[Place]], None], ...] = (
    _replace,
    _replace,
    _delete,
    _rename,
    _wrap,
    _swap,
    _grow,
    _insert,
    _insert_into_text,
)


def _mutate_lines(text: str, random: Random) -> str:
    lines = text.split("\n")
    at = random.randrange(len(lines))
    kind = random.choice(("delete", "repeat", "insert", "indent", "cut", "swap"))
    if kind == "delete":
        del lines[at]
    elif kind == "repeat":
        lines[at:at] = lines[at : at + random.randint(1, 10)]
    elif kind == "insert":
        lines.insert(at, random.choice(ODD_LINES))
    elif kind == "indent":
        lines[at] = " " * random.randint(1, 9) + lines[at]
    elif kind == "cut":
        lines[at] = lines[at][: random.randint(0, len(lines[at]))]
    else:
        other = random.randrange(len(lines))
        lines[at], lines[other] = lines[other], lines[at]
    return "\n".join(lines)
