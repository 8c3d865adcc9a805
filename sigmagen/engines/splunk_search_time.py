"""The fields that Splunk has when it searches: extracted from the raw JSON, then calculated."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from sigmagen.engines.spl.evaluate import value_of
from sigmagen.engines.spl.json_values import extract_fields
from sigmagen.engines.spl.scanner import Scanner
from sigmagen.engines.spl.tree import parse_expression
from sigmagen.engines.spl.values import Expression, Row


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
