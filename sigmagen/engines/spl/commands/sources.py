"""Commands that generate rows or add the rows of subsearches: makeresults, append, multisearch, union."""

from __future__ import annotations

from collections.abc import Callable

import orjson

from sigmagen.engines.spl.errors import refuse
from sigmagen.engines.spl.json_values import extract_fields
from sigmagen.engines.spl.pipeline import Command, Context, Piece, Pipeline
from sigmagen.engines.spl.scanner import Scanner, whole_number
from sigmagen.engines.spl.values import Rows

Subsearch = Callable[[Scanner], Pipeline]
"""Parses `[ ... ]` at the scanner's position."""


def parse_makeresults(piece: Piece, scanner: Scanner) -> Command:
    """`makeresults [count=<n>]` or `makeresults format=json data="<array of objects>"`.

    Splunk sets _time to the current time. There is no clock here, so the rows have no _time until eval sets it.
    """
    options = scanner.options("count", "format", "data")
    scanner.finish()
    rows: Rows = [{} for _ in range(whole_number(options.get("count"), 1))]
    if "format" in options or "data" in options:
        if "data" not in options or "format" not in options or options["format"].value != "json":
            refuse("makeresults data is only supported with format=json", piece.position)
        try:
            records = orjson.loads(options["data"].value)
        except orjson.JSONDecodeError as error:
            refuse(f"data is not valid JSON: {error}", options["data"].position)
        if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
            refuse("data must be an array of objects", options["data"].position)
        texts = [orjson.dumps(record).decode() for record in records]
        rows = [{**extract_fields(text), "_raw": text} for text in texts]
    return Command("makeresults", piece.position, None, source=lambda _: [dict(row) for row in rows])


def parse_append(piece: Piece, scanner: Scanner, subsearch: Subsearch) -> Command:
    """`append [ <search> ]`: adds its rows after the existing ones. Limits on subsearches are not emulated."""
    pipeline = subsearch(scanner)
    scanner.finish()
    return Command("append", piece.position, lambda rows, context: rows + pipeline.run(context))


def parse_multisearch(piece: Piece, scanner: Scanner, subsearch: Subsearch) -> Command:
    """`multisearch [ <search> ] [ <search> ] ...`: events of several searches, of streaming commands only."""
    pipelines = [subsearch(scanner)]
    while not _done(scanner):
        pipelines.append(subsearch(scanner))
    if len(pipelines) < 2:
        refuse("multisearch needs two subsearches", piece.position)
    for pipeline in pipelines:
        if not pipeline.commands[0].timed:
            refuse("multisearch needs searches of events", pipeline.commands[0].position)
        if pipeline.leading + 1 < len(pipeline.commands):
            command = pipeline.commands[1 + pipeline.leading]
            refuse(f"multisearch only allows streaming commands, not {command.name}", command.position)

    def source(context: Context) -> Rows:
        found = [row for pipeline in pipelines for row in pipeline.all_time(context)]
        return sorted(found, key=lambda row: row["_time"], reverse=True)

    return Command(piece.name, piece.position, None, source=source, timed=True)


def _done(scanner: Scanner) -> bool:
    """Return whether only white space is left (the scanner has no token for brackets)."""
    return not scanner.text[scanner.position : scanner.end].strip()


def parse_union(piece: Piece, scanner: Scanner, subsearch: Subsearch) -> Command:
    """`union [ <search> ] [ <search> ] ...` as the first command: merged by time like multisearch if all are streaming,
    otherwise appended."""
    start = scanner.position
    pipelines = []
    while not _done(scanner):
        pipelines.append(subsearch(scanner))
    if all(p.commands[0].timed and p.leading + 1 == len(p.commands) for p in pipelines):
        scanner.position = start
        return parse_multisearch(piece, scanner, subsearch)
    return Command(
        "union",
        piece.position,
        None,
        source=lambda context: [row for pipeline in pipelines for row in pipeline.run(context)],
    )
