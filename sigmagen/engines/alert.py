"""The result of a query, which is the same for every engine, and the interface of an engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, ClassVar, Literal, Protocol, Self, runtime_checkable

from sigmagen.convert.converter import Query
from sigmagen.mapping.source import Source

_EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True, slots=True, order=True)
class Alert:
    """One row of a result. Times are epoch milliseconds; group values are text, in the order of the rule's group-by."""

    window_end: int
    window_start: int
    group: tuple[tuple[str, str], ...]
    value: int | float

    def group_dict(self) -> dict[str, str]:
        """The group as field -> value."""
        return dict(self.group)


_LATEST = 253_402_300_800
"""Epoch seconds of the year 10000: nothing can show later times."""


def instant(value: Any) -> int:
    """Epoch milliseconds of a datetime (naive means UTC), an ISO 8601 string, or a number of epoch seconds.

    Raises ValueError for anything else.
    """
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        if value.tzinfo is not None:
            value = value.astimezone(UTC).replace(tzinfo=None)
        elapsed: timedelta = value - _EPOCH
        return elapsed // timedelta(milliseconds=1)
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LATEST:
        return round(value * 1000)
    raise ValueError(f"not a time: {value!r}")


def number(value: Any) -> int | float:
    """A number of a result, as an integer if it is whole."""
    real = float(value)
    return int(real) if real.is_integer() else real


def as_text(value: Any) -> str:
    """A group value as text, the way JSON writes it; a whole number has no fraction."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def alerts_from(query: Query, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[Alert]:
    """Alerts from an engine's rows. Other columns are ignored."""
    found = []
    for row in rows:
        cells: Mapping[str, Any] = dict(zip(columns, row, strict=True))
        found.append(
            Alert(
                window_end=instant(cells["window_end"]),
                window_start=instant(cells["window_start"]),
                group=tuple((name, as_text(cells[column])) for column, name in query.columns.items()),
                value=number(cells["value"]),
            )
        )
    return sorted(found)


class Engine(Protocol):
    """Stores records, and runs queries over them."""

    name: ClassVar[str]
    siem: ClassVar[str]
    fidelity: ClassVar[Literal["real", "emulated"]]

    def load(self, source: Source, records: Sequence[Mapping[str, Any]]) -> None:
        """Replace the content of a source with native records, converted to the form that the SIEM stores."""

    def run(self, query: Query, start: int, end: int) -> list[Alert]:
        """The query's result over events in [start, end), in epoch milliseconds."""

    def close(self) -> None:
        """Release the engine's resources."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@runtime_checkable
class Relocating(Protocol):
    """An engine that keeps records in a place of its own, so that queries must be converted for that place."""

    def placed(self, source: Source) -> Source:
        """The source as its records lie on this engine. What `convert` gives for it is what runs, byte for byte."""


@runtime_checkable
class Versioned(Protocol):
    """An engine that knows which version of everything outside this package runs its queries.

    What an engine without it finds is never remembered: a server may change from one run to the next.
    """

    def version(self) -> str | None:
        """Names and versions; equal texts mean equal behaviour. None where they can't be known."""
