"""Runs SPL unchanged in this project's interpreter: an emulation of Splunk over the events that it would store."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, ClassVar, Literal

import orjson

from sigmagen.convert.converter import Query
from sigmagen.engines import spl
from sigmagen.engines.alert import Alert, alerts_from
from sigmagen.engines.closing import Closing
from sigmagen.engines.spl.regex import limit_time
from sigmagen.engines.spl.search import assigned
from sigmagen.engines.spl.values import to_number
from sigmagen.engines.splunk_search_time import search_time_fields
from sigmagen.mapping.source import Source
from sigmagen.sources import stored_rows

# A time outside this range comes from a broken clock. Such an event is left out, as in the reference.
_PLAUSIBLE = range(0, 7_258_118_400)
_PER_SECOND = {"epoch_seconds": 1, "epoch_milliseconds": 1_000, "epoch_nanoseconds": 1_000_000_000}
METADATA = ("index", "sourcetype", "source", "host")
_CACHED = 4
"""How many searches cache the rows after their leading commands, for the next time range."""


class SplunkLocalEngine(Closing):
    """All sources in one index, as a search head sees them; the range is earliest <= _time < latest."""

    name: ClassVar[str] = "splunk-local"
    siem: ClassVar[str] = "splunk"
    fidelity: ClassVar[Literal["real", "emulated"]] = "emulated"

    def __init__(self) -> None:
        self._stored: dict[str, spl.Rows] = {}
        self._events: spl.Rows = []
        self._searches: dict[str, tuple[spl.Pipeline, spl.Context]] = {}

    def version(self) -> str:
        return f"{self.name}, regex {version('regex')}"

    def load(self, source: Source, records: Sequence[Mapping[str, Any]]) -> None:
        self._stored[source.name] = event_rows(source, records)
        # Splunk returns events newest first; which of two at the same time comes first is not documented.
        found = [row for rows in self._stored.values() for row in reversed(rows)]
        self._events = sorted(found, key=lambda row: row["_time"], reverse=True)
        self._searches.clear()

    def run(self, query: Query, start: int, end: int) -> list[Alert]:
        return alerts_of(query, self.execute(query.text, start, end))

    def execute(self, text: str, start: int, end: int) -> spl.Rows:
        """The rows of a search over events in [start, end), epoch milliseconds. Raises SigmagenError.

        A NotRunError means that a pattern of the search takes too long. Don't change the rows: the engine reuses them.
        """
        try:
            pipeline, context = self._prepare(text)
            context.earliest, context.latest = start / 1000, end / 1000
            with _collector_paused(), limit_time():
                return pipeline.run(context)
        except spl.SplError as error:
            raise error.located(text) from None

    def _prepare(self, text: str) -> tuple[spl.Pipeline, spl.Context]:
        if text not in self._searches:
            while len(self._searches) >= _CACHED:
                self._searches.pop(next(iter(self._searches)))
            self._searches[text] = spl.parse(text), spl.Context(self._events, 0.0, 0.0)
        return self._searches[text]

    def close(self) -> None:
        self._stored.clear()
        self._events = []
        self._searches.clear()


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Rows are plain dicts without cycles, and collecting garbage among them would take most of a run."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


def event_rows(source: Source, records: Sequence[Mapping[str, Any]]) -> spl.Rows:
    """Native records as a search sees them, in the same order; those without a time are left out."""
    terms = assigned(source.stored[SplunkLocalEngine.siem].location)
    known = {field: value for field, value in terms.items() if field in METADATA}
    events = (event for record in records for event in stored_rows("splunk", source.name, dict(record))["events"])
    return [row for event in events if (row := event_row(source, event, known)) is not None]


def alerts_of(query: Query, rows: Sequence[Mapping[str, Any]]) -> list[Alert]:
    """The alerts in a search's rows."""
    columns = [*query.columns, "window_start", "window_end", "value"]
    return alerts_from(query, columns, [[_cell(row, column) for column in columns] for row in rows])


def event_row(source: Source, record: dict[str, Any], known: Mapping[str, str]) -> spl.Row | None:
    """An event as a search sees it: its fields and an add-on's, then Splunk's own. None without a time."""
    seconds = _time(source, record)
    if seconds is None:
        return None
    raw = orjson.dumps(record).decode()
    # An event is indexed when it happens; readiness searches compare both times.
    fields = search_time_fields(raw, source.stored[SplunkLocalEngine.siem].calculated)
    return {**fields, "index": "main", **known, "_time": seconds, "_indextime": seconds, "_raw": raw}


def _time(source: Source, record: Mapping[str, Any]) -> float | None:
    """_time by the mapping: at a path, in ISO 8601 or, if the mapping says so, as a number since 1970."""
    for path, unit in _time_paths(source.time):
        value: Any = record.get(path)
        if value is None:
            value = record
            for key in path.split("."):
                value = value.get(key) if isinstance(value, dict) else None
        try:
            seconds = float(value) / unit if unit else _epoch(datetime.fromisoformat(value))
        except (TypeError, ValueError, OverflowError):
            continue
        return seconds if _PLAUSIBLE.start <= seconds < _PLAUSIBLE.stop else None
    return None


def _time_paths(time: Any) -> Iterator[tuple[str, int | None]]:
    """The paths where a mapping looks for the time, in order, and how many of its unit since 1970 are a second."""
    if isinstance(time, str):
        yield time, None
    elif "coalesce" in time:
        for part in time["coalesce"]:
            yield from _time_paths(part)
    else:
        ((operation, arguments),) = time.items()
        yield arguments[0], _PER_SECOND[operation]


def _epoch(moment: datetime) -> float:
    """Epoch seconds; no zone means UTC."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _cell(row: Mapping[str, Any], column: str) -> Any:
    """A cell of a result. A time is a number, or ISO 8601 after `fieldformat`; a value is a number."""
    value = row.get(column)
    if column in ("window_start", "window_end", "value"):
        return value if (number := to_number(value)) is None else number
    return value
