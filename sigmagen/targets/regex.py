"""Regular expressions in the syntax of each dialect, from one tree (`sigmagen.expr.regex`).

Each printer prints exactly what the tree means, or raises RegexError with the reason.
"""

from __future__ import annotations

from typing import ClassVar

from sigmagen.expr.pcre import RegexError
from sigmagen.expr.regex import (
    ANY,
    LINE_BREAK,
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
    parse,
)

MAX_REPEATS = 1000
"""RE2 and Rust refuse longer counted repetitions; Lucene's automaton grows with them."""

_ALL_BUT_LINE_BREAK = complement(((LINE_BREAK, LINE_BREAK),))


class Pcre:
    """PCRE, which supports the whole tree. The match may be anywhere in the value."""

    escaped: ClassVar[str] = r"\.+*?()|[]{}^$"
    escaped_in_class: ClassVar[str] = r"\[]^-&~"
    anything: ClassVar[str] = "(?s:.)"
    open_group: ClassVar[str] = "(?:"

    def text(self, node: Node) -> str:
        """The whole expression."""
        return self.node(node, last=True)

    def node(self, node: Node, *, last: bool) -> str:
        """One part; `last` if nothing follows it in the expression."""
        if isinstance(node, Chars):
            return self.chars(node.ranges)
        if isinstance(node, Chain):
            end = len(node.parts) - 1
            return "".join(self.inside(part, last=last and at == end) for at, part in enumerate(node.parts))
        if isinstance(node, Choice):
            return "|".join(self.node(option, last=last) for option in node.options)
        if isinstance(node, Repeat):
            return self.repeat(node)
        if isinstance(node, Anchor):
            return self.anchor(node, last=last)
        if isinstance(node, Group):
            return f"({self.node(node.part, last=last)})"
        return self.special(node)

    def inside(self, node: Node, *, last: bool) -> str:
        """A part of a chain."""
        text = self.node(node, last=last)
        return f"{self.open_group}{text})" if isinstance(node, Choice) else text

    def repeat(self, node: Repeat) -> str:
        if max(node.low, node.high or 0) > MAX_REPEATS:
            raise RegexError(f"more than {MAX_REPEATS} repetitions")
        text = self.node(node.part, last=False)
        atom = isinstance(node.part, Chars | Group | Atomic | Look | Back)
        bounds = {(0, None): "*", (1, None): "+", (0, 1): "?"}.get((node.low, node.high))
        if bounds is None:
            high = "" if node.high is None else str(node.high)
            bounds = f"{{{node.low}}}" if node.low == node.high else f"{{{node.low},{high}}}"
        return (text if atom else f"{self.open_group}{text})") + bounds + self.mode(node)

    def mode(self, node: Repeat) -> str:
        return {"greedy": "", "lazy": "?", "possessive": "+"}[node.mode]

    def anchor(self, node: Anchor, *, last: bool) -> str:
        # PCRE's own multi-line `^` doesn't match after a line break at the end of the value.
        places = {"start": "^", "end": "$", "very_end": r"\z", "line_start": r"(?<![^\n])", "line_end": r"(?![^\n])"}
        return {**places, "word": r"\b", "inner": r"\B"}[node.kind]

    def special(self, node: Atomic | Look | Back) -> str:
        if isinstance(node, Atomic):
            return f"(?>{self.node(node.part, last=False)})"
        if isinstance(node, Back):
            return rf"(?i:\{node.number})" if node.ignore_case else rf"(?:\{node.number})"
        return f"(?{'' if node.ahead else '<'}{'!' if node.negated else '='}{self.node(node.part, last=False)})"

    # Characters.

    def chars(self, ranges: Ranges) -> str:
        if ranges == ANY:
            return self.anything
        if ranges == _ALL_BUT_LINE_BREAK:
            return self.line()
        if len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
            return self.character(ranges[0][0], self.escaped)
        negated = bool(ranges) and ranges[-1][1] == ANY[0][1]
        shown = complement(ranges) if negated else ranges
        if not shown:
            raise RegexError("an empty character class")
        return ("[^" if negated else "[") + "".join(self.span(low, high) for low, high in shown) + "]"

    def line(self) -> str:
        return "."

    def span(self, low: int, high: int) -> str:
        first = self.character(low, self.escaped_in_class)
        if low == high:
            return first
        return first + ("-" if high > low + 1 else "") + self.character(high, self.escaped_in_class)

    def character(self, code: int, escaped: str) -> str:
        letter = chr(code)
        if letter in escaped:
            return "\\" + letter
        named = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
        return named.get(letter) or (letter if letter.isprintable() else f"\\x{{{code:x}}}")


class Re2(Pcre):
    r"""What RE2 and Rust's regex crate (Kusto's engine today) have in common. `$` matches only the very end there."""

    def repeat(self, node: Repeat) -> str:
        if count_repetitions(node) > MAX_REPEATS:
            raise RegexError(f"nested repetitions, more than {MAX_REPEATS} in total")
        return super().repeat(node)

    def mode(self, node: Repeat) -> str:
        if node.mode == "possessive":
            raise RegexError("a possessive repetition, which RE2 does not support")
        return super().mode(node)

    def anchor(self, node: Anchor, *, last: bool) -> str:
        if node.kind == "end":
            if not last:
                raise RegexError("an end anchor before the end of the expression, which RE2 does not support")
            return r"\n?\z"
        places = {"start": "^", "very_end": r"\z", "line_start": "(?m:^)", "line_end": "(?m:$)"}
        return {**places, "word": r"\b", "inner": r"\B"}[node.kind]

    def special(self, node: Atomic | Look | Back) -> str:
        raise RegexError(f"{describe(node)}, which RE2 does not support")


class Re2ByLine(Re2):
    """RE2 as ClickHouse calls it: a dot would match line breaks, too."""

    def line(self) -> str:
        return r"[^\n]"


_WORD = "[0-9A-Za-z_]"


class Java(Pcre):
    r"""Java's. With `(?d)` only a line feed ends a line; `\b` would know letters beyond ASCII."""

    escaped_in_class: ClassVar[str] = Pcre.escaped_in_class + "&"

    def text(self, node: Node) -> str:
        return "(?d)" + super().text(node)

    def anchor(self, node: Anchor, *, last: bool) -> str:
        before, after, not_before, not_after = (f"({sign}{_WORD})" for sign in ("?<=", "?=", "?<!", "?!"))
        if node.kind == "word":
            return f"(?:{before}{not_after}|{not_before}{after})"
        if node.kind == "inner":
            return f"(?:{before}{after}|{not_before}{not_after})"
        return super().anchor(node, last=last)


class Joni(Java):
    """Joni's, as Trino calls it: Java's syntax without Java's flags."""

    def text(self, node: Node) -> str:
        return Pcre.text(self, node)

    def line(self) -> str:
        return r"[^\n]"

    def anchor(self, node: Anchor, *, last: bool) -> str:
        places = {"start": r"\A", "end": r"(?=\n?\z)"}
        return places.get(node.kind) or super().anchor(node, last=last)

    def character(self, code: int, escaped: str) -> str:
        letter = chr(code)
        if letter.isprintable() or letter in "\n\r\t":
            return super().character(code, escaped)
        return f"\\u{code:04x}" if code < 0x10000 else letter


def count_repetitions(node: Node) -> int:
    """How many copies of the innermost part the counted repetitions make, as RE2 counts them."""
    if isinstance(node, Repeat):
        return max(node.low, node.high or 0, 1) * count_repetitions(node.part)
    if isinstance(node, Chain | Choice):
        return max(map(count_repetitions, node.parts if isinstance(node, Chain) else node.options), default=1)
    return count_repetitions(node.part) if isinstance(node, Group | Atomic | Look) else 1


def describe(node: Atomic | Look | Back) -> str:
    """What a construct is called in messages."""
    if isinstance(node, Look):
        return "a look-ahead" if node.ahead else "a look-behind"
    return "a back-reference" if isinstance(node, Back) else "an atomic group"


PCRE, RE2, RE2_BY_LINE, JAVA, JONI = Pcre(), Re2(), Re2ByLine(), Java(), Joni()


def translate(pattern: str, flags: str, dialect: Pcre) -> str:
    """A pattern in a dialect's syntax. Raises RegexError."""
    return dialect.text(parse(pattern, flags))
