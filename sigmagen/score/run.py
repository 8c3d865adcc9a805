"""Scores logs: reads them with the columns that rules and labels need, and attributes the alerts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from sigmagen.convert.converter import Converter
from sigmagen.engines.duckdb import DuckDBEngine
from sigmagen.local.detect import Detector
from sigmagen.local.detection import Rule
from sigmagen.logs.chunks import ChunkReader
from sigmagen.logs.recognise import Recogniser
from sigmagen.rules.load import parse_rules
from sigmagen.rules.yaml import parse_documents
from sigmagen.score.attribution import Outcome, attribute
from sigmagen.score.labels import Labels

_EVERYTHING = b"""\
title: Every Event With Its User
name: every_event
logsource: {category: ai_inference}
detection:
  selection: {event.id: '*', user.id: '*'}
  condition: selection
---
title: Every Event of a User
correlation:
  type: event_count
  rules: [every_event]
  group-by: [user.id]
  timespan: 1d
  condition: {gte: 1}
"""


def score_logs(
    logs: Sequence[str],
    labels: Labels,
    rules: Sequence[Rule],
    converter: Converter,
    step: Callable[[int, int], None] = lambda done, total: None,
    memory: int | None = None,
) -> Outcome:
    """Run rules over labelled logs. `step` is told how many rules are done. `memory` limits the engine, in bytes.

    Raises SigmagenError if a log can't be read.
    """
    (everything,) = parse_rules(
        [parse_documents(_EVERYTHING, Path("every_event.yml"))], mappings_folder=converter.mappings
    ).rules
    reader = ChunkReader(logs)
    recogniser = Recogniser(converter.sources.values(), None)
    with TemporaryDirectory(prefix="sigmagen-score-") as folder:
        database = str(Path(folder) / "records.duckdb")
        with DuckDBEngine(database, temporary=Path(folder), memory=memory) as engine:
            detector = Detector(converter, engine)
            detector.read(reader, recogniser, [*rules, everything])
            return attribute(detector, rules, labels, everything, step)
