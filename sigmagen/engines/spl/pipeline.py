"""A search as a pipeline of parsed commands that runs over stored events.

The leading commands that process single events don't depend on the time range, so they run once over all stored events.
Each run then selects the events of its range, so a hundred runs of a scheduled search cost little more than one.
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
    """The text of one command: its name, and the position of its arguments in the search."""

    name: str
    position: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Command:
    """A parsed command.

    `run` maps input rows to output rows without changing the input; it is None for a command that must come first. A
    `per_event` command processes each row on its own and keeps `_time`. A `source` generates rows without input.
    """

    name: str
    position: int
    run: Callable[[Rows, Context], Rows] | None
    per_event: bool = False
    source: Callable[[Context], Rows] | None = None
    timed: bool = False
    """Its rows are all stored events, newest first: the time range has not been applied yet."""


@dataclass
class Context:
    """The events of a search, newest first, and its time range in epoch seconds, excluding the end."""

    events: Rows
    earliest: float
    latest: float
    prepared: dict[int, tuple[Rows, list[float]]] = field(default_factory=dict)
    """By position of the pipeline in the search: rows after the leading commands, and their negated times."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Commands in order; the first one generates the rows."""

    commands: Sequence[Command]

    @property
    def leading(self) -> int:
        """The number of commands after the first that process single events."""
        following = self.commands[1:]
        return next((at for at, command in enumerate(following) if not command.per_event), len(following))

    def all_time(self, context: Context) -> Rows:
        """Return all rows after the leading commands, regardless of the time range."""
        rows = self.commands[0].source(context)  # type: ignore[misc]
        for command in self.commands[1 : 1 + self.leading]:
            rows = command.run(rows, context)  # type: ignore[misc]
        return rows

    def run(self, context: Context) -> Rows:
        """Return the rows of the context's time range."""
        first = self.commands[0]
        if not first.timed:
            rows, rest = first.source(context), self.commands[1:]  # type: ignore[misc]
        else:
            if first.position not in context.prepared:
                stored = self.all_time(context)
                context.prepared[first.position] = stored, [-row["_time"] for row in stored]
            stored, keys = context.prepared[first.position]
            # Newest first. `latest` is excluded, `earliest` is included.
            rows = stored[bisect_right(keys, -context.latest) : bisect_right(keys, -context.earliest)]
            rest = self.commands[1 + self.leading :]
        for command in rest:
            rows = command.run(rows, context)  # type: ignore[misc]
        return rows


def cut(text: str, start: int, end: int, *, subsearch: bool) -> list[Piece]:
    """Split a (sub)search into commands. Raises SplError for an unclosed quote or bracket, or an empty command."""
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
        refuse("a subsearch is not closed", end)
    pieces.append(_piece(text, begin, end, first=not pieces, implied=not subsearch))
    return pieces[1:] if pieces[0].name == "" else pieces


def _quoted(text: str, at: int, end: int) -> int:
    """Return the position after the quoted text that starts here."""
    quote, start = text[at], at
    at += 1
    while at < end and text[at] != quote:
        at += 2 if text[at] == "\\" else 1
    if at >= end:
        refuse(f"a text in {quote} is not closed", start)
    return at + 1


def _piece(text: str, begin: int, end: int, *, first: bool, implied: bool) -> Piece:
    """Parse a command's name and arguments. At the start of a search, but not of a subsearch, `search` is implied."""
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
    """Return the range of the content of `[ ... ]` at `position`, after spaces. Raises SplError."""
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
    refuse("a subsearch is not closed", position)


def without_comments(text: str) -> str:
    """Replace comments in three backticks with spaces, so that positions are kept. Raises SplError."""
    shown: list[str] = []
    at = 0
    while at < len(text):
        if text[at] == '"':
            after = _quoted(text, at, len(text))
            shown.append(text[at:after])
        elif text.startswith("```", at):
            closing = text.find("```", at + 3)
            if closing < 0:
                refuse("a comment is not closed", at)
            after = closing + 3
            shown.append("".join("\n" if character == "\n" else " " for character in text[at:after]))
        else:
            after = at + 1
            shown.append(text[at])
        at = after
    return "".join(shown)


def each(work: Callable[[Row], Row | None]) -> Callable[[Rows, Any], Rows]:
    """Return a command that keeps, changes or drops single rows."""
    return lambda rows, context: [found for row in rows if (found := work(row)) is not None]
