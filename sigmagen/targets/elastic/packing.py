"""Packs a group's rows into a multi-valued column and back: ES|QL 8.19 can't put a total beside the rows otherwise.

A pane and a number become one number, `pane number * room + number`; a pane and a text become one text.
"""

from __future__ import annotations

from collections.abc import Callable

from sigmagen.expr.tree import Column, Literal, call, walk
from sigmagen.plan.steps import PruneGroups

PACKED = "packed"

_LARGEST_LONG = 2**63 - 1
_LAST_INSTANT = 4_102_444_800_000
"""2100-01-01 in epoch milliseconds: the numbers of panes fit until then."""

_HEADROOM = 100_000
"""A packed number holds at least this many times the threshold. A larger one is clipped, and still alerts."""

Name = Callable[[str], str]


def pack_rows(step: PruneGroups, name: Name) -> tuple[str, list[str]] | None:
    """The expression that packs a row, and the columns that unpack it; None if the rows can't be packed.

    Only integers that fit into a long, or a single counted column, can be packed. `name` prints a column's name.
    """
    pane, *held = step.held
    if len(held) != 1:
        return None
    number = f"TO_LONG({name(pane.name)}) / {step.tick}"
    if step.total[1] == call("count"):
        return _pack_text(number, step, held[0], name)
    room = 10 ** (len(str(_LARGEST_LONG * step.tick // _LAST_INSTANT)) - 1)
    if held[0].type != "integer" or _largest_constant(step) * _HEADROOM > room // 2:
        return None
    pack, unpack = _pack_number(name(held[0].name), room, signed=step.total[1] != call("sum", held[0]))
    time = f"{name(pane.name)} = TO_DATETIME({PACKED} / {room} * {step.tick})"
    return f"{number} * {room} + {pack}", [time, f"{name(held[0].name)} = {unpack}"]


def _pack_number(column: str, room: int, *, signed: bool) -> tuple[str, str]:
    """The expression that adds a number to a multiple of `room`, and the one that recovers it."""
    if not signed:
        return column, f"{PACKED} % {room}"
    half = room // 2
    return f"{half} + LEAST(GREATEST({column}, {1 - half}), {half - 1})", f"{PACKED} % {room} - {half}"


def _pack_text(number: str, step: PruneGroups, counted: Column, name: Name) -> tuple[str, list[str]]:
    """The same with a counted value, as text: it is only compared for equality."""
    column, mark = name(counted.name), f'LOCATE({PACKED}, "|")'
    time = f"TO_DATETIME(TO_LONG(SUBSTRING({PACKED}, 1, {mark} - 1)) * {step.tick})"
    pack = f'CONCAT(TO_STRING({number}), "|", TO_STRING({column}))'
    return pack, [f"{name(step.held[0].name)} = {time}", f"{column} = SUBSTRING({PACKED}, {mark} + 1)"]


def _largest_constant(step: PruneGroups) -> float:
    numbers = [part.value for part in walk(step.condition) if isinstance(part, Literal)]
    return max((abs(number) for number in numbers if isinstance(number, int | float)), default=0)
