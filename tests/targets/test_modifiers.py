"""Every detection modifier in every dialect: what the table says, what the oracle says and what each engine finds."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml

from sigmagen.problems import SigmagenError
from tests.lakes import EACH_LAKE, LAKES
from tests.targets.engines import CONVERTER, canonical, event, expected, found, rule_of, running
from tests.targets.modifier_events import EVENTS, Held
from tests.targets.modifier_table import INDISTINCT, REFUSED_EVERYWHERE, TABLE, Row

ROWS = pytest.mark.parametrize(("number", "row"), list(enumerate(TABLE)), ids=[row.name for row in TABLE])
SPL = Path(__file__).with_name("modifiers_spl.yml")
UPDATE = os.environ.get("SIGMAGEN_UPDATE_GOLDEN")
SIEMS = ("duckdb", "sentinel", "elastic", "splunk")


@pytest.fixture(scope="module")
def duckdb() -> Iterator[Held]:
    with running("duckdb", "", EVENTS) as held:
        yield held


@ROWS
def test_the_oracle_says_what_the_table_says(number: int, row: Row) -> None:
    users = of_oracle(number, "duckdb")
    assert {user for user in users if user.startswith(f"{number}-")} == {
        f"{number}-yes-{position}" for position in range(len(row.yes))
    }


@cache
def of_oracle(number: int, siem: str) -> set[str]:
    """What the oracle finds for a row of the table; only in Sentinel, the empty text is the missing one."""
    with TemporaryDirectory() as folder:
        return expected(rule_of(TABLE[number].detection, Path(folder)), EVENTS, siem)


def check(held: Held, number: int, folder: Path) -> None:
    engine, source = held
    row = TABLE[number]
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
    assert users == of_oracle(number, "sentinel" if engine.siem == "sentinel" else "duckdb")


@ROWS
def test_duckdb_finds_the_same(number: int, row: Row, duckdb: Held, tmp_path: Path) -> None:
    check(duckdb, number, tmp_path)


@pytest.mark.sampled(3)
@ROWS
def test_kql_finds_the_same(number: int, row: Row, kusto: Held, tmp_path: Path) -> None:
    check(kusto, number, tmp_path)


@pytest.mark.sampled(3)
@ROWS
def test_spl_finds_the_same(number: int, row: Row, splunk: Held, tmp_path: Path) -> None:
    check(splunk, number, tmp_path)


@pytest.mark.sampled(3)
@pytest.mark.elasticsearch
@ROWS
def test_esql_finds_the_same(number: int, row: Row, elasticsearch: Held, tmp_path: Path) -> None:
    check(elasticsearch, number, tmp_path)


@pytest.fixture(scope="module", params=EACH_LAKE)
def lake(request: pytest.FixtureRequest) -> Iterator[Held]:
    with running(request.param, "", EVENTS) as held:
        yield held


@pytest.mark.sampled(3)
@ROWS
def test_lakes_find_the_same(number: int, row: Row, lake: Held, tmp_path: Path) -> None:
    check(lake, number, tmp_path)


@pytest.mark.parametrize("siem", [*SIEMS, *LAKES])
@pytest.mark.parametrize(("detection", "reason"), REFUSED_EVERYWHERE, ids=[str(row[0]) for row in REFUSED_EVERYWHERE])
def test_what_has_no_meaning_is_refused(siem: str, detection: dict[str, Any], reason: str, tmp_path: Path) -> None:
    with pytest.raises(SigmagenError, match=reason) as refused:
        CONVERTER.convert(rule_of(detection, tmp_path), canonical(), siem)
    (problem,) = refused.value.problems
    assert problem.file
    assert problem.line


@ROWS
def test_spl_is_as_reviewed(number: int, row: Row, tmp_path: Path) -> None:
    """Read against Splunk's documentation; SIGMAGEN_UPDATE_GOLDEN=1 writes the file anew, to be read again."""
    query = CONVERTER.convert(rule_of(row.detection, tmp_path), canonical(), "splunk")
    if "splunk" in row.noted:
        assert any(row.noted["splunk"] in warning.message for warning in query.warnings)
    else:
        assert not query.warnings
    reviewed = yaml.safe_load(SPL.read_text(encoding="utf-8")) if SPL.exists() else {}
    if UPDATE:
        reviewed[row.name] = where_clause(query.text)
        SPL.write_text(yaml.safe_dump(reviewed, allow_unicode=True, width=10_000), encoding="utf-8")
    assert where_clause(query.text) == reviewed[row.name]


def where_clause(text: str) -> str:
    """The detection's part of a search, in one line."""
    stages = re.split(r"\n\| ", text)
    wheres = [stage for stage in stages if stage.startswith("where ")]
    # Before it stands what makes a record a call.
    where = next(stage for stage in wheres if stage != "where isnull('event.action')")
    return " ".join(where.removeprefix("where ").split()).removesuffix(' AND user_id != ""')


def test_every_reviewed_line_is_of_a_row() -> None:
    assert set(yaml.safe_load(SPL.read_text(encoding="utf-8"))) == {row.name for row in TABLE}


# Spark has no functions for IPv6 addresses, so a rule with such a network is refused there.
READ_IPV6 = [lake for lake, name in zip(EACH_LAKE, LAKES, strict=True) if name != "spark"]
MALFORMED = [
    "2001:db8:1",
    "2001:db8::1::",
    "2001:db8:zz::",
    "12001:db8::1",
    "2001:db8:1:2:3:4:5:6:7",
    "2001:db8:1:2:3::6:7:8:9",
    "bot",
]
MALFORMED += ["192.0.2.300", "192.0.2.1x", "1.192.0.2.1", "192.0.2", "192.0.2.01", "x::ffff:192.0.2.1"]


@pytest.mark.parametrize("siem", ["duckdb", "sentinel", *READ_IPV6])
def test_what_is_no_address_is_in_no_network(siem: str, tmp_path: Path) -> None:
    """Elasticsearch stores nothing else than addresses there."""
    right = ["192.0.2.1", "2001:0DB8:0:0::0001", "2001:db8:1:2:3:4:5:6", "2001:db8::"]
    events = [event(address, {"ip": address}) for address in [*MALFORMED, *right]]
    rule = rule_of({"ip|cidr": ["2001:db8::/32", "192.0.2.0/24", "2001::/16"]}, tmp_path)
    with running(siem, "", events) as (engine, source):
        assert found(engine, CONVERTER.convert(rule, source, siem)) == expected(rule, events, siem) == set(right)
