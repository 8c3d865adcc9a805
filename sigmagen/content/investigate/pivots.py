"""The pivots of an investigation: `mappings/pivots.yml`, loaded when needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from sigmagen.durations import parse_duration
from sigmagen.expr.tree import Expr, Parameter, call, moment
from sigmagen.mapping.checks import BUCKET, PHASE, check_pivots
from sigmagen.mapping.documents import load_checked
from sigmagen.mapping.taxonomy import known_fields

__all__ = ["BUCKET", "PHASE", "Pivot", "Playbook", "Range", "load_playbook"]

Scope = Literal["actor", "group", "everyone"]


@dataclass(frozen=True)
class Pivot:
    """One question and how it is answered; the words are explained at the top of the file."""

    id: str
    section: str
    title: str
    question: str
    whose: Scope
    range: str
    limit: int
    sort: tuple[tuple[str, bool], ...]
    """(column, descending) pairs."""
    needs: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    columns: Mapping[str, Mapping[str, Any]] | None = None
    where: Mapping[str, Sequence[str]] | None = None
    keep: Mapping[str, int] | None = None
    show: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    control_plane: bool = False


@dataclass(frozen=True)
class Range:
    """How far before and after the alert's window a pivot looks, in milliseconds; None stands for its timespan."""

    before: int | None = 0
    after: int | None = 0

    def around(self, start: int, end: int) -> tuple[int, int]:
        """[start, end) of the records, epoch milliseconds, for an alert's window."""
        length = end - start
        before, after = (length if part is None else part for part in (self.before, self.after))
        return start - before, end + after

    def edges(self, start: int | Parameter, end: int | Parameter) -> tuple[Expr, Expr]:
        """The same as expressions, for a window that may be filled in later."""
        if isinstance(start, int) and isinstance(end, int):
            before, after = self.around(start, end)
            return moment(before), moment(after)
        first, last = moment(start), moment(end)
        return _shifted(first, last, self.before, -1), _shifted(last, first, self.after, 1)


def _shifted(edge: Expr, other: Expr, by: int | None, sign: int) -> Expr:
    """An edge of the window, further away from the other one."""
    if by is None:
        return call("mirrored", other, edge)
    return call("shift", edge, sign * by) if by else edge


@dataclass(frozen=True)
class Playbook:
    """All pivots in order, and what goes with them."""

    pivots: tuple[Pivot, ...]
    sections: Mapping[str, str]
    actors: tuple[str, ...]
    ranges: Mapping[str, Range]
    control_plane: Mapping[str, Any]
    """For the sources that have one, which records are the control plane's."""
    questions: Mapping[str, tuple[str, ...]]
    response: Mapping[str, tuple[str, ...]]

    def said(self, of: Mapping[str, tuple[str, ...]], stage: str) -> list[str]:
        """The questions or steps of a stage, then those of any."""
        return [*(of.get(stage, ()) if stage != "any" else ()), *of.get("any", ())]


@lru_cache(maxsize=4)
def load_playbook(mappings: Path) -> Playbook:
    """The pivots of a mappings folder. Raises SigmagenError with everything that is wrong with the file."""
    known = known_fields(mappings)
    return _playbook(
        load_checked(mappings / "pivots.yml", "pivots", mappings, lambda document: check_pivots(document, known))
    )


def _playbook(data: Mapping[str, Any]) -> Playbook:
    return Playbook(
        tuple(map(_pivot, data["pivots"])),
        data["sections"],
        tuple(data["actors"]),
        {name: Range(_length(part, "before"), _length(part, "after")) for name, part in data["ranges"].items()},
        data.get("control_plane", {}),
        *({stage: tuple(lines) for stage, lines in data[part].items()} for part in ("questions", "response")),
    )


def _length(part: Mapping[str, str], edge: str) -> int | None:
    text = part.get(edge, "0s")
    return None if text == "timespan" else parse_duration(text)


def _pivot(data: Mapping[str, Any]) -> Pivot:
    return Pivot(
        id=data["id"],
        section=data["section"],
        title=data["title"],
        question=data["question"],
        whose=data["of"],
        range=data["range"],
        limit=int(data["limit"]),
        sort=tuple((name.removeprefix("-"), name.startswith("-")) for name in data["sort"]),
        needs=tuple(data.get("needs", ())),
        by=tuple(data.get("by", ())),
        columns=data.get("columns"),
        where=data.get("where"),
        keep=data.get("keep"),
        show=tuple(data.get("show", ())),
        text=tuple(data.get("text", ())),
        control_plane=data.get("records") == "control_plane",
    )
