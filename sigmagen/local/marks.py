"""SQL that says of which log source a record is, made from the marks that the mappings name."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from sigmagen.logs.envelopes import TELLING
from sigmagen.mapping.expression import parse_path
from sigmagen.mapping.source import Source
from sigmagen.targets.duckdb.printer import json_path, string_literal

UNREAD, UNKNOWN = -1, -2
"""Kinds of a line: one that only a reader of our own can read, and a record of no source."""


class Marks:
    """The values that tell sources apart, taken out of a record at once, as a list named `marks`.

    A kind is the position of a source in `sources`.
    """

    def __init__(self, sources: Sequence[Source], identified: Sequence[Source]) -> None:
        """`identified` are the sources whose records' ids are wanted."""
        self._paths: dict[str, int] = {}
        self._kinds = [(number, source) for number, source in enumerate(sources) if source.recognise]
        self._telling = [self._at((name,)) for name in sorted(TELLING)]
        self._tests = {number: self._test(source) for number, source in self._kinds}
        self._ids = {source.name: self._value(source.event_id) for source in identified}

    def extracted(self, record: str) -> str:
        """SQL of the list."""
        paths = ", ".join(map(string_literal, self._paths))
        return f"json_extract({record}, [{paths}]) AS marks"

    def kind(self) -> str:
        """SQL of a record's kind. An array or an envelope around records is for a reader of our own."""
        telling = " OR ".join(f"{_present(value)}" for value in self._telling)
        cases = "".join(f" WHEN {test} THEN {number}" for number, test in self._tests.items())
        return f"CASE WHEN marks IS NULL OR {telling} THEN {UNREAD}{cases} ELSE {UNKNOWN} END"

    def identity(self, source: Source) -> str:
        """SQL of the JSON text of a record's id; null where it has none."""
        return f"nullif(nullif({self._ids[source.name]}, '\"\"'), 'null')"

    def _test(self, source: Source) -> str:
        return " AND ".join(
            f"coalesce({_present(self._value(path))}, false)"
            if wanted == "present"
            else f"coalesce({self._value(path)} = {string_literal(orjson.dumps(wanted).decode())}, false)"
            for path, wanted in source.recognise.items()
        )

    def _value(self, path: str) -> str:
        """SQL of what is at a path, under its whole name (canonical events are flat) or nested."""
        whole, segments = self._at((path,)), parse_path(path)
        if len(segments) == 1:
            return whole
        return f"coalesce(nullif({whole}, 'null'), {self._at(segments)})"

    def _at(self, segments: tuple[str | int, ...]) -> str:
        number = self._paths.setdefault(json_path(segments), len(self._paths) + 1)
        return f"CAST(marks[{number}] AS VARCHAR)"


def _present(value: str) -> str:
    return f"({value} <> 'null')"
