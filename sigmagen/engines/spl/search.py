"""Compiling the terms of the search command into a test of a row.

From the Search Reference, "search": terms are case-insensitive; `*` is a wildcard everywhere, also in quotes, and can't
be escaped; OR binds tighter than AND, which is implied between terms; `!=` requires the field to exist, NOT does not;
if a field has several values, one match is enough.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NoReturn

from sigmagen.engines.spl.errors import refuse
from sigmagen.engines.spl.regex import join_with_wildcards, wildcard
from sigmagen.engines.spl.scanner import Scanner, Token, unescape
from sigmagen.engines.spl.values import Row, Scalar, to_number, to_text, values_of

Test = Callable[[Row], bool]

TERMS = re.compile(
    r"""(?P<string>"(?:[^"\\]|\\.)*")|(?P<op>!=|<=|>=|[=<>(),])|(?P<word>(?:[^\s"'`()\[\]|,=<>!\\]|\\.)+)""", re.DOTALL
)
_COMPARISONS = ("=", "!=", "<", "<=", ">", ">=")
_RANGE = ("earliest", "latest", "_index_earliest", "_index_latest", "starttime", "endtime")
_NOT_FIELDS = ("eventtype", "tag", "savedsearch", "savedsplunk")

# The characters that end a term in an event, from "About event segmentation": major breakers, then minor ones.
_BREAKERS = re.escape(" \t\n\r[]<>(){}|!;,'\"*&?+" + "/:=@.-$#%\\_")


def parse_search(scanner: Scanner) -> Test:
    """Compile all terms up to the end. No terms match everything. Raises SplError."""
    if scanner.peek(TERMS).kind == "end":
        return lambda row: True
    test = _all(scanner)
    token = scanner.peek(TERMS)
    if token.kind != "end":
        refuse(f"unexpected {token.value!r}", token.position)
    return test


def _all(scanner: Scanner) -> Test:
    parts = [_any(scanner)]
    while True:
        token = scanner.peek(TERMS)
        if token.is_word("AND"):
            scanner.next(TERMS)
        elif token.kind == "end" or token.is_op(")"):
            break
        parts.append(_any(scanner))
    return parts[0] if len(parts) == 1 else lambda row: all(part(row) for part in parts)


def _any(scanner: Scanner) -> Test:
    parts = [_one(scanner)]
    while scanner.peek(TERMS).is_word("OR"):
        scanner.next(TERMS)
        parts.append(_one(scanner))
    return parts[0] if len(parts) == 1 else lambda row: any(part(row) for part in parts)


def _one(scanner: Scanner) -> Test:
    token = scanner.next(TERMS)
    if token.is_word("NOT"):
        inner = _one(scanner)
        return lambda row: not inner(row)
    if token.is_op("("):
        group = _all(scanner)
        scanner.expect(")", TERMS)
        return group
    if token.kind not in ("word", "string"):
        _unexpected(token)
    if token.kind == "word" and token.value.upper() in ("AND", "OR", "NOT", "XOR"):
        refuse(f"{token.value!r} is not an operator here (operators are AND, OR and NOT, in capitals)", token.position)
    following = scanner.peek(TERMS)
    if following.is_op(*_COMPARISONS):
        scanner.next(TERMS)
        return _compared(_field(token), following, _value(scanner))
    if following.is_word("IN"):
        scanner.next(TERMS)
        return _listed(scanner, _field(token))
    if following.is_op("(") and following.position == token.end:
        refuse(f"{token.value}() is not supported in search terms", token.position)
    return _keyword(token)


def _unexpected(token: Token) -> NoReturn:
    refuse(f"expected a search term, found {token.value or 'the end'!r}", token.position)


def _field(token: Token) -> str:
    if token.value in _RANGE:
        refuse(f"{token.value}= sets a time range, which the caller must set instead", token.position)
    if token.value in _NOT_FIELDS or "*" in token.value:
        refuse(f"{token.value!r} is not supported as a field", token.position)
    return token.value


def _value(scanner: Scanner) -> Token:
    token = scanner.next(TERMS)
    if token.kind not in ("word", "string"):
        refuse(f"expected a value, found {token.value or 'the end'!r}", token.position)
    following = scanner.peek(TERMS)
    if following.is_op("(", *_COMPARISONS) and following.position == token.end:
        refuse("a value with this character must be quoted", following.position)
    return token


def _plain(token: Token) -> str:
    r"""Return a term's text. `\\` and `\"` are escapes in words too."""
    return token.value if token.kind == "string" else re.sub(r'\\(["\\])', r"\1", token.value)


def _compared(field: str, operator: Token, value: Token) -> Test:
    wanted = _plain(value)
    if operator.value in ("=", "!="):
        equal = _equals(wanted)
        positive = operator.value == "="
        return lambda row: any(equal(found) is positive for found in values_of(row.get(field)))
    if "*" in wanted:
        refuse("a wildcard can't be compared by order", value.position)
    inside = _ordered(operator.value, wanted)
    return lambda row: any(inside(found) for found in values_of(row.get(field)))


def _equals(wanted: str) -> Callable[[Scalar], bool]:
    if "*" in wanted:
        matches = wildcard(wanted, ignore_case=True).fullmatch
        return lambda found: matches(to_text(found)) is not None
    folded = wanted.lower()
    return lambda found: to_text(found).lower() == folded


def _ordered(operator: str, wanted: str) -> Callable[[Scalar], bool]:
    """Compare as numbers if both are numeric, otherwise lexicographically."""
    bound = to_number(wanted)
    below, inclusive = operator[0] == "<", operator.endswith("=")

    def inside(found: Scalar) -> bool:
        number = to_number(found) if bound is not None else None
        left, right = (number, bound) if number is not None else (to_text(found), wanted)
        if left == right:
            return inclusive
        return (left < right) is below  # type: ignore[operator]

    return inside


def _listed(scanner: Scanner, field: str) -> Test:
    scanner.expect("(", TERMS)
    tests = [_equals(_plain(_value(scanner)))]
    while scanner.take(",", rules=TERMS):
        tests.append(_equals(_plain(_value(scanner))))
    scanner.expect(")", TERMS)
    return lambda row: any(test(found) for found in values_of(row.get(field)) for test in tests)


def _keyword(token: Token) -> Test:
    """Match a word or phrase in _raw between breakers, with wildcards."""
    wanted = _plain(token)
    if not wanted.strip("*"):
        return lambda row: True
    text = join_with_wildcards([re.escape(part) for part in wanted.strip("*").split("*")])
    before = "" if wanted.startswith("*") else f"(?<![^{_BREAKERS}])"
    after = "" if wanted.endswith("*") else f"(?![^{_BREAKERS}])"
    search = re.compile(before + text + after, re.DOTALL | re.IGNORECASE).search
    return lambda row: any(search(to_text(found)) for found in values_of(row.get("_raw")))


def assigned(terms: str) -> dict[str, str]:
    """Return the `field="value"` pairs of plain terms: the fields that a matching event must have."""
    return {match[1]: unescape(match[2]) for match in re.finditer(r'([\w.]+)=("(?:[^"\\]|\\.)*")', terms)}
