"""Every detection modifier in every dialect: what the table says, what the oracle says and what each engine finds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sigmagen.engines.alert import Engine
from sigmagen.mapping.source import Source
from sigmagen.problems import SigmagenError
from tests.backends.engines import CONVERTER, canonical, event, expected, found, rule_of, running
from tests.backends.modifier_table import INDISTINCT, REFUSED_EVERYWHERE, TABLE, Row

Held = tuple[Engine, Source]
EVENTS = [
    event(f"{number}-{kind}-{position}", fields)
    for number, row in enumerate(TABLE)
    for kind, group in (("yes", row.yes), ("no", row.no))
    for position, fields in enumerate(group)
]
ROWS = pytest.mark.parametrize(("number", "row"), list(enumerate(TABLE)), ids=[row.name for row in TABLE])
SIEMS = ("duckdb", "sentinel", "elastic", "splunk")


@pytest.fixture(scope="module")
def duckdb() -> Iterator[Held]:
    with running("duckdb", "", EVENTS) as held:
        yield held


@pytest.fixture(scope="module")
def kusto() -> Iterator[Held]:
    with running("sentinel", "", EVENTS) as held:
        yield held


@pytest.fixture(scope="module")
def elasticsearch(elasticsearch_url: str) -> Iterator[Held]:
    with running("elastic", elasticsearch_url, EVENTS) as held:
        yield held


@ROWS
def test_the_oracle_says_what_the_table_says(number: int, row: Row, tmp_path: Path) -> None:
    users = expected(rule_of(row.detection, tmp_path), EVENTS, "duckdb")
    assert {user for user in users if user.startswith(f"{number}-")} == {
        f"{number}-yes-{position}" for position in range(len(row.yes))
    }


def check(held: Held, row: Row, folder: Path) -> None:
    engine, source = held
    rule = rule_of(row.detection, folder)
    if engine.siem in row.refused:
        with pytest.raises(SigmagenError, match="not convertible to") as refused:
            CONVERTER.convert(rule, source, engine.siem)
        assert row.refused[engine.siem] in str(refused.value)
        return
    query = CONVERTER.convert(rule, source, engine.siem)
    users = found(engine, query)
    if engine.siem in row.noted:
        assert any(row.noted[engine.siem] in warning.message for warning in query.warnings)
        if row.noted[engine.siem] == INDISTINCT:
            return
    else:
        assert not query.warnings
    assert users == expected(rule, EVENTS, engine.siem)


@ROWS
def test_duckdb_finds_the_same(number: int, row: Row, duckdb: Held, tmp_path: Path) -> None:
    check(duckdb, row, tmp_path)


@ROWS
def test_kql_finds_the_same(number: int, row: Row, kusto: Held, tmp_path: Path) -> None:
    check(kusto, row, tmp_path)


@pytest.mark.elasticsearch
@ROWS
def test_esql_finds_the_same(number: int, row: Row, elasticsearch: Held, tmp_path: Path) -> None:
    check(elasticsearch, row, tmp_path)


@pytest.mark.parametrize("siem", SIEMS)
@pytest.mark.parametrize(("detection", "reason"), REFUSED_EVERYWHERE, ids=[str(row[0]) for row in REFUSED_EVERYWHERE])
def test_what_has_no_meaning_is_refused(siem: str, detection: dict[str, Any], reason: str, tmp_path: Path) -> None:
    with pytest.raises(SigmagenError, match=reason) as refused:
        CONVERTER.convert(rule_of(detection, tmp_path), canonical(), siem)
    (problem,) = refused.value.problems
    assert problem.file
    assert problem.line
