"""Regular expressions for ES|QL's RLIKE, in Lucene's syntax."""

from __future__ import annotations

from itertools import chain
from typing import ClassVar

from sigmagen.expr.pcre import RegexError
from sigmagen.expr.regex import (
    ANY,
    WORD,
    Anchor,
    Atomic,
    Back,
    Chain,
    Chars,
    Choice,
    Group,
    Look,
    Node,
    Ranges,
    Repeat,
    complement,
    unite,
    within,
)
from sigmagen.targets.regex import Pcre, called

_MOST_OPTIONS = 64
_ENDS = ("very_end", "end", "line_end")
_WORD, _OTHER = "[0-9A-Z_a-z]", "[^0-9A-Z_a-z]"


class Lucene(Pcre):
    """Lucene matches a whole value and has no anchors, so what may stand around the expression is written out."""

    escaped: ClassVar[str] = r"\.+*?()|[]{}^$" + '"#@&<>~-'
    escaped_in_class: ClassVar[str] = r"\[]^-&~" + '"'
    anything: ClassVar[str] = "."
    open_group: ClassVar[str] = "("
    places: ClassVar[dict[str, str]] = {
        "start": "",
        "very_end": "",
        "end": "\n?",
        "line_start": "(.*\n)?",
        "line_end": "(\n.*)?",
    }
    """What may stand between an anchor of the expression and the edge of the value."""

    def text(self, node: Node) -> str:
        wholes = [self._whole(parts) for parts in _options(node)]
        before, _, after = wholes[0]
        if len(wholes) > 1 and all((first, last) == (before, after) for first, _, last in wholes):
            return f"{before}({'|'.join(body or '()' for _, body, _ in wholes)}){after}"
        texts = [first + body + last for first, body, last in wholes]
        return "|".join(".*" if text == ".*.*" else text or "()" for text in texts)

    def _whole(self, parts: list[Node]) -> tuple[str, str, str]:
        """What may stand before one option, the option itself, what may stand after."""
        parts = list(parts)
        before: set[str] = set()
        after: set[str] = set()
        while parts and isinstance(part := parts[0], Anchor) and part.kind in ("start", "line_start", "word"):
            before.add(part.kind)
            parts.pop(0)
        while parts and isinstance(part := parts[-1], Anchor) and part.kind in (*_ENDS, "word"):
            after.add(part.kind)
            parts.pop()
        body = Chain(tuple(parts))
        return self._around(before, body, last=False), self.node(body, last=False), self._around(after, body, last=True)

    def _around(self, places: set[str], body: Chain, *, last: bool) -> str:
        """The text that may stand where the value, a line or a word begins or ends."""
        beside_word = "word" not in places or _beside_word(body, last=last)
        for place, text in self.places.items():
            if place in places:
                if not beside_word:
                    raise RegexError("a word boundary where there is no word")
                return text
        if "word" not in places:
            return ".*"
        if beside_word:
            return f"({_OTHER}.*)?" if last else f"(.*{_OTHER})?"
        return f"{_WORD}.*" if last else f".*{_WORD}"

    def node(self, node: Node, *, last: bool) -> str:
        if isinstance(node, Choice):
            return "|".join(self.node(option, last=last) or "()" for option in node.options)
        return super().node(node, last=last)

    def line(self) -> str:
        return "[^\n]"

    def mode(self, node: Repeat) -> str:
        """Whether there is a match does not depend on greed."""
        if node.mode == "possessive":
            raise RegexError("a possessive repetition, which Lucene does not have")
        return ""

    def anchor(self, node: Anchor, *, last: bool) -> str:
        raise RegexError("an anchor or word boundary inside the expression, which Lucene does not have")

    def special(self, node: Atomic | Look | Back) -> str:
        raise RegexError(f"{called(node)}, which Lucene does not have")

    def character(self, code: int, escaped: str) -> str:
        return "\\" + chr(code) if chr(code) in escaped else chr(code)


LUCENE = Lucene()


def _options(node: Node) -> list[list[Node]]:
    """The expression as alternatives, each a list of parts: a choice that holds anchors is multiplied out."""
    if isinstance(node, Choice):
        return list(chain.from_iterable(_options(option) for option in node.options))
    if isinstance(node, Group) and _anchored(node.part):
        return _options(node.part)
    if not isinstance(node, Chain):
        return [[node]]
    found: list[list[Node]] = [[]]
    for part in node.parts:
        if not (isinstance(part, Choice | Group | Chain) and _anchored(part)):
            for option in found:
                option.append(part)
            continue
        found = [[*before, *ending] for before in found for ending in _options(part)]
        if len(found) > _MOST_OPTIONS:
            raise RegexError("too many alternatives with anchors")
    return found


def _anchored(node: Node) -> bool:
    if isinstance(node, Choice):
        return any(_anchored(option) for option in node.options)
    if isinstance(node, Group):
        return _anchored(node.part)
    return any(_anchored(part) for part in node.parts) if isinstance(node, Chain) else isinstance(node, Anchor)


def _beside_word(body: Chain, *, last: bool) -> bool:
    """Whether the body's outermost character belongs to a word. Raises RegexError where that depends on the value."""
    found, empty = outermost(body, last=last)
    if empty or not (within(found, WORD) or within(found, complement(WORD))):
        raise RegexError("a word boundary beside what may or may not be a word's character")
    return within(found, WORD)


def outermost(node: Node, *, last: bool) -> tuple[Ranges, bool]:
    """The characters that a match can begin (`last`: end) with, and whether it can be empty."""
    if isinstance(node, Chars):
        return node.ranges, False
    if isinstance(node, Choice):
        sets = [outermost(option, last=last) for option in node.options]
        return unite(*(found for found, _ in sets)), any(empty for _, empty in sets)
    if isinstance(node, Repeat):
        found, empty = outermost(node.part, last=last)
        return found, empty or node.low == 0
    if isinstance(node, Group | Atomic):
        return outermost(node.part, last=last)
    if not isinstance(node, Chain):
        return ANY, True
    seen: Ranges = ()
    for part in reversed(node.parts) if last else node.parts:
        found, empty = outermost(part, last=last)
        seen = unite(seen, found)
        if not empty:
            return seen, False
    return seen, True
