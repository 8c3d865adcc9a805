"""The sort command."""

from __future__ import annotations

import ipaddress
from typing import Any

from sigmagen.engines.spl.errors import refuse
from sigmagen.engines.spl.pipeline import Command, Context, Piece
from sigmagen.engines.spl.scanner import Scanner
from sigmagen.engines.spl.values import Rows, Scalar, Value, to_number, to_text, values_of

DEFAULT_LIMIT = 10_000
_KINDS = ("auto", "num", "str", "ip")


def parse_sort(piece: Piece, scanner: Scanner) -> Command:
    """`sort [<count> | limit=<count>] [+|-]<field> ... [desc]`: the default count is 10,000, and 0 is all.

    Rows without a field come last in either order.
    """
    limit = DEFAULT_LIMIT
    options = scanner.options("limit")
    token = options.get("limit") or scanner.peek()
    if token.value.isdigit() and token.kind == "word":
        limit = int(token.value)
        if not options:
            scanner.next()
    keys: list[tuple[str, str, bool]] = []
    reverse = False
    while not scanner.at_end():
        descending = scanner.take("-")
        if not descending:
            scanner.take("+")
        word = scanner.peek()
        name = scanner.field()
        if word.is_word("d", "desc") and scanner.at_end() and keys:
            reverse = True
            break
        kind = "auto"
        if scanner.take("("):
            if name not in _KINDS:
                refuse(f"sort has no order {name!r}", word.position)
            kind, name = name, scanner.field()
            scanner.expect(")")
        keys.append((name, kind, descending))
        scanner.take(",")
    if not keys:
        refuse("sort needs a field", piece.position)

    def run(rows: Rows, context: Context) -> Rows:
        found = list(rows)
        for name, kind, descending in reversed(keys):
            found = _sorted(found, name, kind, descending)
        found = found[::-1] if reverse else found
        return found[:limit] if limit else found

    return Command("sort", piece.position, run)


def _sorted(rows: Rows, name: str, kind: str, descending: bool) -> Rows:
    """Sort rows; the sort is stable."""
    present = [(row, _first(row.get(name))) for row in rows if row.get(name) is not None]
    missing = [row for row in rows if row.get(name) is None]
    order = _order([value for _, value in present], kind)
    present.sort(key=lambda pair: order(pair[1]), reverse=descending)
    return [row for row, _ in present] + missing


def _first(value: Value) -> Scalar:
    return values_of(value)[0]


def _order(values: list[Scalar], kind: str) -> Any:
    """Return a sort key. `auto`: as numbers or addresses if all are, otherwise lexicographic. (The order of mixed
    values is only documented by example; with `num`, values that are not numeric come first.)"""
    if kind == "num":
        return lambda value: (
            (number is not None, number or 0.0) if (number := to_number(value)) is not None else (False, 0.0)
        )
    if kind == "ip" or (kind == "auto" and values and all(_address(value) for value in values)):
        return lambda value: address if (address := _address(value)) else (0, 0)
    if kind == "auto" and all(to_number(value) is not None for value in values):
        return to_number
    return to_text


def _address(value: Scalar) -> tuple[int, int] | None:
    try:
        found = ipaddress.ip_address(value) if type(value) is str else None
    except ValueError:
        return None
    return (found.version, int(found)) if found else None
