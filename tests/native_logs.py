"""Native logs for tests: what a built-in rule's test file plays, as a source writes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.convert.converter import Converter, Query
from sigmagen.engines.alert import Alert
from sigmagen.engines.duckdb import DuckDBEngine
from sigmagen.mapping.source import load_sources
from sigmagen.proof.cases import rule_under_test
from sigmagen.proof.simulate.scenes import lay_out, records, span
from sigmagen.rules.load import load_rules
from sigmagen.sources import examples

NATIVE_SOURCES = sorted(name for name, source in load_sources(mappings_folder()).items() if not source.canonical)
"""The sources of the built-in mappings that a product writes."""


def example(source: str, name: str = "records.ndjson") -> Path:
    """A file of a source's examples: records, or their canonical events by hand."""
    return examples(source) / name


@cache
def converter() -> Converter:
    """The built-in mappings."""
    return Converter.load(mappings_folder())


@cache
def _played(stem: str, source: str) -> tuple[Query, list[dict[str, Any]], tuple[Alert, ...]]:
    files = load_rules(None, rules_folder=rules_folder(), mappings_folder=mappings_folder()).files
    rule, test = rule_under_test(next(file for file in files if file.path.stem == stem))
    query = converter().convert(rule, converter().sources[source], "duckdb")
    scenes = [scene for scene in lay_out(test, source, reach=query.reach) if scene.prefix is None]
    native = records(scenes, source)
    with DuckDBEngine() as engine:
        engine.load(query.source, native)
        return query, native, tuple(engine.run(query, *span(scenes)))


def attack(stem: str, source: str) -> list[dict[str, Any]]:
    """The native records of a built-in rule's cases: attack, twins and known misses, one after the other."""
    return _played(stem, source)[1]


def reference_alerts(stem: str, source: str) -> tuple[Alert, ...]:
    """What the reference engine's hunt finds in them, as `verify` runs it."""
    return _played(stem, source)[2]


def ndjson(native: Iterable[Mapping[str, Any]]) -> bytes:
    """One record a line."""
    return b"".join(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE) for record in native)
