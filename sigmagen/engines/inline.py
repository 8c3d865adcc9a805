"""Events inside a query, for servers where nothing may be written: the events that a run needs, and in which parts."""

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


def split_rows(rows: Iterable[StoredRow], query: Query, start: int, end: int) -> Iterator[list[StoredRow]]:
    """The rows in [start, end), sorted by time, in several parts if that doesn't change what the query finds.

    A hunt returns one row per group and tick, so rows may be split wherever no window or joined table reaches from one
    event to the next. An alert query returns one row per group, and some queries need their whole time range: their
    rows are never split.
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
    """Runs queries with their events inside, each distinct text once: alert runs often see the same events.

    `execute` runs a text over a time range; `limit` is the most characters that `engine` is sent.
    """

    engine: str
    limit: int
    execute: Callable[[Query, str, int, int], list[Alert]]
    _results: dict[tuple[str, int, int], list[Alert]] = field(default_factory=dict)

    def run(self, query: Query, texts: Iterable[str], start: int, end: int) -> list[Alert]:
        """The alerts of all texts. Raises NotRunError if one of them is too long."""
        found: list[Alert] = []
        for text in texts:
            if len(text) > self.limit:
                raise NotRunError(
                    f"with its events, the query has {len(text):,} characters; the limit for {self.engine} is "
                    f"{self.limit:,}"
                )
            key = (text, start, end) if query.ranged else (text, 0, 0)
            if key not in self._results:
                self._results[key] = self.execute(query, text, start, end)
            found += self._results[key]
        return sorted(found)

    def clear(self) -> None:
        """Forget all results, before other events are loaded."""
        self._results.clear()


def find_mentioned(names: Iterable[str], text: str) -> list[str]:
    """The names that occur in a text. A field that a query doesn't name can't change its result."""
    return [name for name in names if name in text]


def columns_of(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """All names in rows, in order of appearance."""
    return list(dict.fromkeys(name for row in rows for name in row))
