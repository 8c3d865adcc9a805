"""What renderers and at-rest steps share: nested values, documents and rows, JSON text, times."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

Record = dict[str, Any]
"""One native record, or one stored row."""

Rows = dict[str, list[Record]]
"""Rows by where they go: the table on Sentinel, `events` where a source has one place."""


def events(*rows: Record) -> Rows:
    """The rows of a source that has one place."""
    return {"events": list(rows)}


def document(fields: Mapping[str, Any]) -> Rows:
    """One document of Elasticsearch from dotted names; fields without a value are left out."""
    return events(nest(fields))


def columns(record: Record, paths: Mapping[str, str]) -> Record:
    """A row: each column with the value at its path of the record."""
    return {column: get(record, path) for column, path in paths.items()}


def present(row: Record) -> Record:
    """The row or record without its keys that have no value, as Log Analytics has it."""
    return {key: value for key, value in row.items() if value is not None}


def get(record: Any, path: str) -> Any:
    """The value at a dotted path, None where there is none."""
    for key in path.split("."):
        record = record.get(key) if isinstance(record, Mapping) else None
    return record


def nest(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted names as nested objects; fields without a value (None) are left out.

    >>> nest({"a.b": 1, "a.c": None, "d": 2})
    {'a': {'b': 1}, 'd': 2}
    """
    document: dict[str, Any] = {}
    for name, value in fields.items():
        if value is None:
            continue
        *parents, last = name.split(".")
        place = document
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return document


def text(value: Any) -> str | None:
    """A value as compact JSON text; None stays None."""
    return None if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def parse(value: Any) -> Any:
    """What a JSON text says; None for no text and for one that was cut."""
    try:
        return json.loads(value) if isinstance(value, str) else None
    except ValueError:
        return None


def milliseconds(time: str) -> str:
    """An ISO-8601 time in UTC with exactly three digits of a second, as both Elasticsearch and Log Analytics show it.

    >>> milliseconds("2026-08-11T09:14:03Z"), milliseconds("2026-08-11T09:14:03.1234567Z")
    ('2026-08-11T09:14:03.000Z', '2026-08-11T09:14:03.123Z')
    """
    whole, _, fraction = time.removesuffix("Z").partition(".")
    return f"{whole}.{fraction[:3]:<03}Z"


def from_epoch(time: float | str) -> str:
    """Epoch seconds, a number or its text, or a time in ISO-8601, as ISO-8601 in UTC, cut to the millisecond.

    Raises ValueError for any other text.
    """
    try:
        return _iso(datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=int(float(time) * 1000)))
    except ValueError:
        moment = datetime.fromisoformat(str(time))
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        cut = moment.astimezone(UTC)
        return _iso(cut.replace(microsecond=cut.microsecond // 1000 * 1000))


def later(time: str, offset: int) -> str:
    """The time that many milliseconds later (earlier where negative)."""
    return _iso(datetime.fromisoformat(milliseconds(time)) + timedelta(milliseconds=offset))


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
