"""SQL that says of which log source a record is, made from the marks that the mappings name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from sigmagen.logs.envelopes import TELLING
from sigmagen.mapping.expression import parse_path
from sigmagen.mapping.source import Source
from sigmagen.targets.duckdb.printer import string_literal
from sigmagen.targets.duckdb.records import TEXTS, Paths

UNREAD, UNKNOWN = -1, -2
"""Kinds of a line: one that only a reader of our own can read, and a record of no source."""


class Marks:
    """What tells sources apart. A kind is the position of a source in `sources`; `paths` grow by what is read."""

    def __init__(self, sources: Sequence[Source], paths: Paths) -> None:
        self._paths = paths
        telling = " OR ".join(f"{paths.text((name,))} IS NOT NULL" for name in sorted(TELLING))
        cases = "".join(
            f" WHEN {self._test(source)} THEN {number}" for number, source in enumerate(sources) if source.recognise
        )
        self.kind = f"CASE WHEN {TEXTS} IS NULL OR {telling} THEN {UNREAD}{cases} ELSE {UNKNOWN} END"
        """SQL of a record's kind. An array or an envelope around records is for a reader of our own."""

    def _test(self, source: Source) -> str:
        return " AND ".join(self._bears(path, wanted) for path, wanted in source.recognise.items())

    def _bears(self, path: str, wanted: Any) -> str:
        if wanted == "present":
            return f"{text_at(path, self._paths)} IS NOT NULL"
        if isinstance(wanted, str) and not _is_json(wanted):  # so no value but the string has this text
            return f"coalesce({text_at(path, self._paths)} = {string_literal(wanted)}, false)"
        value = _json_at(path, self._paths)
        return f"coalesce({value} = {string_literal(orjson.dumps(wanted).decode())}, false)"


def identity(source: Source, paths: Paths) -> str:
    """SQL of a number for a record's id; null where it has none.

    Different ids may have the same number by chance or by intent: records are only ever compared because of it.
    """
    text = f"nullif({text_at(source.event_id, paths)}, '')"
    return f"CASE WHEN {text} IS NOT NULL THEN hash({text}) END"


def text_at(path: str, paths: Paths) -> str:
    """SQL of the text at a path, under its whole name (canonical events are flat) or nested."""
    whole, segments = paths.text((path,)), parse_path(path)
    return whole if len(segments) == 1 else f"coalesce({whole}, {paths.text(segments)})"


def _json_at(path: str, paths: Paths) -> str:
    whole, segments = f"CAST({paths.document((path,))} AS VARCHAR)", parse_path(path)
    if len(segments) == 1:
        return whole
    return f"coalesce(nullif({whole}, 'null'), CAST({paths.document(segments)} AS VARCHAR))"


def _is_json(text: str) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True
