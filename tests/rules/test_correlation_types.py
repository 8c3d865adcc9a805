"""The table of correlation types against the JSON schema of rules, and what the loader makes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from sigmagen.rules.conditions import ThresholdParser
from sigmagen.rules.correlation_types import CORRELATION_TYPES, EXTENDED_TYPES, CorrelationType
from sigmagen.rules.schema import find_schema
from sigmagen.rules.yaml import parse_documents

SCHEMA = json.loads(find_schema("rule", None).read_text(encoding="utf-8"))["properties"]["correlation"]
TYPES = pytest.mark.parametrize("kind", CORRELATION_TYPES.values(), ids=CORRELATION_TYPES)


def follows_schema(kind: CorrelationType, **body: Any) -> bool:
    whole = {"type": kind.name, "rules": ["a", "b"], "timespan": "1h", **body}
    return Draft202012Validator(SCHEMA).is_valid(whole)


def test_the_schema_lists_the_types_of_the_table() -> None:
    assert set(SCHEMA["properties"]["type"]["enum"]) == {*CORRELATION_TYPES, *EXTENDED_TYPES}


@TYPES
def test_the_schema_requires_a_condition_where_a_type_needs_one(kind: CorrelationType) -> None:
    assert follows_schema(kind) == kind.temporal


@TYPES
def test_the_schema_requires_a_field_where_a_type_measures_one(kind: CorrelationType) -> None:
    assert follows_schema(kind, condition={"gte": 5}) == (kind.fields == "none")
    assert follows_schema(kind, condition={"gte": 5, "field": "a.b"})


@TYPES
def test_only_conditions_of_temporal_types_are_in_words(kind: CorrelationType) -> None:
    assert follows_schema(kind, condition="a and not b") == kind.temporal


@TYPES
def test_a_fraction_is_a_threshold_only_where_the_measure_may_be_one(kind: CorrelationType) -> None:
    text = "correlation: {condition: {gte: 1.5}}"
    (document,) = parse_documents(text.encode(), Path("rule.yml")).documents
    fields = () if kind.fields == "none" else ("a.b",)
    condition = {"gte": 1.5, **({"percentile": 90} if kind.percentile == "stated" else {})}
    parser = ThresholdParser(document, kind, fields)
    threshold = parser.parse(condition)
    counted = kind.name in ("event_count", "value_count", "temporal", "temporal_ordered")
    assert (threshold is None, [problem.code for problem in parser.problems]) == (counted, ["wrong-value"] * counted)
