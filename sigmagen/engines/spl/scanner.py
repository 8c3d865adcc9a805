"""The tokens of a command. Expressions and lists of fields have different rules, which the parser selects."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from sigmagen.engines.spl.errors import refuse

Kind = Literal["string", "quoted", "number", "word", "op", "end"]

_QUOTED = r"""(?P<string>"(?:[^"\\]|\\.)*")|(?P<quoted>'(?:[^'\\]|\\.)*')"""
# In an expression, `.` joins texts and `-` subtracts, so a field name with either must be quoted.
EXPRESSION = re.compile(
    rf"{_QUOTED}|(?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![A-Za-z_0-9]))"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<op>==|!=|<=|>=|[=<>(),+\-*/%.])",
    re.DOTALL,
)
# Elsewhere, field names may contain dots, braces and wildcards.
FIELDS = re.compile(rf"{_QUOTED}|(?P<word>[A-Za-z0-9_@.{{}}:*](?:[A-Za-z0-9_@.{{}}:*-])*)|(?P<op>[(),=+\-])", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Token:
    """One token; `value` is unescaped."""

    kind: Kind
    value: str
    position: int
    end: int

    def is_op(self, *values: str) -> bool:
        """Return whether it is one of these operators."""
        return self.kind == "op" and self.value in values

    def is_word(self, *values: str) -> bool:
        """Return whether it is one of these words, case-sensitive."""
        return self.kind == "word" and self.value in values


def unescape(text: str) -> str:
    r"""Return the content of a quoted text: `\"` and `\\` are escapes, other backslashes are literal."""
    return re.sub(r"""\\(["'\\])""", r"\1", text[1:-1])


class Scanner:
    """Reads `text` from `position` to `end`."""

    def __init__(self, text: str, position: int, end: int) -> None:
        self.text = text
        self.position = position
        self.end = end

    def peek(self, rules: re.Pattern[str] = FIELDS) -> Token:
        """Return the next token without consuming it. Raises SplError for an unexpected character."""
        while self.position < self.end and self.text[self.position].isspace():
            self.position += 1
        if self.position >= self.end:
            return Token("end", "", self.position, self.position)
        match = rules.match(self.text, self.position, self.end)
        if match is None:
            refuse(f"unexpected {self.text[self.position]!r}", self.position)
        kind: Kind = match.lastgroup  # type: ignore[assignment]
        value = unescape(match[0]) if kind in ("string", "quoted") else match[0]
        return Token(kind, value, match.start(), match.end())

    def next(self, rules: re.Pattern[str] = FIELDS) -> Token:
        """Consume and return the next token."""
        token = self.peek(rules)
        self.position = token.end
        return token

    def take(self, *values: str, rules: re.Pattern[str] = FIELDS) -> bool:
        """Consume the next token if it is one of these operators or words (case-insensitive)."""
        token = self.peek(rules)
        if token.is_op(*values) or (token.kind == "word" and token.value.upper() in values):
            self.position = token.end
            return True
        return False

    def expect(self, value: str, rules: re.Pattern[str] = FIELDS) -> Token:
        """Consume a required operator or word."""
        token = self.peek(rules)
        if not self.take(value, rules=rules):
            refuse(f"expected {value!r}, found {token.value or 'the end of the command'!r}", token.position)
        return token

    def field(self) -> str:
        """Consume a field name in a list of fields, quoted or not, without wildcards."""
        token = self.next()
        if token.kind not in ("word", "string", "quoted"):
            refuse(f"expected a field, found {token.value or 'the end of the command'!r}", token.position)
        if "*" in token.value:
            refuse("a wildcard in a field name is not supported here", token.position)
        return token.value

    def at_end(self) -> bool:
        """Return whether there are no more tokens."""
        return self.peek().kind == "end"

    def finish(self) -> None:
        """Raise SplError if there are more tokens."""
        token = self.peek()
        if token.kind != "end":
            refuse(f"unexpected {token.value!r}", token.position)

    def options(self, *known: str) -> dict[str, Token]:
        """Consume `name=value` arguments and return them by name. Raises SplError for an unknown name."""
        found: dict[str, Token] = {}
        while True:
            start = self.position
            name = self.peek()
            if name.kind != "word":
                return found
            self.position = name.end
            if not self.take("="):
                self.position = start
                return found
            if name.value not in known:
                refuse(f"option {name.value!r} is not supported", name.position)
            if name.value in found:
                refuse(f"option {name.value!r} is given twice", name.position)
            value = self.next()
            if value.kind not in ("word", "string"):
                refuse(f"option {name.value!r} needs a value", value.position)
            found[name.value] = value


def boolean(token: Token | None, default: bool) -> bool:
    """Return an option's boolean: true, t, 1, false, f or 0. Raises SplError for anything else."""
    if token is None:
        return default
    word = token.value.lower()
    if word in ("true", "t", "1"):
        return True
    if word in ("false", "f", "0"):
        return False
    refuse(f"expected true or false, found {token.value!r}", token.position)


def whole_number(token: Token | None, default: int) -> int:
    """Return an option's whole number of at least 0. Raises SplError for anything else."""
    if token is None:
        return default
    if not (token.value.isascii() and token.value.isdigit()):
        refuse(f"expected a whole number, found {token.value!r}", token.position)
    return int(token.value)
