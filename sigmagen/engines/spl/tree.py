"""The syntax tree of an eval expression, and its parser.

Order of evaluation, from Splunk's Search Manual, "Boolean expressions": parentheses, NOT, AND, OR, XOR. Comparisons
bind tighter than NOT, arithmetic tighter than comparisons. The precedence of `.` relative to `+` and `-` is not
documented, so mixing them requires parentheses.
"""

from __future__ import annotations

from dataclasses import dataclass

from sigmagen.engines.spl.errors import refuse
from sigmagen.engines.spl.scanner import EXPRESSION, Scanner, Token

COMPARISONS = ("=", "==", "!=", "<", "<=", ">", ">=")


@dataclass(frozen=True, slots=True)
class Constant:
    """A text or a number."""

    value: str | float
    position: int


@dataclass(frozen=True, slots=True)
class Field:
    """A field's value."""

    name: str
    position: int


@dataclass(frozen=True, slots=True)
class Call:
    """A function, or an operator under its symbol."""

    name: str
    args: tuple[Node, ...]
    position: int


Node = Constant | Field | Call


def parse_expression(scanner: Scanner) -> Node:
    """Parse the longest expression that starts here. Raises SplError."""
    return _chain(scanner, 0)


_LEVELS = ("XOR", "OR", "AND")


def _chain(scanner: Scanner, level: int) -> Node:
    """Parse XOR, OR and AND, the weakest first."""
    if level == len(_LEVELS):
        return _negation(scanner)
    word = _LEVELS[level]
    start = scanner.peek(EXPRESSION).position
    parts = [_chain(scanner, level + 1)]
    while scanner.peek(EXPRESSION).is_word(word):
        scanner.next(EXPRESSION)
        parts.append(_chain(scanner, level + 1))
    return parts[0] if len(parts) == 1 else Call(word, tuple(parts), start)


def _negation(scanner: Scanner) -> Node:
    token = scanner.peek(EXPRESSION)
    if token.is_word("NOT"):
        scanner.next(EXPRESSION)
        return Call("NOT", (_negation(scanner),), token.position)
    return _comparison(scanner)


def _comparison(scanner: Scanner) -> Node:
    left = _sum(scanner)
    token = scanner.peek(EXPRESSION)
    if token.is_op(*COMPARISONS):
        scanner.next(EXPRESSION)
        right = _sum(scanner)
        following = scanner.peek(EXPRESSION)
        if following.is_op(*COMPARISONS):
            refuse("comparisons can't be chained", following.position)
        return Call("=" if token.value == "==" else token.value, (left, right), token.position)
    if token.is_word("IN"):
        scanner.next(EXPRESSION)
        return Call("in", (left, *_arguments(scanner)), token.position)
    if token.is_word("LIKE"):
        scanner.next(EXPRESSION)
        return Call("like", (left, _sum(scanner)), token.position)
    return left


def _sum(scanner: Scanner) -> Node:
    left = _product(scanner)
    joined: str | None = None
    while (token := scanner.peek(EXPRESSION)).is_op("+", "-", "."):
        kind = "." if token.value == "." else "+-"
        if joined not in (None, kind):
            refuse("`.` with `+` or `-` needs parentheses", token.position)
        joined = kind
        scanner.next(EXPRESSION)
        left = Call(token.value, (left, _product(scanner)), token.position)
    return left


def _product(scanner: Scanner) -> Node:
    left = _unary(scanner)
    while (token := scanner.peek(EXPRESSION)).is_op("*", "/", "%"):
        scanner.next(EXPRESSION)
        left = Call(token.value, (left, _unary(scanner)), token.position)
    return left


def _unary(scanner: Scanner) -> Node:
    token = scanner.peek(EXPRESSION)
    if not token.is_op("-"):
        return _primary(scanner)
    scanner.next(EXPRESSION)
    operand = _unary(scanner)
    if isinstance(operand, Constant) and isinstance(operand.value, float):
        return Constant(-operand.value, token.position)
    return Call("-", (Constant(0.0, token.position), operand), token.position)


def _primary(scanner: Scanner) -> Node:
    token = scanner.next(EXPRESSION)
    if token.is_op("("):
        inner = parse_expression(scanner)
        scanner.expect(")", EXPRESSION)
        return inner
    if token.kind == "string":
        return Constant(token.value, token.position)
    if token.kind == "number":
        return Constant(float(token.value), token.position)
    if token.kind == "quoted":
        return Field(token.value, token.position)
    if token.kind == "word":
        return _named(scanner, token)
    refuse(f"expected a value, found {token.value or 'the end of the command'!r}", token.position)


def _named(scanner: Scanner, token: Token) -> Node:
    if scanner.peek(EXPRESSION).is_op("("):
        return Call(token.value.lower(), _arguments(scanner), token.position)
    if token.value in ("AND", "OR", "XOR", "NOT", "IN", "LIKE"):
        refuse(f"expected a value, found {token.value!r}", token.position)
    if token.value.upper() in ("AND", "OR", "XOR", "NOT"):
        refuse(f"operators must be upper-case, so {token.value!r} would be a field", token.position)
    return Field(token.value, token.position)


def _arguments(scanner: Scanner) -> tuple[Node, ...]:
    scanner.expect("(", EXPRESSION)
    found: list[Node] = []
    if not scanner.take(")", rules=EXPRESSION):
        found.append(parse_expression(scanner))
        while scanner.take(",", rules=EXPRESSION):
            found.append(parse_expression(scanner))
        scanner.expect(")", EXPRESSION)
    return tuple(found)
