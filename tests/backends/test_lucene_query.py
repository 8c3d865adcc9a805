"""Lucene on a real Elasticsearch: a plain rule's query finds what the reference finds, or is refused with a reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from sigmagen.engines.elasticsearch import ElasticsearchEngine
from sigmagen.problems import SigmagenError
from sigmagen.rules.model import BaseRule
from tests.backends.engines import CONVERTER, expected, rule_of, running
from tests.backends.modifier_table import REFUSED_EVERYWHERE, TABLE, Row
from tests.backends.test_modifiers import EVENTS, Held

CANT = (
    "a time part",
    "another field",
    "is no text where it is stored",
    "over 1000 characters",
    "too complex",
    "which Lucene does not have",
    "a word boundary beside",
    "whole words of analysed text",
    "would have to be computed",
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
            index=source.targets["elastic"].location,
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
    with pytest.raises(SigmagenError, match="counts nothing"):
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
