"""A field with several values, on a real Elasticsearch: any of them may match, and negated, none may."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml
from elasticsearch import Elasticsearch

from sigmagen.bundled import mappings_folder
from sigmagen.problems import SigmagenError
from sigmagen.rules.load import load_rules
from sigmagen.rules.model import BaseRule
from sigmagen.targets.elastic.several import SEPARATOR
from tests.oracle import matches
from tests.targets.engines import CONVERTER

INDEX = f"several-{uuid4().hex[:12]}"
EVENTS: list[dict[str, Any]] = [
    {"tags": ["Start", "b"]},
    {"tags": "start"},
    {"tags": ["x"]},
    {},
    {"tags": []},
    {"tags": ["a\nb", "Straße"]},
    {"tags": ["42", "abc"]},
    {"host": {"ip": ["192.0.2.1", "198.51.100.7"]}},
    {"host": {"ip": "2001:db8::1"}},
    {"tags": ["ab", "cd"]},
    {"tags": ["", "q"]},
    {"dns": {"answers": [{"ttl": 5}, {"ttl": 50}]}},
    {"dns": {"answers": {"ttl": 7}}},
    {"tags": ["\u03b1\u03a3"]},
    {"tags": ["x y", "foo_bar"]},
]
MAPPINGS = {
    "dynamic_templates": [{"texts": {"match_mapping_type": "string", "mapping": {"type": "keyword"}}}],
    "properties": {"host": {"properties": {"ip": {"type": "ip"}}}, "number": {"type": "long"}},
}
EVERY = set(range(len(EVENTS)))
CASES: list[tuple[dict[str, Any], set[int]]] = [
    ({"tags": "start"}, {0, 1}),
    ({"tags": ["START", "x"]}, {0, 1, 2}),
    ({"tags|cased": "Start"}, {0}),
    ({"tags|startswith": "a"}, {5, 6, 9}),
    ({"tags|endswith": "b"}, {0, 5, 9}),
    ({"tags|contains": "b"}, {0, 5, 6, 9, 14}),
    ({"tags|contains|all": ["a", "c"]}, {6, 9}),
    ({"tags": "a*d"}, set()),
    ({"tags": "a?"}, {9}),
    ({"tags|re": "^a.*b$"}, {9}),
    ({"tags|re|s": "^a.b$"}, {5}),
    ({"tags|re|m": "^b$"}, {0, 5}),
    ({"tags|re": "^ab$|^x$"}, {2, 9}),
    ({"tags|re": "b[^c]*d"}, set()),
    ({"tags|re": r"\bbar\b"}, set()),
    ({"tags|re": r"\by\b"}, {14}),
    ({"tags": ""}, {10}),
    ({"tags": None}, {3, 4, 7, 8, 11, 12}),
    ({"tags": "*"}, {0, 1, 2, 5, 6, 9, 10, 13, 14}),
    ({"tags|exists": False}, {3, 4, 7, 8, 11, 12}),
    ({"tags": "STRAßE"}, {5}),
    ({"tags": "\u03b1\u03c3"}, {13}),
    ({"tags|contains": "\u03c3"}, {13}),
    ({"tags": "42"}, {6}),
    ({"host.ip": "198.51.100.7"}, {7}),
    ({"host.ip": "2001:db8::1"}, {8}),
    ({"dns.answers.ttl|gt": 10}, {11}),
    ({"dns.answers.ttl|lt": 6}, {11}),
    ({"dns.answers.ttl|gte": 7}, {11, 12}),
    ({"dns.answers.ttl": 50}, {11}),
    ({"dns.answers.ttl": [7, 50]}, {11, 12}),
    ({"dns.answers.ttl": "50"}, {11}),
]


def rule_of(detection: dict[str, Any], condition: str, folder: Path) -> BaseRule:
    path = folder / "rule.yml"
    rule = {"title": "t", "name": "t", "logsource": {"product": "any"}}
    rule["detection"] = {"seen": detection, "condition": condition}
    path.write_text(yaml.safe_dump(rule, allow_unicode=True), encoding="utf-8")
    (subject,) = load_rules([path], rules_folder=folder, mappings_folder=mappings_folder()).files[0].subjects
    assert isinstance(subject, BaseRule)
    return subject


def text_of(rule: BaseRule, language: str) -> str:
    located = CONVERTER.with_locations({"elastic": INDEX})
    assert located.generic is not None
    return located.convert(rule, located.generic.source(rule), language).text


@pytest.fixture(scope="module")
def client(elasticsearch_url: str) -> Iterator[Elasticsearch]:
    with Elasticsearch(elasticsearch_url) as found:
        found.indices.create(index=INDEX, mappings=MAPPINGS)
        try:
            for number, event in enumerate(EVENTS):
                found.index(index=INDEX, document={**event, "number": number})
            found.indices.refresh(index=INDEX)
            yield found
        finally:
            found.indices.delete(index=INDEX)


def by_esql(client: Elasticsearch, text: str) -> set[int]:
    result = client.esql.query(query=f"{text}\n| KEEP number")
    return {number for (number,) in result["values"]}


def by_lucene(client: Elasticsearch, text: str) -> set[int]:
    found = client.search(index=INDEX, query={"query_string": {"query": text}}, size=1000)
    return {hit["_source"]["number"] for hit in found["hits"]["hits"]}


@pytest.mark.elasticsearch
@pytest.mark.parametrize(("detection", "expected"), CASES, ids=[str(case[0]) for case in CASES])
def test_any_value_matches_and_negated_none_does(
    detection: dict[str, Any], expected: set[int], client: Elasticsearch, tmp_path: Path
) -> None:
    for condition, numbers in (("seen", expected), ("not seen", EVERY - expected)):
        rule = rule_of(detection, condition, tmp_path)
        assert by_esql(client, text_of(rule, "elastic")) == numbers
        assert by_lucene(client, text_of(rule, "lucene")) == numbers


@pytest.mark.parametrize(("detection", "expected"), CASES, ids=[str(case[0]) for case in CASES])
def test_the_oracle_says_the_same(detection: dict[str, Any], expected: set[int], tmp_path: Path) -> None:
    rule = rule_of(detection, "seen", tmp_path)
    assert {number for number, event in enumerate(EVENTS) if matches(rule, flat(event))} == expected


def flat(event: dict[str, Any]) -> dict[str, Any]:
    """An event with dotted names, as the index has it: no value for an empty list."""
    answers = event.get("dns", {}).get("answers", [])
    times = [answer["ttl"] for answer in (answers if isinstance(answers, list) else [answers])]
    fields = {"tags": event.get("tags"), "host.ip": event.get("host", {}).get("ip"), "dns.answers.ttl": times}
    return {name: value for name, value in fields.items() if value not in (None, [])}


@pytest.mark.parametrize(
    ("detection", "reason"),
    [
        ({"host.ip|cidr": "192.0.2.0/24"}, "can't compare with a network"),
        ({"tags|fieldref": "host.name"}, "compared with another field"),
        ({"host.name|fieldref": "tags"}, "compared with another field"),
    ],
)
def test_what_has_no_form_for_several_values_is_refused(detection: dict[str, Any], reason: str, tmp_path: Path) -> None:
    with pytest.raises(SigmagenError, match=reason) as refused:
        text_of(rule_of(detection, "seen", tmp_path), "elastic")
    assert refused.value.problems[0].line


def test_a_field_that_holds_one_value_is_compared_plainly(tmp_path: Path) -> None:
    text = text_of(rule_of({"process.name": "a.exe"}, "seen", tmp_path), "elastic")
    assert 'WHERE TO_LOWER(process.name) == "a.exe"' in text
    assert SEPARATOR not in text


@pytest.mark.elasticsearch
def test_a_correlation_reads_several_values_too(client: Elasticsearch, tmp_path: Path) -> None:
    base = {"title": "b", "name": "b", "logsource": {"product": "any"}}
    base["detection"] = {"seen": {"tags": "start"}, "condition": "seen"}
    counted = {"type": "event_count", "rules": ["b"], "group-by": ["number"], "timespan": "1h", "condition": {"gte": 1}}
    path = tmp_path / "rule.yml"
    path.write_text(yaml.safe_dump_all([base, {"title": "c", "name": "c", "correlation": counted}]), encoding="utf-8")
    (rule,) = load_rules([path], rules_folder=tmp_path, mappings_folder=mappings_folder()).files[0].subjects
    located = CONVERTER.with_locations({"elastic": INDEX})
    assert located.generic is not None
    assert "MV_APPEND(TO_LOWER(tags)" in located.convert(rule, located.generic.source(rule), "elastic").text
