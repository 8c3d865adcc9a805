"""Canonical events as NDJSON: to a stream, or to a file that an interrupted run has begun."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

import duckdb

from sigmagen.local.canonical_logs import EventRelation
from sigmagen.local.event_text import event_lines
from sigmagen.local.journal import Journal
from sigmagen.logs.output import unwritable, whole_path

SAVED = 50_000
"""Events after which the journal is written, about."""

Step = Callable[[int], None]


def write_lines(
    connection: duckdb.DuckDBPyConnection, relations: Sequence[EventRelation], stream: IO[bytes], on_written: Step
) -> None:
    """Write all events. `on_written` is told how many there are so far."""
    written = 0
    for lines in event_lines(connection, relations):
        stream.write(_text(lines))
        written += len(lines)
        on_written(written)


def resume_lines(
    connection: duckdb.DuckDBPyConnection,
    relations: Sequence[EventRelation],
    output: Path,
    journal: Journal,
    on_written: Step,
) -> int:
    """Write the events that a run before has not written, and give the file its name; how many were there.

    What is written lies in `<output>.partial` until then. Raises SigmagenError where it can't be written.
    """
    final = Path(os.path.realpath(output))
    partial = final.with_name(f"{final.name}.partial")
    there, position = journal.state.get("events", 0), journal.state.get("bytes", 0)
    if not partial.is_file() or partial.stat().st_size < position:
        there, position = 0, 0
    written = saved = there
    with _begun(partial) as stream:
        stream.truncate(position)
        stream.seek(position)
        for lines in event_lines(connection, relations, there):
            stream.write(_text(lines))
            written += len(lines)
            on_written(written)
            if written - saved >= SAVED:
                saved = written
                stream.flush()
                os.fsync(stream.fileno())
                journal.save(events=written, bytes=stream.tell())
    with whole_path(output) as temporary:
        temporary.touch()
        rights = temporary.stat().st_mode
        os.replace(partial, temporary)
        temporary.chmod(rights)
    journal.remove()
    return int(there)


def _begun(partial: Path) -> IO[bytes]:
    try:
        # Only the owner's until it is complete, for it may hold prompts.
        return open(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+b")
    except OSError as error:
        raise unwritable(partial, error) from None


def _text(lines: Sequence[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode()
