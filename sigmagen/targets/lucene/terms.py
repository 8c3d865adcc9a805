"""Regular expressions in Lucene's syntax, for Lucene queries and ES|QL's RLIKE."""

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
from sigmagen.targets.regex import Pcre, describe

_MAX_OPTIONS = 64
_ENDS = ("very_end", "end", "line_end")
_WORD, _OTHER = "[0-9A-Z_a-z]", "[^0-9A-Z_a-z]"


class Lucene(Pcre):
    """Lucene matches a whole value and has no anchors, so the text around the match is part of the pattern."""

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
    """The text that may lie between each anchor and the edge of the value."""

    def text(self, node: Node) -> str:
        wholes = [self._print_option(parts) for parts in _options(node)]
        before, _, after = wholes[0]
        if len(wholes) > 1 and all((first, last) == (before, after) for first, _, last in wholes):
            return f"{before}({'|'.join(body or '()' for _, body, _ in wholes)}){after}"
        texts = [first + body + last for first, body, last in wholes]
        return "|".join(".*" if text == ".*.*" else text or "()" for text in texts)

    def _print_option(self, parts: list[Node]) -> tuple[str, str, str]:
        """The patterns of the text before one option, of the option itself, and of the text after it."""
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
        return (
            self._print_edge(before, body, last=False),
            self.node(body, last=False),
            self._print_edge(after, body, last=True),
        )

    def _print_edge(self, places: set[str], body: Chain, *, last: bool) -> str:
        """The pattern of the text before (`last`: after) the body, by the anchors there."""
        in_word = "word" not in places or _is_edge_in_word(body, last=last)
        for place, text in self.places.items():
            if place in places:
                if not in_word:
                    raise RegexError("a word boundary where there is no word")
                return text
        if "word" not in places:
            return ".*"
        if in_word:
            return f"({_OTHER}.*)?" if last else f"(.*{_OTHER})?"
        return f"{_WORD}.*" if last else f".*{_WORD}"

    def node(self, node: Node, *, last: bool) -> str:
        if isinstance(node, Choice):
            return "|".join(self.node(option, last=last) or "()" for option in node.options)
        return super().node(node, last=last)

    def line(self) -> str:
        return "[^\n]"

    def mode(self, node: Repeat) -> str:
        """Greediness doesn't change whether there is a match."""
        if node.mode == "possessive":
            raise RegexError("a possessive repetition, which Lucene does not support")
        return ""

    def anchor(self, node: Anchor, *, last: bool) -> str:
        raise RegexError("an anchor or word boundary inside the expression, which Lucene does not support")

    def special(self, node: Atomic | Look | Back) -> str:
        raise RegexError(f"{describe(node)}, which Lucene does not support")

    def character(self, code: int, escaped: str) -> str:
        return "\\" + chr(code) if chr(code) in escaped else chr(code)


LUCENE = Lucene()


def _options(node: Node) -> list[list[Node]]:
    """The expression as alternatives, each a list of parts. Choices with anchors are expanded."""
    if isinstance(node, Choice):
        return list(chain.from_iterable(_options(option) for option in node.options))
    if isinstance(node, Group) and _has_anchor(node.part):
        return _options(node.part)
    if not isinstance(node, Chain):
        return [[node]]
    found: list[list[Node]] = [[]]
    for part in node.parts:
        if not (isinstance(part, Choice | Group | Chain) and _has_anchor(part)):
            for option in found:
                option.append(part)
            continue
        found = [[*before, *ending] for before in found for ending in _options(part)]
        if len(found) > _MAX_OPTIONS:
            raise RegexError("too many alternatives with anchors")
    return found


def _has_anchor(node: Node) -> bool:
    if isinstance(node, Choice):
        return any(_has_anchor(option) for option in node.options)
    if isinstance(node, Group):
        return _has_anchor(node.part)
    return any(_has_anchor(part) for part in node.parts) if isinstance(node, Chain) else isinstance(node, Anchor)


def _is_edge_in_word(body: Chain, *, last: bool) -> bool:
    """Whether the body starts (`last`: ends) with a word character. Raises RegexError if that depends on the value."""
    found, empty = outermost(body, last=last)
    if empty or not (within(found, WORD) or within(found, complement(WORD))):
        raise RegexError("a word boundary beside a character that may or may not belong to a word")
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
