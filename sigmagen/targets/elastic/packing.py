"""Rows of a group as one multi-value column, and back: in ES|QL 8.19 nothing else puts a group's total beside its rows.

A pane and a number become one number, `pane number * room + number`; a pane and a text become one text.
"""

from __future__ import annotations

from collections.abc import Callable

from sigmagen.expr.tree import Column, Literal, call, walk
from sigmagen.plan.steps import PruneGroups

PACKED = "packed"

_LARGEST_LONG = 2**63 - 1
_LAST_INSTANT = 4_102_444_800_000
"""2100-01-01 in epoch milliseconds: panes have room for their numbers until then."""

_HEADROOM = 100_000
"""How many thresholds a number may hold at least. One beyond that is cut: it still alerts, with a lower value."""

Name = Callable[[str], str]


def packing(step: PruneGroups, name: Name) -> tuple[str, list[str]] | None:
    """The text that packs a row, and the columns that unpack it; None where rows can't be packed.

    Packed are whole numbers that have room in a long, and a single counted column. `name` writes a column's name.
    """
    pane, *held = step.held
    if len(held) != 1:
        return None
    number = f"TO_LONG({name(pane.name)}) / {step.tick}"
    if step.total[1] == call("count"):
        return _with_text(number, step, held[0], name)
    room = 10 ** (len(str(_LARGEST_LONG * step.tick // _LAST_INSTANT)) - 1)
    if held[0].type != "integer" or _largest_constant(step) * _HEADROOM > room // 2:
        return None
    pack, unpack = _with_number(name(held[0].name), room, signed=step.total[1] != call("sum", held[0]))
    time = f"{name(pane.name)} = TO_DATETIME({PACKED} / {room} * {step.tick})"
    return f"{number} * {room} + {pack}", [time, f"{name(held[0].name)} = {unpack}"]


def _with_number(column: str, room: int, *, signed: bool) -> tuple[str, str]:
    """How a number is added to a multiple of `room`, and how it is told from it."""
    if not signed:
        return column, f"{PACKED} % {room}"
    half = room // 2
    return f"{half} + LEAST(GREATEST({column}, {1 - half}), {half - 1})", f"{PACKED} % {room} - {half}"


def _with_text(number: str, step: PruneGroups, counted: Column, name: Name) -> tuple[str, list[str]]:
    """The counted value as text: that it is equal to another is all that is asked of it."""
    column, mark = name(counted.name), f'LOCATE({PACKED}, "|")'
    time = f"TO_DATETIME(TO_LONG(SUBSTRING({PACKED}, 1, {mark} - 1)) * {step.tick})"
    pack = f'CONCAT(TO_STRING({number}), "|", TO_STRING({column}))'
    return pack, [f"{name(step.held[0].name)} = {time}", f"{column} = SUBSTRING({PACKED}, {mark} + 1)"]


def _largest_constant(step: PruneGroups) -> float:
    numbers = [part.value for part in walk(step.condition) if isinstance(part, Literal)]
    return max((abs(number) for number in numbers if isinstance(number, int | float)), default=0)
