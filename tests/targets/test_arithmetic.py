"""Arithmetic in every dialect, and the columns that ES|QL extracts from text."""

from __future__ import annotations

import re

import pytest

from sigmagen.expr.tree import Column, call
from sigmagen.plan.build import build_view
from sigmagen.plan.model import Plan
from sigmagen.rules.model import LogSource
from sigmagen.targets import registry
from sigmagen.targets.elastic.printer import EsqlPrinter
from tests.native_logs import converter


def view(target: str, source: str, *fields: str) -> Plan:
    found = converter().source(source)
    entry = found.entry_for(LogSource(category="ai_inference"))
    assert entry is not None
    return build_view(found, target, converter().taxonomy, fields, entry)


@pytest.mark.parametrize("target", ["duckdb", "splunk", "elastic", "sentinel"])
def test_a_difference_that_ends_with_a_function_keeps_its_brackets(target: str) -> None:
    printer = registry.get(target).load_printer()(view(target, "litellm", "event.id"))
    reasoning = call("coalesce", Column("b", "integer"), 0)
    text = printer.expr(call("subtract", Column("a", "integer"), call("subtract", 5, reasoning)))
    assert re.search(r"- \(5 - .+\)\)$", text)


def test_fields_that_end_alike_are_extracted_into_columns_of_their_own() -> None:
    tokens = "gen_ai.usage.output_tokens", "gen_ai.usage.reasoning.output_tokens"
    text = EsqlPrinter(view("elastic", "databricks", *tokens)).text()
    columns = re.findall(r"\(\?<(\w+)>", text)
    assert len(columns) == len(set(columns)) == 2
