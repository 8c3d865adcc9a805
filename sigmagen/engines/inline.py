"""Events that travel inside a query, where nothing may be written: which of them a run needs, and in which parts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sigmagen.convert.converter import Query
from sigmagen.engines.alert import Alert
from sigmagen.engines.errors import NotRunError


@dataclass(frozen=True, slots=True)
class StoredRow:
    """A row as a SIEM stores it: its time in epoch milliseconds, and the table that holds it."""

    time: int
    place: str
    values: Mapping[str, Any]


def in_parts(rows: Iterable[StoredRow], query: Query, start: int, end: int) -> Iterator[list[StoredRow]]:
    """The rows in [start, end), in order of time; in several parts, where the query finds the same in each by itself.

    A hunt gives one row for each group and tick, so it may be cut wherever no window, and no joined table, reaches
    from one event to the next. Not so an alert query, which has one row for each group, or a query that asks for its
    time range.
    """
    joins = [part.stored[query.target].join for part in query.source.parts]
    reach = max([query.reach, *(join.slack for join in joins if join)])
    whole = query.mode != "hunt" or query.ranged
    part: list[StoredRow] = []
    for row in sorted((row for row in rows if start <= row.time < end), key=lambda row: row.time):
        if part and not whole and row.time - part[-1].time > reach:
            yield part
            part = []
        part.append(row)
    if part:
        yield part


@dataclass
class InlineRuns:
    """Runs queries with their events inside, each different text once: alert runs often look at the same events.

    `execute` runs a text over a time range; `limit` is how long a text `engine` is sent at most.
    """

    engine: str
    limit: int
    execute: Callable[[Query, str, int, int], list[Alert]]
    _known: dict[tuple[str, int, int], list[Alert]] = field(default_factory=dict)

    def run(self, query: Query, texts: Iterable[str], start: int, end: int) -> list[Alert]:
        """The alerts of all texts. Raises NotRunError where one of them is too long."""
        found: list[Alert] = []
        for text in texts:
            if len(text) > self.limit:
                raise NotRunError(
                    f"with its events inside, the query has {len(text):,} characters; {self.engine} is sent "
                    f"{self.limit:,} at most"
                )
            key = (text, start, end) if query.ranged else (text, 0, 0)
            if key not in self._known:
                self._known[key] = self.execute(query, text, start, end)
            found += self._known[key]
        return sorted(found)

    def forget(self) -> None:
        """Before other events are loaded."""
        self._known.clear()


def mentioned(names: Iterable[str], text: str) -> list[str]:
    """The names that occur in a text. A field that a query doesn't name can't change what it finds."""
    return [name for name in names if name in text]


def columns_of(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """All names in rows, in the order in which they come."""
    return list(dict.fromkeys(name for row in rows for name in row))
