r"""Parsing regular expressions into a tree, which each dialect prints in its own syntax (`sigmagen.targets.regex`).

Sigma's expressions are PCRE without Unicode properties: `\d`, `\s`, `\w` and `\b` are ASCII, and `$` and `\Z` also
match before a final line break. The tree does not depend on a dialect's definition of classes and case: character sets
are ranges of code points, and under the flag `i` each set contains both cases.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Literal

from sigmagen.expr.pcre import RegexError, translate_to_python

Ranges = tuple[tuple[int, int], ...]
"""Inclusive ranges of code points, ascending and disjoint."""

LAST = 0x10FFFF
ANY: Ranges = ((0, LAST),)
LINE_BREAK = 10
DIGIT: Ranges = ((48, 57),)
SPACE: Ranges = ((9, 13), (32, 32))
WORD: Ranges = ((48, 57), (65, 90), (95, 95), (97, 122))
# The last letter with another case.
_LAST_CASED = 0x1E943
_DEEPEST = 100


@dataclass(frozen=True, slots=True)
class Chars:
    """One character of a set."""

    ranges: Ranges


@dataclass(frozen=True, slots=True)
class Chain:
    """A sequence of parts; without parts, the empty text."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """Any of the options."""

    options: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """A part, repeated `low` to `high` times (None: unlimited)."""

    part: Node
    low: int
    high: int | None
    mode: Literal["greedy", "lazy", "possessive"] = "greedy"


@dataclass(frozen=True, slots=True)
class Anchor:
    """A position between characters. `end` is the end of the text, or before a final line break."""

    kind: Literal["start", "end", "very_end", "line_start", "line_end", "word", "inner"]


@dataclass(frozen=True, slots=True)
class Group:
    """A part that a back-reference can refer to."""

    part: Node
    number: int


@dataclass(frozen=True, slots=True)
class Atomic:
    """A part without backtracking."""

    part: Node


@dataclass(frozen=True, slots=True)
class Look:
    """A look-ahead or look-behind, positive or negative."""

    part: Node
    ahead: bool
    negated: bool


@dataclass(frozen=True, slots=True)
class Back:
    """A back-reference to a group."""

    number: int
    ignore_case: bool


Node = Chars | Chain | Choice | Repeat | Anchor | Group | Atomic | Look | Back


def parse(pattern: str, flags: str = "") -> Node:
    """Parse a pattern with the flags `i`, `m` and `s`. Raises RegexError.

    Uses Python's own parser, a private module of the standard library that is used only here.
    """
    parser = importlib.import_module("re._parser")
    constants = importlib.import_module("re._constants")
    bits = {"i": constants.SRE_FLAG_IGNORECASE, "m": constants.SRE_FLAG_MULTILINE, "s": constants.SRE_FLAG_DOTALL}
    given = 0
    for flag in flags:
        given |= bits[flag]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = parser.parse(translate_to_python(pattern), given)
    except (constants.error, OverflowError) as error:
        raise RegexError(str(error)) from None
    except RecursionError:
        raise RegexError(_TOO_DEEP) from None
    return _Reader(constants).chain(tree, tree.state.flags)


class _Reader:
    """Converts Python's tree to ours."""

    def __init__(self, constants: Any) -> None:
        self.constants = constants
        self.depth = 0

    def chain(self, items: Any, flags: int) -> Node:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise RegexError(_TOO_DEEP)
        parts = tuple(self.node(str(code), argument, flags) for code, argument in items)
        self.depth -= 1
        return parts[0] if len(parts) == 1 else Chain(parts)

    def node(self, code: str, argument: Any, flags: int) -> Node:
        if code in ("LITERAL", "NOT_LITERAL", "IN", "ANY"):
            return Chars(self.ranges(code, argument, flags))
        if code == "AT":
            return Anchor(_PLACES[str(argument)][bool(flags & self.constants.SRE_FLAG_MULTILINE)])
        if code == "BRANCH":
            return Choice(tuple(self.chain(option, flags) for option in argument[1]))
        if code in _REPEATS:
            low, high, part = argument
            high = None if high == self.constants.MAXREPEAT else int(high)
            return Repeat(self.chain(part, flags), int(low), high, _REPEATS[code])
        if code == "SUBPATTERN":
            number, added, removed, part = argument
            inner = self.chain(part, (flags | added) & ~removed)
            return inner if number is None else Group(inner, number)
        if code == "ATOMIC_GROUP":
            return Atomic(self.chain(argument, flags))
        if code in ("ASSERT", "ASSERT_NOT"):
            return self.look(argument, negated=code == "ASSERT_NOT", flags=flags)
        if code == "GROUPREF":
            return Back(argument, bool(flags & self.constants.SRE_FLAG_IGNORECASE))
        raise RegexError("a conditional group" if code == "GROUPREF_EXISTS" else f"the construct {code}")

    def look(self, argument: Any, *, negated: bool, flags: int) -> Node:
        direction, part = argument
        ahead = direction > 0
        shortest, longest = part.getwidth()
        if not ahead and shortest != longest:
            raise RegexError("a look-behind of variable length")
        look = Look(self.chain(part, flags), ahead, negated)
        return Anchor("very_end") if look == _NOTHING_AHEAD else look

    def ranges(self, code: str, argument: Any, flags: int) -> Ranges:
        if code == "ANY":
            everything = flags & self.constants.SRE_FLAG_DOTALL
            return ANY if everything else complement(((LINE_BREAK, LINE_BREAK),))
        items = argument if code == "IN" else [("LITERAL", argument)]
        negated = code == "NOT_LITERAL" or str(items[0][0]) == "NEGATE"
        found = unite(*(_members(str(kind), value) for kind, value in items))
        if flags & self.constants.SRE_FLAG_IGNORECASE:
            found = both_cases(found)
        return complement(found) if negated else found


_TOO_DEEP = f"groups nested more than {_DEEPEST} levels deep"
_NOTHING_AHEAD = Look(Chars(ANY), ahead=True, negated=True)
_REPEATS: dict[str, Literal["greedy", "lazy", "possessive"]] = {
    "MAX_REPEAT": "greedy",
    "MIN_REPEAT": "lazy",
    "POSSESSIVE_REPEAT": "possessive",
}
_PLACES: dict[str, tuple[Any, Any]] = {
    "AT_BEGINNING": ("start", "line_start"),
    "AT_BEGINNING_STRING": ("start", "start"),
    "AT_END": ("end", "line_end"),
    "AT_END_STRING": ("end", "end"),
    "AT_BOUNDARY": ("word", "word"),
    "AT_NON_BOUNDARY": ("inner", "inner"),
}
_CATEGORIES = {"DIGIT": DIGIT, "SPACE": SPACE, "WORD": WORD}


def _members(kind: str, value: Any) -> Ranges:
    if kind == "LITERAL":
        return ((value, value),)
    if kind == "RANGE":
        return (tuple(value),)
    if kind == "CATEGORY":
        name = str(value).removeprefix("CATEGORY_")
        return complement(_CATEGORIES[name[4:]]) if name.startswith("NOT_") else _CATEGORIES[name]
    return ()


def anchored(node: Node) -> bool:
    """Return whether the expression contains an anchor."""
    if isinstance(node, Anchor):
        return node.kind not in ("word", "inner")
    if isinstance(node, Chain | Choice):
        return any(anchored(part) for part in (node.parts if isinstance(node, Chain) else node.options))
    return isinstance(node, Repeat | Group | Atomic | Look) and anchored(node.part)


def matches_empty(node: Node) -> bool:
    """Return whether the expression matches the empty text."""
    if isinstance(node, Chain):
        return all(matches_empty(part) for part in node.parts)
    if isinstance(node, Choice):
        return any(matches_empty(option) for option in node.options)
    if isinstance(node, Repeat):
        return node.low == 0 or matches_empty(node.part)
    if isinstance(node, Group | Atomic):
        return matches_empty(node.part)
    if isinstance(node, Look):
        return matches_empty(node.part) != node.negated
    return isinstance(node, Anchor) and node.kind != "word"


def wildcards(parts: Sequence[str | int], *, ignore_case: bool) -> Node:
    """Return the tree for a whole text: literal text, 0 for any text (`*`), 1 for any character (`?`).

    There is no anchor next to any text at either end.
    """
    first, last = (part == 0 for part in (parts[0], parts[-1]))
    found: list[Node] = [] if first else [Anchor("start")]
    for part in parts[first : len(parts) - last]:
        if isinstance(part, str):
            letters: list[Ranges] = [((ord(letter), ord(letter)),) for letter in part]
            found += [Chars(_same_letter(letter[0][0]) if ignore_case else letter) for letter in letters]
        else:
            found.append(Chars(ANY) if part == 1 else Repeat(Chars(ANY), 0, None))
    return Chain(tuple(found) if last else (*found, Anchor("very_end")))


# Sets of characters.


def unite(*sets: Ranges) -> Ranges:
    """Return all characters of all sets."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(item for ranges in sets for item in ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def complement(ranges: Ranges) -> Ranges:
    """Return all other characters."""
    found, next_low = [], 0
    for low, high in ranges:
        if low > next_low:
            found.append((next_low, low - 1))
        next_low = high + 1
    return (*found, (next_low, LAST)) if next_low <= LAST else tuple(found)


def within(inner: Ranges, outer: Ranges) -> bool:
    """Return whether each character of `inner` is in `outer`."""
    return unite(inner, outer) == unite(outer)


def both_cases(ranges: Ranges) -> Ranges:
    """Return the set with all case variants of its characters (Unicode's simple folding)."""
    families = _families()
    extra = {
        other
        for low, high in ranges
        for code in range(low, min(high, _LAST_CASED) + 1)
        for other in families.get(code, ())
    }
    return unite(ranges, tuple((code, code) for code in sorted(extra)))


@lru_cache(maxsize=4096)
def _same_letter(code: int) -> Ranges:
    """Return the characters that are equal to a letter in text comparisons: those with the same lower case.

    All sigmas are equal.
    """
    wanted = chr(code).lower()
    family = _families().get(code, (code,))
    return unite(*(((other, other),) for other in family if chr(other).lower() == wanted or 0x3C3 in family))


@cache
def _families() -> dict[int, tuple[int, ...]]:
    """Return code point -> all code points of the same letter, except foldings to several letters (ß, ligatures)."""
    letters: dict[str, set[int]] = {}
    for code in range(_LAST_CASED + 1):
        letter = chr(code)
        folded = letter.casefold() if len(letter.casefold()) == 1 else letter.lower()
        if len(folded) == 1 and (folded != letter or letter.upper() != letter):
            letters.setdefault(folded, set()).add(code)
    return {code: tuple(sorted(members)) for members in letters.values() if len(members) > 1 for code in members}
