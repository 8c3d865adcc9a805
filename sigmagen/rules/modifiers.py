"""Checks of a detection item's modifiers: conflicts, required types, and the number of values that they produce.

https://sigmahq.io/sigma-specification/specification/sigma-appendix-modifiers.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations

_PLACES = ("contains", "startswith", "endswith")
_UTF16 = ("utf16", "utf16le", "utf16be", "wide")
_BASE64 = ("base64", "base64offset")
_ORDER = ("lt", "lte", "gt", "gte")
_TIME_PARTS = ("minute", "hour", "day", "week", "month", "year")
_FLAGS = ("i", "ignorecase", "m", "multiline", "s", "dotall")
# Each of these defines the type of a value; without them it is text.
_KINDS = ("re", "cidr", "exists", "fieldref", *_ORDER, *_TIME_PARTS)
_OF_TEXT = (*_PLACES, "cased", "windash", *_UTF16, *_BASE64)
_NEEDS_TEXT = ("re", "cidr", "fieldref")

DASH = re.compile(r"\B[-/]\b")
DASHES = ("-", "/", "\u2013", "\u2014", "\u2015")
"""Hyphen, slash, en dash, em dash, horizontal bar: the characters that `windash` exchanges."""


def find_conflict(modifiers: Sequence[str]) -> str | None:
    """Return why the modifiers of an item contradict each other; None if they don't."""
    for first, second in combinations(dict.fromkeys(modifiers), 2):
        if _contradict(first, second):
            return f"the modifiers '{first}' and '{second}' contradict each other"
    for flag in _FLAGS:
        if flag in modifiers and "re" not in modifiers:
            return f"the modifier '{flag}' is only valid for regular expressions: write |re|{flag}"
    encoded = next((name for name in _UTF16 if name in modifiers), None)
    if encoded and not any(name in modifiers[modifiers.index(encoded) :] for name in _BASE64):
        return f"the modifier '{encoded}' produces bytes, which no field contains: add |base64 or |base64offset"
    return None


def _contradict(first: str, second: str) -> bool:
    pair = {first, second}
    if pair <= {*_PLACES} or pair <= {*_UTF16} or pair <= {*_ORDER} or pair <= {*_TIME_PARTS}:
        return True
    if pair <= {*_KINDS}:
        return not (pair & {*_ORDER} and pair & {*_TIME_PARTS})
    kinds, text = pair & {*_KINDS}, pair & {*_OF_TEXT}
    return bool(kinds and text) and not (kinds == {"fieldref"} and text <= {*_PLACES})


def find_text_modifier(modifiers: Sequence[str]) -> str | None:
    """Return the modifier of an item that only accepts text, if there is one."""
    return next((name for name in modifiers if name in (*_NEEDS_TEXT, *_OF_TEXT)), None)


def count_spellings(value: str, modifiers: Sequence[str]) -> int:
    """Return the number of values that the modifiers produce from one text.

    >>> count_spellings("x -a /b", ["windash"]), count_spellings("abc", ["base64offset", "contains"])
    (25, 3)
    >>> count_spellings("-a", [])
    1
    """
    dashes = len(DASH.findall(value)) if "windash" in modifiers else 0
    return int(len(DASHES) ** dashes * 3 ** modifiers.count("base64offset"))


def get_modifier_name(class_name: str, modifiers: Sequence[str]) -> str:
    """Return the name of the modifier that a class of pySigma (or `sigmagen.rules.encoding`) implements."""
    from sigma.modifiers import modifier_mapping

    return next((name for name in modifiers if modifier_mapping[name].__name__ == class_name), class_name)
