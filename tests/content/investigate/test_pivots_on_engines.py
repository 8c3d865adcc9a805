"""Every pivot of every rule and source, executed: each engine gives DuckDB's answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sigmagen.engines.duckdb import DuckDBEngine
from sigmagen.engines.elasticsearch import ElasticsearchEngine
from sigmagen.engines.kusto_local import KustoLocalEngine
from sigmagen.engines.splunk_local import SplunkLocalEngine
from tests.content.investigate.answers import CONVERTER, PLACES, alert, differences


@pytest.fixture(scope="module")
def reference() -> Iterator[DuckDBEngine]:
    with DuckDBEngine() as engine:
        yield engine


def of_attack(engine: Any, reference: DuckDBEngine, name: str, source_name: str) -> list[str]:
    """The pivots that are answered otherwise than by DuckDB after the first alert of a rule's attack."""
    scene = alert(name, source_name)
    if scene is None:
        pytest.skip("the log itself lacks a field of the rule")
    rule, source, subject, native = scene
    reference.load(source, native)
    return differences(engine, reference, rule, source, subject, native)


@pytest.mark.thorough
@pytest.mark.parametrize(("name", "source"), PLACES)
def test_kql_answers_as_duckdb_does(reference: DuckDBEngine, name: str, source: str) -> None:
    with KustoLocalEngine(CONVERTER.taxonomy) as engine:
        found = of_attack(engine, reference, name, source)
    assert not found, "\n".join(found)


@pytest.mark.thorough
@pytest.mark.parametrize(("name", "source"), PLACES)
def test_spl_answers_as_duckdb_does(reference: DuckDBEngine, name: str, source: str) -> None:
    with SplunkLocalEngine() as engine:
        found = of_attack(engine, reference, name, source)
    assert not found, "\n".join(found)


@pytest.mark.thorough
@pytest.mark.elasticsearch
@pytest.mark.parametrize(("name", "source"), PLACES)
def test_esql_answers_as_duckdb_does(reference: DuckDBEngine, elasticsearch_url: str, name: str, source: str) -> None:
    with ElasticsearchEngine(elasticsearch_url, CONVERTER.taxonomy) as engine:
        found = of_attack(engine, reference, name, source)
    assert not found, "\n".join(found)
