"""What the tests of the SPL interpreter share: a search over a few events, an expression over a few fields."""

from __future__ import annotations

from typing import Any

from sigmagen.engines.spl import Context, Rows, parse

FOREVER = 1e12


def search(text: str, *events: dict[str, Any], earliest: float = 0.0, latest: float = FOREVER) -> Rows:
    """The rows of a search. Events without a `_time` come in the order given; `_time` is left out of the rows."""
    stored = [{"_time": float(len(events) - number), **event} for number, event in enumerate(events)]
    stored.sort(key=lambda event: event["_time"], reverse=True)
    return parse(text).run(Context(stored, earliest, latest))


def shown(rows: Rows) -> Rows:
    """Rows without `_time`."""
    return [{name: value for name, value in row.items() if name != "_time"} for row in rows]


def evaluated(expression: str, **fields: Any) -> Any:
    """The value of an eval expression over one event's fields."""
    return search(f"* | eval result={expression}", fields)[0].get("result")


def kept(condition: str, *events: dict[str, Any]) -> list[int]:
    """Which events (from 0) `where` keeps."""
    numbered = [{**event, "number": number} for number, event in enumerate(events)]
    return [row["number"] for row in search(f"* | where {condition}", *numbered)]


def found(terms: str, *events: dict[str, Any]) -> list[int]:
    """Which events (from 0) search terms find."""
    numbered = [{**event, "number": number} for number, event in enumerate(events)]
    return [row["number"] for row in search(terms, *numbered)]
