"""Fields of unknown type in ES|QL: a query runs, and means the same, whatever the index stores them as."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from elasticsearch import Elasticsearch

from sigmagen.problems import SigmagenError
from tests.targets.engines import CONVERTER
from tests.targets.test_several_values import rule_of

INDEX = f"stored-{uuid4().hex[:12]}"
EVENTS: list[dict[str, Any]] = [
    {"port": 443, "kind": 3, "status": 503, "on": "false", "day": "2026-01-02"},
    {"port": 8443, "kind": 10, "status": 200, "on": "n/a", "day": "2026-01-03"},
    {"port": 443, "kind": 10, "status": 500, "on": ""},
    {"port": 44, "kind": 30, "status": 50, "on": "true"},
    {"on": "False"},
    {"on": "0"},
]
CASES: list[tuple[dict[str, Any], set[int]]] = [
    ({"on": False}, {0, 4}),
    ({"on": True}, {3}),
    ({"port": "443", "kind": ["3", "10"]}, {0, 2}),
    ({"status|startswith": "5"}, {0, 2, 3}),
    ({"status|endswith": "00"}, {1, 2}),
    ({"status|contains": "03"}, {0}),
    ({"status": "5*3"}, {0}),
    ({"port|cased": "44"}, {3}),
    ({"port|gte": 443}, {0, 1, 2}),
]


def text_of(detection: dict[str, Any], condition: str, folder: Path) -> str:
    located = CONVERTER.with_locations({"elastic": INDEX})
    assert located.generic is not None
    rule = rule_of(detection, condition, folder)
    return located.convert(rule, located.generic.source(rule), "elastic").text


@pytest.fixture(scope="module", params=["long", "keyword"])
def client(request: pytest.FixtureRequest, elasticsearch_url: str) -> Iterator[Elasticsearch]:
    kinds = {name: {"type": request.param} for name in ("port", "kind", "status")}
    properties = {**kinds, "on": {"type": "keyword"}, "day": {"type": "date"}, "number": {"type": "long"}}
    with Elasticsearch(elasticsearch_url) as found:
        found.indices.create(index=INDEX, mappings={"properties": properties})
        try:
            for number, event in enumerate(EVENTS):
                found.index(index=INDEX, document={**event, "number": number})
            found.indices.refresh(index=INDEX)
            yield found
        finally:
            found.indices.delete(index=INDEX)


@pytest.mark.elasticsearch
@pytest.mark.parametrize(("detection", "expected"), CASES, ids=[str(case[0]) for case in CASES])
def test_numbers_as_text_and_booleans_are_found_however_they_are_stored(
    detection: dict[str, Any], expected: set[int], client: Elasticsearch, tmp_path: Path
) -> None:
    for condition, numbers in (("seen", expected), ("not seen", set(range(len(EVENTS))) - expected)):
        result = client.esql.query(query=f"{text_of(detection, condition, tmp_path)}\n| KEEP number")
        assert {number for (number,) in result["values"]} == numbers


@pytest.mark.elasticsearch
@pytest.mark.parametrize("number", [99, 101, 290, 400])
def test_a_long_negated_list_is_not_too_deep(number: int, client: Elasticsearch, tmp_path: Path) -> None:
    values = [f"a*{position}*b" for position in range(number)]
    result = client.esql.query(query=f"{text_of({'on': values}, 'not seen', tmp_path)}\n| KEEP number")
    assert len(result["values"]) == len(EVENTS)


@pytest.mark.parametrize("pattern", [".{1000,}", "[A-Za-z0-9+/]{500,}", "a.{1,900}b", "(ab){0,400}.{400}c"])
def test_a_pattern_that_the_server_would_refuse_is_refused_with_its_place(pattern: str, tmp_path: Path) -> None:
    with pytest.raises(SigmagenError, match="too complex for Elasticsearch") as refused:
        text_of({"on|re": pattern}, "seen", tmp_path)
    assert refused.value.problems[0].line


@pytest.mark.elasticsearch
@pytest.mark.parametrize("pattern", ["[a-z]{40,}", ".{300}", "^[a-z]{900}$"])
def test_a_pattern_that_is_not_refused_runs(pattern: str, client: Elasticsearch, tmp_path: Path) -> None:
    client.esql.query(query=text_of({"on|re": pattern}, "seen", tmp_path))


@pytest.mark.parametrize(
    ("detection", "text"),
    [
        ({"port": "443"}, 'tostring(port) =~ "443"'),
        ({"LogonType": ["3", "10"]}, 'tostring(LogonType) in~ ("3", "10")'),
        ({"status|startswith": "5"}, 'tostring(status) startswith "5"'),
        ({"name": "a"}, 'name =~ "a"'),
    ],
)
def test_kusto_compares_a_number_written_as_text_with_text(
    detection: dict[str, Any], text: str, tmp_path: Path
) -> None:
    rule = rule_of(detection, "seen", tmp_path)
    assert CONVERTER.generic is not None
    assert text in CONVERTER.convert(rule, CONVERTER.generic.source(rule), "sentinel").text
