"""Elasticsearch refuses some expressions as too complex; what it refuses, and only about that, is refused here."""

from __future__ import annotations

import json

import pytest
from elasticsearch import BadRequestError, Elasticsearch

from sigmagen.expr.regex import parse
from sigmagen.targets.automaton import is_too_complex
from sigmagen.targets.lucene.terms import LUCENE

CASES = [
    ("a.{11}b", False),
    ("a.{12}b", True),
    ("ab[^x]{0,15}cd", False),
    ("ab[^x]{0,16}cd", True),
    ("a.{1,6}b.{1,6}c", False),
    ("a.{1,7}b.{1,7}c", True),
    ("a.*" + "long " * 190 + "$", False),
    ("a.*" + "long " * 198 + "$", True),
    ("^" + "long " * 198 + ".*b", False),
    ("(?:" + "|".join(f"word{n}" for n in range(300)) + ")[0-9]{2}", False),
    ("^[0-9a-f]{350}.*[a-f]{350}$", False),
    ("a{1000}" * 21, True),
]


@pytest.mark.parametrize(("pattern", "refused"), CASES, ids=[pattern[:30] for pattern, _ in CASES])
def test_the_effort_decides(pattern: str, refused: bool) -> None:
    assert is_too_complex(parse(pattern, "")) == refused


@pytest.mark.elasticsearch
@pytest.mark.parametrize(("pattern", "refused"), CASES[:-1], ids=[pattern[:30] for pattern, _ in CASES[:-1]])
def test_elasticsearch_decides_the_same(pattern: str, refused: bool, elasticsearch_url: str) -> None:
    text = json.dumps(LUCENE.text(parse(pattern, "")))
    query = f'ROW x = "a" | WHERE CONCAT(x, "") RLIKE {text} | LIMIT 1'
    with Elasticsearch(elasticsearch_url) as client:
        if refused:
            with pytest.raises(BadRequestError, match="too complex"):
                client.esql.query(query=query)
        else:
            client.esql.query(query=query)
