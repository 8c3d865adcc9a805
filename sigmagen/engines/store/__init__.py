"""At rest: the record that a SIEM keeps of what a source wrote. One module a SIEM, one function a source."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any, cast

from sigmagen.problems import EXIT_USAGE, Problem, SigmagenError

SIEMS = ("elastic", "sentinel", "splunk")

Rows = dict[str, list[dict[str, Any]]]
"""Rows by where they go: the table on Sentinel, `events` where a source has one place."""

Store = Callable[[dict[str, Any]], Rows]


def store(siem: str, source: str, record: dict[str, Any]) -> Rows:
    """The rows that `siem` keeps of a native record of `source`, under the integration that the mapping presumes.

    The record is left as it is. Raises SigmagenError where nothing here knows that shape.
    """
    return _store(siem, source)(record)


@cache
def _store(siem: str, source: str) -> Store:
    stores = cast(dict[str, Store], import_module(f"{__name__}.{siem}").STORES) if siem in SIEMS else {}
    if source not in stores:
        known = f"{siem} has {', '.join(stores)}" if stores else f"there are {', '.join(SIEMS)}"
        message = f"nothing here knows how {siem} keeps the source {source!r}"
        raise SigmagenError(Problem("unknown-source", message, hint=known), EXIT_USAGE)
    return stores[source]
