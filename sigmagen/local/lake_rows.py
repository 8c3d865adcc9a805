"""Lines of a log as rows of a lake's table, in Arrow: for jobs that run where the logs are, such as Spark's."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from itertools import islice
from typing import TYPE_CHECKING, Any

from sigmagen import durations
from sigmagen.convert.converter import Converter
from sigmagen.engines.alert import instant
from sigmagen.engines.opening import is_installed
from sigmagen.local.canonical import TIME, ordered_fields
from sigmagen.local.normalize import Normalizer
from sigmagen.logs.reader import LogReader, Reject
from sigmagen.logs.recognise import Recogniser
from sigmagen.mapping.source import Source
from sigmagen.mapping.taxonomy import Field, Taxonomy
from sigmagen.problems import EXIT_USAGE, Problem, SigmagenError
from sigmagen.targets.lake import DAY, column_of

if TYPE_CHECKING:
    import pyarrow

BATCH_ROWS = 5_000
_SPARK = {"integer": "BIGINT", "float": "DOUBLE", "boolean": "BOOLEAN"}
_ARROW = {"integer": "int64", "float": "float64", "boolean": "bool_"}


def spark_schema(taxonomy: Taxonomy) -> str:
    """Return the columns of the table as Spark declares them: `timestamp TIMESTAMP, ..., day DATE`."""
    columns = [f"{column_of(field.name)} {_SPARK.get(field.type, 'STRING')}" for field in _fields(taxonomy)]
    return ", ".join([f"{column_of(TIME)} TIMESTAMP", *columns, f"{DAY} DATE"])


def rows_of_lines(
    lines: Iterable[str | bytes],
    converter: Converter,
    chosen: Source | None = None,
    on_reject: Callable[[Reject], None] | None = None,
) -> Iterator[pyarrow.RecordBatch]:
    """Yield the canonical events of the lines of a log as rows of the table.

    All records are of the chosen source, or else the source of each is detected. `on_reject` is called with each record
    that is left out; without it, they are counted and logged after the last line. Raises SigmagenError if pyarrow is
    missing.
    """
    if not is_installed("pyarrow"):
        hint = "pip install 'sigmagen-extraction[spark]'"
        raise SigmagenError(Problem("extra-missing", "pyarrow is not installed", hint=hint), EXIT_USAGE)
    arrow = import_module("pyarrow")
    schema = _arrow_schema(arrow, converter.taxonomy)
    reasons: Counter[str] = Counter()
    reject = on_reject or (lambda left_out: reasons.update([left_out.reason]))
    recogniser = Recogniser(converter.sources.values(), chosen, reject)
    normalizer = Normalizer(converter, on_reject=reject)
    try:
        records = recogniser.sort(LogReader([], reject).read_lines("log", lines))
        rows = (_row(event.event) for event in normalizer.events(records))
        while batch := list(islice(rows, BATCH_ROWS)):
            yield arrow.RecordBatch.from_pylist(batch, schema)
    finally:
        normalizer.close()
    for reason, count in reasons.items():
        logging.getLogger("sigmagen").warning("records left out: %d (%s)", count, reason)


def _fields(taxonomy: Taxonomy) -> list[Field]:
    return ordered_fields(taxonomy, with_text=False)


def _arrow_schema(arrow: Any, taxonomy: Taxonomy) -> pyarrow.Schema:
    """The same columns for Arrow. The time is an instant, as Spark's TIMESTAMP is."""
    columns = [
        (column_of(field.name), getattr(arrow, _ARROW.get(field.type, "string"))()) for field in _fields(taxonomy)
    ]
    return arrow.schema([(column_of(TIME), arrow.timestamp("us", "UTC")), *columns, (DAY, arrow.date32())])


def _row(event: Mapping[str, Any]) -> dict[str, Any]:
    moment = instant(event[TIME])
    row = {column_of(name): value for name, value in event.items()}
    # Microseconds and days since the epoch.
    return {**row, column_of(TIME): moment * 1000, DAY: moment // durations.DAY}
