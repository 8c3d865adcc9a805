"""Text comparisons: equality, prefixes, suffixes and wildcards, case-sensitive or not.

Ignoring case, two letters are equal if they have the same lower case. Dialects agree on that except for two letters:
capital sigma, which has a context-dependent lower case in Java, and capital I with a dot. Text with one of these is
compared by sets of characters instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sigma.types import SpecialChars

from sigmagen.expr.tree import Call, Expr, Literal, call

_DISPUTED = frozenset("\u0130\u03a3\u03c2\u03c3")

ANY_TEXT, ANY_CHARACTER = 0, 1
"""`*` and `?` in the parts of a pattern. They are numbers, so that no text can be mistaken for a wildcard."""


def fold_case(text: str) -> str:
    """Convert a text to lower case letter by letter, as SQL, KQL and SPL do.

    >>> fold_case("\u0391\u03a3"), "\u0391\u03a3".lower()
    ('\u03b1\u03c3', '\u03b1\u03c2')
    """
    return text.lower() if text.isascii() else "".join(letter.lower()[0] for letter in text)


def split_pattern(parts: Sequence[Any]) -> list[str | int]:
    """Return pySigma's parts, with wildcards as numbers and adjacent texts joined."""
    joined: list[str | int] = []
    for part in parts:
        if isinstance(part, SpecialChars):
            wildcard = ANY_TEXT if part is SpecialChars.WILDCARD_MULTI else ANY_CHARACTER
            if wildcard == ANY_CHARACTER or joined[-1:] != [ANY_TEXT]:
                joined.append(wildcard)
        elif joined and isinstance(joined[-1], str):
            joined[-1] += str(part)
        elif part:
            joined.append(str(part))
    return joined


def text_condition(subject: Expr, parts: list[str | int], *, cased: bool, lowered: bool) -> Expr:
    """Compare the whole `subject` with `parts`. `lowered` says that the subject is already in lower case."""
    texts = [part for part in parts if isinstance(part, str)]
    if not cased and any(not _DISPUTED.isdisjoint(text) for text in texts):
        return Call("like_ignoring_case", (subject, *map(Literal, parts)))
    if lowered and not cased:
        parts = [fold_case(part) if isinstance(part, str) else part for part in parts]
    exact = cased or lowered
    if not parts:
        return call("is_empty", subject)
    if len(parts) == 1 and isinstance(parts[0], str):
        return call("eq" if exact else "equals_ignoring_case", subject, parts[0])
    if not exact:
        subject = call("lower", subject)
        parts = [fold_case(part) if isinstance(part, str) else part for part in parts]
    return _wildcards(subject, parts)


def _wildcards(subject: Expr, parts: list[str | int]) -> Expr:
    texts = [part for part in parts if isinstance(part, str)]
    if len(texts) == 1 and ANY_CHARACTER not in parts and len(parts) <= 3:
        starts, ends = parts[0] == ANY_TEXT, parts[-1] == ANY_TEXT
        return call("contains" if starts and ends else "ends_with" if starts else "starts_with", subject, texts[0])
    return Call("like", (subject, *map(Literal, parts)))
