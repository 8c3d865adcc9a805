"""Splunk keeps the raw JSON and extracts fields when it searches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from sigmagen.engines.spl.evaluate import value_of
from sigmagen.engines.spl.json_values import extract_fields
from sigmagen.engines.spl.scanner import Scanner
from sigmagen.engines.spl.tree import parse_expression
from sigmagen.engines.spl.values import Expression, Row


def _raw(record: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    return {"events": [record]}


STORES: dict[str, Callable[[dict[str, Any]], dict[str, list[dict[str, Any]]]]] = dict.fromkeys(
    ("apim", "bedrock_invocation", "canonical", "cloudtrail", "litellm"), _raw
)


def search_time_fields(raw: str, calculated: Mapping[str, str]) -> Row:
    """The fields of an event: those extracted from its JSON, then those that an add-on calculates of them.

    A calculated field replaces an extracted one of its name, and sees no other calculated field.
    https://help.splunk.com/en/splunk-enterprise/manage-knowledge-objects, calculated fields
    """
    fields = extract_fields(raw)
    found = {name: _expression(text)(fields) for name, text in calculated.items()}
    return {name: value for name, value in {**fields, **found}.items() if value is not None}


@cache
def _expression(text: str) -> Expression:
    return value_of(parse_expression(Scanner(text, 0, len(text))))
