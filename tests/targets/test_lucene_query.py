"""Lucene on a real Elasticsearch: a plain rule's query finds what the reference finds, or is refused with a reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from elasticsearch import Elasticsearch

from sigmagen.convert.converter import Query
from sigmagen.engines.elasticsearch import ElasticsearchEngine
from sigmagen.problems import SigmagenError
from sigmagen.rules.model import BaseRule
from tests.targets.engines import CONVERTER, expected, rule_of, running
from tests.targets.modifier_events import EVENTS, Held
from tests.targets.modifier_table import REFUSED_EVERYWHERE, TABLE, Row

CANT = (
    "a time part",
    "another field",
    "is not stored as text",
    "more than 1000 characters",
    "too complex",
    "which Lucene does not support",
    "a word boundary beside",
    "whole words of analyzed text",
    "would have to be computed",
    "which can't be escaped here",
)


@pytest.fixture(scope="module")
def held(elasticsearch_url: str) -> Iterator[Held]:
    with running("elastic", elasticsearch_url, EVENTS) as found:
        yield found


def query_of(row: Row, held: Held, folder: Path) -> str:
    (base,) = rule_of(row.detection, folder).rules
    assert isinstance(base, BaseRule)
    query = CONVERTER.convert(base, held[1], "lucene")
    assert not query.warnings
    return query.text


@pytest.mark.elasticsearch
def test_every_row_finds_the_same_or_is_refused(held: Held, tmp_path: Path) -> None:
    engine, source = held
    assert isinstance(engine, ElasticsearchEngine)
    wrong, outcome = [], Counter[str]()
    for row in TABLE:
        try:
            text = query_of(row, held, tmp_path)
        except SigmagenError as error:
            outcome["refused"] += 1
            if not any(reason in str(error) for reason in CANT):
                wrong.append(f"{row.name}: {error}")
            continue
        found = engine.client.search(
            index=source.stored["elastic"].location,
            query={"query_string": {"query": text}},
            size=10_000,
            fields=[{"field": "user.id"}],
            source=False,
        )
        users = {hit["fields"]["user.id"][0] for hit in found["hits"]["hits"]}
        outcome["converted"] += 1
        if users != expected(rule_of(row.detection, tmp_path), EVENTS, "elastic"):
            wrong.append(f"{row.name}: {text}")
    assert not wrong, "\n".join(wrong)
    assert outcome["converted"] > 120, outcome


@pytest.mark.parametrize(("detection", "reason"), REFUSED_EVERYWHERE, ids=[str(row[0]) for row in REFUSED_EVERYWHERE])
def test_what_has_no_meaning_is_refused(detection: dict[str, object], reason: str, tmp_path: Path) -> None:
    (base,) = rule_of(detection, tmp_path).rules
    with pytest.raises(SigmagenError, match=reason):
        CONVERTER.convert(base, CONVERTER.source("canonical"), "lucene")


def test_a_correlation_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SigmagenError, match="can't count them"):
        CONVERTER.convert(rule_of({"ua": "a"}, tmp_path), CONVERTER.source("canonical"), "lucene")


def test_names_and_values_are_escaped(tmp_path: Path) -> None:
    source = CONVERTER.generic
    assert source is not None
    (base,) = rule_of({'a b:c" OR *': "x", "ok|cased": 'a" OR "b', "re|re": "a/b"}, tmp_path).rules
    text = CONVERTER.convert(base, source.source(base), "lucene").text
    assert text.splitlines() == [
        r"a\ b\:c\"\ OR\ \*:/[Xx]/",
        r'  AND ok:"a\" OR \"b"',
        r"  AND re:/.*a\/b.*/",
    ]


def lucene_of(detection: dict[str, object], folder: Path) -> Query:
    source = CONVERTER.generic
    assert source is not None
    (base,) = rule_of(detection, folder).rules
    return CONVERTER.convert(base, source.source(base), "lucene")


@pytest.mark.parametrize(
    ("detection", "reason"),
    [
        (
            {"DestinationIp|cidr": "192.0.2.0/24"},
            "may be stored as text, and Lucene finds networks only in fields of type ip",
        ),
        ({"DestinationIp|cidr": ["192.0.2.0/24", "2001:db8::/32"]}, "may be stored as text"),
        ({"EventID|gte": 5}, "may be stored as text, which Lucene sorts alphabetically"),
        ({"source.ip|startswith": "192."}, "is not stored as text"),
        ({"destination.port|contains": "44"}, "is not stored as text"),
        ({"destination.port": "https"}, "is stored as long, so it is never 'https'"),
        ({"source.ip": "localhost"}, "is stored as ip, so it is never 'localhost'"),
    ],
)
def test_what_the_stored_type_may_not_allow_is_refused(
    detection: dict[str, object], reason: str, tmp_path: Path
) -> None:
    with pytest.raises(SigmagenError, match=reason):
        lucene_of(detection, tmp_path)


@pytest.mark.parametrize(
    ("detection", "text"),
    [
        ({"source.ip|cidr": "192.0.2.0/24"}, 'source.ip:("192.0.2.0/24")'),
        ({"source.ip": "2001:DB8::1"}, 'source.ip:"2001:DB8::1"'),
        ({"destination.port|gte": 1024}, "destination.port:[1024 TO *]"),
        ({"EventID": "4624"}, 'EventID:"4624"'),
        ({"LogonType": ["3", "10"]}, 'LogonType:("3" OR "10")'),
        ({"State": ["3", "on"]}, '(State:"3" OR State:/[Oo][Nn]/)'),
        ({"Folder": "C:\\"}, r"Folder:/[Cc]:[\\]/"),
    ],
)
def test_what_the_stored_type_allows_is_said_in_its_way(
    detection: dict[str, object], text: str, tmp_path: Path
) -> None:
    query = lucene_of(detection, tmp_path)
    assert (query.text, query.warnings) == (text, ())


@pytest.mark.parametrize(
    ("detection", "warning"),
    [
        ({"Enabled": False}, "Enabled: where it is stored as text, Lucene finds false only in lower case"),
        ({"Status|startswith": "5"}, "Status: where it is stored as a number, Lucene can't search inside it"),
    ],
)
def test_what_depends_on_the_stored_type_is_warned_of(
    detection: dict[str, object], warning: str, tmp_path: Path
) -> None:
    (found,) = lucene_of(detection, tmp_path).warnings
    assert warning in found.message


@pytest.mark.elasticsearch
def test_a_pattern_that_ends_in_a_backslash_ends_there(elasticsearch_url: str, tmp_path: Path) -> None:
    """The query parser takes `\\/` for a slash inside the pattern, and looks for the end in the next pattern."""
    index = f"backslash-{uuid4().hex[:12]}"
    folders = ["C:\\", "c:\\", "C:/", "C:\\x"]
    text = lucene_of({"folder": "C:\\", "user|endswith": "\\x/y"}, tmp_path).text
    with Elasticsearch(elasticsearch_url) as client:
        client.indices.create(
            index=index, mappings={"properties": {f: {"type": "keyword"} for f in ("folder", "user")}}
        )
        try:
            for folder in folders:
                client.index(index=index, document={"folder": folder, "user": "a\\x/y"})
            client.indices.refresh(index=index)
            hits = client.search(index=index, query={"query_string": {"query": text}})["hits"]["hits"]
        finally:
            client.indices.delete(index=index)
    assert sorted(hit["_source"]["folder"] for hit in hits) == ["C:\\", "c:\\"]
