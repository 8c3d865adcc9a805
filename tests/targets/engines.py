"""Detections run on every engine over canonical events, as a correlation that finds each sender of a matching one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import yaml

from sigmagen.bundled import mappings_folder
from sigmagen.convert.converter import Converter, Query
from sigmagen.engines.alert import Engine, instant
from sigmagen.engines.duckdb import DuckDBEngine
from sigmagen.engines.elasticsearch import ElasticsearchEngine
from sigmagen.engines.kusto_local import KustoLocalEngine
from sigmagen.engines.splunk_local import SplunkLocalEngine
from sigmagen.mapping.source import Source
from sigmagen.rules.load import load_rules
from sigmagen.rules.model import BaseRule, Correlation
from tests.canonical_events import EVER
from tests.lakes import LAKES, open_lake
from tests.oracle import matches
from tests.targets.modifier_table import FIELDS, NO_TIME, section

CONVERTER = Converter.load(mappings_folder())


def canonical(index: str | None = None) -> Source:
    """The source of canonical events; in Elasticsearch in an index of its own."""
    source = CONVERTER.source("canonical")
    if index is None:
        return source
    return replace(source, stored={**source.stored, "elastic": replace(source.stored["elastic"], location=index)})


def rule_of(detection: dict[str, Any], folder: Path, group: str = "user.id") -> Correlation:
    """A correlation that finds every user (the field `group`) with an event that the detection matches."""
    base = {"title": "t", "name": "base", "logsource": {"category": "ai_inference"}, "detection": section(detection)}
    counted = {"type": "event_count", "rules": ["base"], "group-by": [group], "timespan": "1h"}
    correlation = {"title": "c", "name": "c", "correlation": {**counted, "condition": {"gte": 1}}}
    path = folder / "rule.yml"
    path.write_text(yaml.safe_dump_all([base, correlation], allow_unicode=True), encoding="utf-8")
    loaded = load_rules([path], rules_folder=folder, mappings_folder=mappings_folder())
    assert not loaded.problems, [str(problem) for problem in loaded.problems]
    subject = loaded.files[0].subjects[0]
    assert isinstance(subject, Correlation)
    return subject


def event(user: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """A canonical event of a user."""
    return {"@timestamp": NO_TIME, "user.id": user} | {FIELDS[name]: value for name, value in fields.items()}


def expected(rule: Correlation, events: Iterable[dict[str, Any]], siem: str) -> set[str]:
    """The users that the oracle finds. In Kusto the empty text is the missing one, so there it is left out."""
    (base,) = rule.rules
    assert isinstance(base, BaseRule)
    found = set()
    for one in events:
        seen = {name: value for name, value in one.items() if siem != "sentinel" or value != ""}
        if matches(base, {**seen, "@timestamp": instant(one["@timestamp"])}):
            found.add(one["user.id"])
    return found


def found(engine: Engine, query: Query, group: str = "user.id") -> set[str]:
    """The users (the field `group`) that a query finds."""
    return {alert.group_dict()[group] for alert in engine.run(query, *EVER)}


@contextmanager
def running(siem: str, url: str, events: list[dict[str, Any]]) -> Iterator[tuple[Engine, Source]]:
    """An engine that holds the events, and their source there. One more engine is one more line."""
    source = canonical(f"modifiers-{uuid4().hex[:12]}-*")
    engines: dict[str, Callable[[], Engine]] = {
        "duckdb": DuckDBEngine,
        "sentinel": lambda: KustoLocalEngine(CONVERTER.taxonomy),
        "elastic": lambda: ElasticsearchEngine(url, CONVERTER.taxonomy),
        "splunk": SplunkLocalEngine,
        **{name: partial(open_lake, name) for name in LAKES},
    }
    with engines[siem]() as engine:
        engine.load(source, events)
        yield engine, source
