"""Alerts as CSV, one on each line."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from io import StringIO
from typing import Any

import orjson

from sigmagen.display import sanitize
from sigmagen.local.detection import Detection

COLUMNS = (
    "rule",
    "rule_id",
    "level",
    "source",
    "first_seen",
    "last_seen",
    "window_start",
    "window_end",
    "group",
    "value",
    "condition",
    "atlas",
)
"""Keys of an alert's JSON shape; `group` is JSON text, and `atlas` is separated by spaces."""

_FORMULA = ("=", "+", "-", "@")


def format_csv(detections: Iterable[Detection]) -> str:
    """Return alerts as CSV (RFC 4180, but lines end with a line feed) with a heading."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for detection in detections:
        shape = detection.as_dict()
        writer.writerow([_format_cell(shape[name]) for name in COLUMNS])
    return text.getvalue()


def _format_cell(value: Any) -> str | int | float:
    """Return a cell that a spreadsheet does not take for a formula, without control characters."""
    if value is None:
        return ""
    if isinstance(value, int | float):
        return value
    if isinstance(value, dict):
        value = orjson.dumps(value).decode()
    text = sanitize(" ".join(value) if isinstance(value, list) else str(value))
    return f"'{text}" if text.startswith(_FORMULA) else text
