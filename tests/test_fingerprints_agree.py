"""Derived fields are defined once: Python, DuckDB, KQL, ES|QL and SPL give the same value for the nastiest text."""

from __future__ import annotations

from typing import Any

import pytest

from sigmagen.bundled import mappings_folder
from sigmagen.convert.converter import Converter
from sigmagen.engines.duckdb import DuckDBEngine
from sigmagen.engines.elasticsearch import ElasticsearchEngine
from sigmagen.engines.kusto_local import KustoLocalEngine
from sigmagen.engines.splunk_local import SplunkLocalEngine
from sigmagen.mapping.fingerprint import head_hash, logit_bias_hash, prompt_hash, system_hash, template_hash
from sigmagen.plan.build import build_view
from sigmagen.rules.model import LogSource
from sigmagen.sources import render
from sigmagen.sources.call import Call
from sigmagen.targets.duckdb.printer import DuckDBPrinter
from sigmagen.targets.elastic.printer import EsqlPrinter
from sigmagen.targets.sentinel.printer import KustoPrinter
from sigmagen.targets.splunk.printer import SplunkPrinter
from tests.canonical_events import EVER

CONVERTER = Converter.load(mappings_folder())
TEXTS = [
    "plain",
    "Item 42 of 1,000,000",
    'say "hello 7" and "bye"',
    'an unbalanced " quote 3',
    'nested \\"escaped\\" quotes',
    "tabs\tand\nnew\r\nlines   and   spaces",
    "vertical\x0btab and form\x0cfeed",
    "Arabic digits ٣٤٥ and full width \uff11\uff12\uff13",
    "no-break\u00a0space, thin\u2009space, line\u2028separator",
    "emoji 🤖 12 👩‍🔬 and 用户 标签 7",
    "back\\slash \\d+ \\n literally",
    "' single 'quotes' 1' OR 1=1 --",
    "}{][ | stats count // comment ```",
    "x" * 63 + "1y",
    "🤖" * 64 + "tail",
    "0",
    " ",
]
BIASES: list[dict[str, float]] = [
    {},
    {"50256": -100},
    {"7": 1, "10": 2.5},
    {"10": 2.5, "7": 1},
    {str(n): -n for n in range(60)},
]
HASHES = (
    "gen_ai.prompt.hash",
    "gen_ai.prompt.template.hash",
    "gen_ai.prompt.head.hash",
    "gen_ai.system_instructions.hash",
    "gen_ai.request.logit_bias.hash",
)


def all_calls() -> list[Call]:
    calls = [
        Call(time=1_786_440_000_000 + n, id=f"text-{n}", principal="p", prompt=t, system=t) for n, t in enumerate(TEXTS)
    ]
    calls += [
        Call(time=1_786_440_001_000 + n, id=f"bias-{n}", principal="p", parameters={"logit_bias": bias, "n": 1})
        for n, bias in enumerate(BIASES)
    ]
    return calls


CALLS = all_calls()
RECORDS = [record for call in CALLS if (record := render("litellm", call)) is not None]


def in_python(call: Call) -> dict[str, str | None]:
    values = (
        prompt_hash(call.prompt),
        template_hash(call.prompt),
        head_hash(call.prompt),
        system_hash(call.system),
        logit_bias_hash(call.parameters.get("logit_bias")),
    )
    return dict(zip(HASHES, values, strict=True))


def by_id(rows: list[tuple[Any, ...]], columns: list[str]) -> dict[str, dict[str, str | None]]:
    named = [dict(zip(columns, row, strict=True)) for row in rows]
    return {row.pop("event.id"): {name: value or None for name, value in row.items()} for row in named}


def view(siem: str, fields: tuple[str, ...]) -> Any:
    source = CONVERTER.source("litellm")
    entry = source.entry_for(LogSource(category="ai_inference"))
    assert entry is not None
    return build_view(source, siem, CONVERTER.taxonomy, ("event.id", *fields), entry)


EXPECTED = {call.id: in_python(call) for call in CALLS}


def test_duckdb_agrees_with_python() -> None:
    with DuckDBEngine() as engine:
        source = CONVERTER.source("litellm")
        engine.load(source, RECORDS)
        engine.select(source, *EVER)
        result = engine.connection.execute(DuckDBPrinter(view("duckdb", HASHES)).text())
        rows = [row[1:] for row in result.fetchall()]
    assert by_id(rows, ["event.id", *HASHES]) == EXPECTED


def test_kql_agrees_with_python() -> None:
    with KustoLocalEngine(CONVERTER.taxonomy) as engine:
        engine.load(CONVERTER.source("litellm"), RECORDS)
        engine.select(*EVER)
        text = KustoPrinter(view("sentinel", HASHES)).text()
        rows = [row[1:] for row in engine.execute(text, CONVERTER.source("litellm"))[1]]
    assert by_id(rows, ["event.id", *HASHES]) == EXPECTED


def test_spl_agrees_with_python() -> None:
    with SplunkLocalEngine() as engine:
        engine.load(CONVERTER.source("litellm"), RECORDS)
        rows = engine.execute(SplunkPrinter(view("splunk", HASHES)).text(), *EVER)
    names = ["event.id", *HASHES]
    cells = [tuple(row.get(name.replace(".", "_")) for name in names) for row in rows]
    assert by_id(cells, names) == EXPECTED


@pytest.mark.elasticsearch
def test_esql_agrees_with_python_on_what_it_can_derive(elasticsearch_url: str) -> None:
    """ES|QL can't decode the prompt out of JSON text; a bias map it can."""
    field = "gen_ai.request.logit_bias.hash"
    with ElasticsearchEngine(elasticsearch_url, CONVERTER.taxonomy) as engine:
        engine.load(CONVERTER.source("litellm"), RECORDS)
        text = EsqlPrinter(view("elastic", (field,))).text()
        rows = [tuple(row[1:]) for row in engine.client.esql.query(query=text)["values"]]
    assert by_id(rows, ["event.id", field]) == {name: {field: hashes[field]} for name, hashes in EXPECTED.items()}


@pytest.mark.elasticsearch
def test_esql_masks_and_hashes_as_python_does(elasticsearch_url: str) -> None:
    """The same three masks and the same head, on text columns: what a decoded prompt would go through."""
    with ElasticsearchEngine(elasticsearch_url, CONVERTER.taxonomy) as engine:
        client, index = engine.client, "sigmagen-fingerprints"
        client.options(ignore_status=404).indices.delete(index=index)
        client.indices.create(index=index, mappings={"properties": {"n": {"type": "long"}, "text": {"type": "text"}}})
        for number, text in enumerate(TEXTS):
            client.index(index=index, document={"n": number, "text": text})
        client.indices.refresh(index=index)
        masked = r'REPLACE(REPLACE(REPLACE(text, "[0-9]+", "0"), "\"[^\"]*\"", "\"\""), "[ \\t\\n\\r]+", " ")'
        query = (
            f'FROM {index} | EVAL t = {masked} | EVAL a = HASH("sha256", t), b = HASH("sha256", LEFT(t, 64)) '
            "| SORT n | KEEP a, b | LIMIT 100"
        )
        rows = [tuple(row) for row in client.esql.query(query=query)["values"]]
        client.indices.delete(index=index)
    assert rows == [(template_hash(text), head_hash(text)) for text in TEXTS]
