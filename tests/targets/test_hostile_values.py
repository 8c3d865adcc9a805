"""A value from a rule matches itself and nothing else, and never changes a query's shape, whatever is in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from sigmagen.bundled import mappings_folder
from sigmagen.convert.converter import Converter
from sigmagen.engines.alert import Engine
from sigmagen.engines.duckdb import DuckDBEngine
from sigmagen.engines.elasticsearch import ElasticsearchEngine
from sigmagen.engines.kusto_local import KustoLocalEngine
from sigmagen.engines.splunk_local import SplunkLocalEngine
from sigmagen.rules.load import load_rules
from sigmagen.rules.model import Correlation
from sigmagen.sources import render
from sigmagen.sources.call import Call
from tests.canonical_events import EVER

CONVERTER = Converter.load(mappings_folder())
CANONICAL = CONVERTER.source("canonical")
HOSTILE = [
    'quote " and more',
    "single ' quote",
    "'; DROP TABLE canonical; --",
    '" | delete | where "" == "',
    "back\\slash at the end\\",
    'escaped quote \\" | stats count',
    "new\nline | head 1",
    "tab\tand return\r",
    "// comment /* and */ -- and #",
    "``` macro `dangerous(1)` ```",
    "[search index=* | delete]",
    "{}[]()^$.|+",
    "percent % and _ underscore",
    "@'verbatim' h\"obfuscated\"",
    '"""triple"""',
    "$1 \\1 ${jndi}",
    "bidi \u202e override \u2066",
    "用户 🤖",
    "x" * 5000,
]


def rule_on(value: str, folder: Path) -> Correlation:
    """A correlation that counts events whose user agent is exactly `value`."""
    escaped = value.replace("\\", "\\\\").replace("*", "\\*").replace("?", "\\?")
    base = {
        "title": "t",
        "name": "hostile",
        "logsource": {"category": "ai_inference"},
        "detection": {"selection": {"user_agent.original": escaped}, "condition": "selection"},
    }
    condition = {"gte": 1}
    correlation = {
        "type": "event_count",
        "rules": ["hostile"],
        "group-by": ["user.id"],
        "timespan": "1h",
        "condition": condition,
    }
    path = folder / "hostile.yml"
    path.write_text(
        yaml.safe_dump_all([base, {"title": "c", "name": "c", "correlation": correlation}], allow_unicode=True)
    )
    loaded = load_rules([path], rules_folder=folder, mappings_folder=mappings_folder())
    assert not loaded.problems, [str(problem) for problem in loaded.problems]
    subject = loaded.files[0].subjects[0]
    assert isinstance(subject, Correlation)
    return subject


def events() -> list[dict[str, Any]]:
    calls = [
        Call(time=1_786_440_000_000 + number, id=f"c{number}", principal=f"sender-{number}", user_agent=value)
        for number, value in enumerate([*HOSTILE, "innocent"])
    ]
    return [record for call in calls if (record := render("canonical", call)) is not None]


def matched(engine: Engine, folder: Path) -> dict[int, set[str]]:
    engine.load(CANONICAL, events())
    found = {}
    for number, value in enumerate(HOSTILE):
        query = CONVERTER.convert(rule_on(value, folder), CANONICAL, engine.siem)
        found[number] = {alert.group_dict()["user.id"] for alert in engine.run(query, *EVER)}
    return found


EXPECTED = {number: {f"sender-{number}"} for number, _ in enumerate(HOSTILE)}


def test_duckdb_matches_only_the_literal(tmp_path: Path) -> None:
    with DuckDBEngine() as engine:
        assert matched(engine, tmp_path) == EXPECTED


def test_kql_matches_only_the_literal(tmp_path: Path) -> None:
    with KustoLocalEngine(CONVERTER.taxonomy) as engine:
        assert matched(engine, tmp_path) == EXPECTED


def test_spl_matches_only_the_literal(tmp_path: Path) -> None:
    with SplunkLocalEngine() as engine:
        found = matched(engine, tmp_path)
    # Splunk extracts no field from behind the first 5,000 bytes of an event, so that one is not seen there.
    assert found == EXPECTED | {HOSTILE.index("x" * 5000): set()}


@pytest.mark.elasticsearch
def test_esql_matches_only_the_literal(tmp_path: Path, elasticsearch_url: str) -> None:
    with ElasticsearchEngine(elasticsearch_url, CONVERTER.taxonomy) as engine:
        assert matched(engine, tmp_path) == EXPECTED


def commands(text: str) -> int:
    """How many pipes are outside double-quoted strings, where SPL's escapes are back-slash and quote."""
    count, quoted, skip = 0, False, False
    for character in text:
        if skip:
            skip = False
        elif quoted and character == "\\":
            skip = True
        elif character == '"':
            quoted = not quoted
        elif character == "|" and not quoted:
            count += 1
    assert not quoted
    return count


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_spl_keeps_its_shape(value: str, tmp_path: Path) -> None:
    innocent = CONVERTER.convert(rule_on("innocent", tmp_path), CANONICAL, "splunk").text
    hostile = CONVERTER.convert(rule_on(value, tmp_path), CANONICAL, "splunk").text
    assert commands(hostile) == commands(innocent)
