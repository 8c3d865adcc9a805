"""Native logs for tests: what a built-in rule's test file plays, as a source writes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest

from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.convert.converter import Converter, Query
from sigmagen.engines.alert import Alert
from sigmagen.engines.duckdb import DuckDBEngine
from sigmagen.mapping.source import load_sources
from sigmagen.proof.cases import rule_under_test
from sigmagen.proof.simulate.scenes import Scene, lay_out, records, span
from sigmagen.rules.load import load_rules
from sigmagen.rules.model import RuleFile
from sigmagen.sources import examples, render
from sigmagen.sources.call import CHAT, PREDICTION, STORAGE_READ, Call

NATIVE_SOURCES = sorted(name for name, source in load_sources(mappings_folder()).items() if not source.canonical)
"""The sources of the built-in mappings that a product writes."""


SAMPLES = (CHAT, PREDICTION, STORAGE_READ, "CreateApiKey")
"""Operations, of which each source logs one at least."""


def logged(source: str, **attributes: Any) -> dict[str, Any]:
    """The record of a call with these attributes, of an operation that the source logs."""
    samples = [attributes["operation"]] if "operation" in attributes else SAMPLES
    calls = (Call(**(attributes | {"operation": operation})) for operation in samples)
    record = next((record for call in calls if (record := render(source, call))), None)
    if record is None:
        pytest.skip(f"{source} logs no such call")
    return record


def example(source: str, name: str = "records.ndjson") -> Path:
    """A file of a source's examples: records, or their canonical events by hand."""
    return examples(source) / name


@cache
def converter() -> Converter:
    """The built-in mappings."""
    return Converter.load(mappings_folder())


@cache
def _files() -> dict[str, RuleFile]:
    loaded = load_rules(None, rules_folder=rules_folder(), mappings_folder=mappings_folder())
    return {file.path.stem: file for file in loaded.files}


@cache
def _played(stem: str, source: str) -> tuple[Query, list[Scene]]:
    rule, test = rule_under_test(_files()[stem])
    query = converter().convert(rule, converter().sources[source], "duckdb")
    scenes = lay_out(test, source, reach=query.reach)
    return query, [scene for scene in scenes if scene.prefix is None]


@cache
def attack(stem: str, source: str, number: int | None = None) -> list[dict[str, Any]]:
    """The native records of a built-in rule's cases: attack, twins and known misses, one after the other.

    With a `number`, so many of the first; it is at most the length of the first case.
    """
    _, scenes = _played(stem, source)
    return records(scenes if number is None else scenes[:1], source)[:number]


@cache
def reference_alerts(stem: str, source: str) -> tuple[Alert, ...]:
    """What the reference engine's hunt finds in them, as `verify` runs it."""
    query, scenes = _played(stem, source)
    with DuckDBEngine() as engine:
        engine.load(query.source, attack(stem, source))
        return tuple(engine.run(query, *span(scenes)))


def ndjson(native: Iterable[Mapping[str, Any]]) -> bytes:
    """One record a line."""
    return b"".join(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE) for record in native)
