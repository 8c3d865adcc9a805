"""A search as commands: cut at the pipes, each command parsed, and run over stored events.

What commands do to one event does not depend on the time range, so the leading ones run once over all that is stored;
a run takes the events of its range from there. A scheduled search that is played a hundred times costs little more
than one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sigmagen.engines.spl.errors import refuse
from sigmagen.engines.spl.values import Row, Rows


@dataclass(frozen=True, slots=True)
class Piece:
    """One command's text: its name, and where its arguments lie in the search."""

    name: str
    position: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Command:
    """A command, parsed.

    `run` maps the rows that come in to those that go out and leaves the former as they are; it is None for a command
    that must come first. `per_event`: what it does
    to a row depends on that row only, and `_time` stays. `source`: it takes no rows but makes them.
    """

    name: str
    position: int
    run: Callable[[Rows, Context], Rows] | None
    per_event: bool = False
    source: Callable[[Context], Rows] | None = None
    timed: bool = False
    """Its rows are stored events, newest first, of all time: the range is still to be applied."""


@dataclass
class Context:
    """What a search runs against: events, newest first, and the time range in epoch seconds, its end left out."""

    events: Rows
    earliest: float
    latest: float
    prepared: dict[int, tuple[Rows, list[float]]] = field(default_factory=dict)
    """For each pipeline, by its position in the search: rows after the leading commands, and their times, negated."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Commands in order; the first one makes the rows."""

    commands: Sequence[Command]

    @property
    def leading(self) -> int:
        """How many commands from the second on work on single events."""
        following = self.commands[1:]
        return next((at for at, command in enumerate(following) if not command.per_event), len(following))

    def all_time(self, context: Context) -> Rows:
        """Rows of all time after the leading commands."""
        rows = self.commands[0].source(context)  # type: ignore[misc]
        for command in self.commands[1 : 1 + self.leading]:
            rows = command.run(rows, context)  # type: ignore[misc]
        return rows

    def run(self, context: Context) -> Rows:
        """The rows of the context's time range."""
        first = self.commands[0]
        if not first.timed:
            rows, rest = first.source(context), self.commands[1:]  # type: ignore[misc]
        else:
            if first.position not in context.prepared:
                stored = self.all_time(context)
                context.prepared[first.position] = stored, [-row["_time"] for row in stored]
            stored, keys = context.prepared[first.position]
            # Newest first: an event at `latest` itself is out, one at `earliest` is in.
            rows = stored[bisect_right(keys, -context.latest) : bisect_right(keys, -context.earliest)]
            rest = self.commands[1 + self.leading :]
        for command in rest:
            rows = command.run(rows, context)  # type: ignore[misc]
        return rows


def cut(text: str, start: int, end: int, *, subsearch: bool) -> list[Piece]:
    """The commands of a (sub)search. Raises SplError for a quote or bracket that does not end, or an empty command."""
    pieces: list[Piece] = []
    begin, depth, at = start, 0, start
    while at < end:
        character = text[at]
        if character in "\"'":
            at = _quoted(text, at, end)
            continue
        if character == "`":
            refuse("macros are not supported", at)
        depth += {"[": 1, "]": -1}.get(character, 0)
        if depth < 0:
            refuse("unexpected ']'", at)
        if character == "|" and depth == 0:
            pieces.append(_piece(text, begin, at, first=not pieces, implied=not subsearch))
            begin = at + 1
        at += 1
    if depth:
        refuse("a subsearch does not end", end)
    pieces.append(_piece(text, begin, end, first=not pieces, implied=not subsearch))
    return pieces[1:] if pieces[0].name == "" else pieces


def _quoted(text: str, at: int, end: int) -> int:
    """Just after the quoted text that begins here."""
    quote, start = text[at], at
    at += 1
    while at < end and text[at] != quote:
        at += 2 if text[at] == "\\" else 1
    if at >= end:
        refuse(f"a text in {quote} does not end", start)
    return at + 1


def _piece(text: str, begin: int, end: int, *, first: bool, implied: bool) -> Piece:
    """A command's name and arguments; before the first pipe of a search (not of a subsearch) `search` is implied."""
    at = begin
    while at < end and text[at].isspace():
        at += 1
    if at == end:
        if first and end < len(text) and text[end] == "|":
            return Piece("", at, at, end)
        refuse("an empty command", at)
    after = at
    while after < end and (text[after].isalnum() or text[after] == "_"):
        after += 1
    name = text[at:after].lower()
    if first and implied and not (name == "search" and text[after : after + 1].isspace()):
        return Piece("search", at, at, end)
    if not name:
        refuse(f"expected a command, found {text[at]!r}", at)
    return Piece(name, at, after, end)


def bracket(text: str, position: int, end: int) -> tuple[int, int]:
    """Where the content of the `[ ... ]` lies that begins at `position`, after spaces. Raises SplError."""
    while position < end and text[position].isspace():
        position += 1
    if position == end or text[position] != "[":
        refuse("expected a subsearch in brackets", position)
    depth, at = 0, position
    while at < end:
        if text[at] in "\"'":
            at = _quoted(text, at, end)
            continue
        depth += {"[": 1, "]": -1}.get(text[at], 0)
        if depth == 0:
            return position + 1, at
        at += 1
    refuse("a subsearch does not end", position)


def without_comments(text: str) -> str:
    """The text with comments in three backticks made blank, so that positions stay. Raises SplError."""
    shown: list[str] = []
    at = 0
    while at < len(text):
        if text[at] == '"':
            after = _quoted(text, at, len(text))
            shown.append(text[at:after])
        elif text.startswith("```", at):
            closing = text.find("```", at + 3)
            if closing < 0:
                refuse("a comment does not end", at)
            after = closing + 3
            shown.append("".join("\n" if character == "\n" else " " for character in text[at:after]))
        else:
            after = at + 1
            shown.append(text[at])
        at = after
    return "".join(shown)


def each(work: Callable[[Row], Row | None]) -> Callable[[Rows, Any], Rows]:
    """A command that keeps, changes or drops single rows."""
    return lambda rows, context: [found for row in rows if (found := work(row)) is not None]
