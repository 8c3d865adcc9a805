"""What is investigated: an alert's group and window. Values come from logs and command lines, so they are hostile."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, count
from typing import Any

import orjson

from sigmagen.engines.alert import instant
from sigmagen.expr.tree import Parameter
from sigmagen.problems import EXIT_USAGE, Problem, SigmagenError

LONGEST_VALUE = 10_000
"""Characters of a group value; no field that a rule groups by is longer."""

# As in the logs: anything else is a broken clock or another unit, and beyond what a date can say after a shift.
_SENSIBLE = range(0, 7_258_118_400_000)


@dataclass(frozen=True)
class Subject:
    """A group (field -> value, as an alert has it) in a window [start, end), epoch milliseconds."""

    group: Mapping[str, str]
    start: int
    end: int


WINDOW_START, WINDOW_END = (Parameter(name, "timestamp") for name in ("window_start", "window_end"))


@dataclass(frozen=True)
class SubjectTemplate:
    """A subject that is filled in when a query runs: a parameter for each field of the group, and for both moments."""

    group: Mapping[str, Parameter]
    start: Parameter = WINDOW_START
    end: Parameter = WINDOW_END

    @classmethod
    def of(cls, fields: Iterable[str]) -> SubjectTemplate:
        """The template for a group of these fields. `user.id` is filled in by `alert_user_id`.

        No column may be called like a parameter: in KQL the column would be meant, and the condition always be true.
        """
        names: dict[str, str] = {}
        for field in fields:
            plain = "alert_" + re.sub(r"\W", "_", field, flags=re.ASCII)
            numbered = chain([plain], (f"{plain}_{number}" for number in count(2)))
            names[field] = next(name for name in numbered if name not in names.values())
        return cls({field: Parameter(name) for field, name in names.items()})


@dataclass(frozen=True)
class ReadAlert:
    """An alert as `sigmagen detect --json` prints it."""

    rule: str
    source: str
    subject: Subject


def parse_group(texts: Sequence[str]) -> dict[str, str]:
    """`field=value` texts as a group. Raises SigmagenError naming each that is none."""
    problems: list[Problem] = []
    group: dict[str, str] = {}
    for text in texts:
        field, equals, value = text.partition("=")
        if not (field and equals and value):
            problems.append(_usage(f"--group {text!r} is not FIELD=VALUE", "such as --group user.id=partner-07"))
        elif field in group:
            problems.append(_usage(f"--group {field} is given twice", "a group has one value of each field"))
        elif reason := _unusable(value):
            problems.append(_usage(f"--group {field}: {reason}"))
        group[field] = value
    if problems:
        raise SigmagenError(problems, EXIT_USAGE)
    return group


def parse_window(text: str) -> tuple[int, int]:
    """`START/END`, ISO 8601 (no zone means UTC), as epoch milliseconds. Raises SigmagenError."""
    start, _, end = text.partition("/")
    try:
        return _window(start, end)
    except ValueError as error:
        hint = "such as --window 2026-08-11T09:00:00Z/2026-08-11T10:00:00Z"
        raise SigmagenError(_usage(f"--window {text!r}: {error}", hint), EXIT_USAGE) from None


def _window(start: Any, end: Any) -> tuple[int, int]:
    if not (isinstance(start, str) and isinstance(end, str)):
        raise ValueError("its start and end are no times")
    try:
        window = instant(datetime.fromisoformat(start)), instant(datetime.fromisoformat(end))
    except (ValueError, OverflowError):
        raise ValueError("its start or end is no ISO 8601 time") from None
    if not all(moment in _SENSIBLE for moment in window):
        raise ValueError("it lies outside of the years 1970 to 2199")
    if window[0] >= window[1]:
        raise ValueError("it ends before it starts")
    return window


def read_alerts(raw: bytes, file: str) -> list[ReadAlert]:
    """The alerts of a JSON document, one or a list of them. Raises SigmagenError naming each that is none."""
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise SigmagenError(_broken(f"not JSON: {error}", file)) from None
    found: list[ReadAlert] = []
    problems: list[Problem] = []
    for number, data in enumerate(document if isinstance(document, list) else [document], 1):
        try:
            found.append(_alert(data))
        except ValueError as error:
            problems.append(_broken(f"alert {number}: {error}", file))
    if problems:
        raise SigmagenError(problems)
    return found


def _alert(data: Any) -> ReadAlert:
    if not isinstance(data, dict):
        raise ValueError("not a JSON object")
    rule, source, group = (data.get(key) for key in ("rule", "source", "group"))
    if not (isinstance(rule, str) and isinstance(source, str) and isinstance(group, dict) and group):
        raise ValueError("an alert has a rule, a source and a group")
    for field, value in group.items():
        if not isinstance(value, str) or not value:
            raise ValueError(f"group value of {field} is not text")
        if reason := _unusable(value):
            raise ValueError(f"group value of {field}: {reason}")
    return ReadAlert(rule, source, Subject(group, *_window(data.get("window_start"), data.get("window_end"))))


def _unusable(value: str) -> str | None:
    """Why no query can carry a value."""
    if len(value) > LONGEST_VALUE:
        return f"longer than {LONGEST_VALUE:,} characters"
    if "\0" in value:
        return "holds a NUL character"
    try:
        value.encode()
    except UnicodeEncodeError:
        return "is not Unicode text"
    return None


def _usage(message: str, hint: str | None = None) -> Problem:
    return Problem("usage", message, hint=hint)


def _broken(message: str, file: str) -> Problem:
    return Problem("alert-malformed", message, file=file, hint="give an alert as `sigmagen detect --json` prints it")
