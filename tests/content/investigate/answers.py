"""Pivots run on every engine over a rule's own fixtures, and their rows in one form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.content.investigate.build import PivotQuery, pivots_for
from sigmagen.content.investigate.pivots import BUCKET
from sigmagen.content.investigate.subject import Subject
from sigmagen.convert.converter import Converter
from sigmagen.engines.alert import instant
from sigmagen.engines.duckdb import DuckDBEngine
from sigmagen.engines.elasticsearch import ElasticsearchEngine
from sigmagen.engines.kusto_local import KustoLocalEngine
from sigmagen.engines.splunk_local import SplunkLocalEngine
from sigmagen.mapping.source import Source
from sigmagen.mapping.view import ViewBuilder
from sigmagen.problems import SigmagenError
from sigmagen.proof.cases import rule_under_test
from sigmagen.proof.simulate.scenes import lay_out, records, span
from sigmagen.rules.load import load_rules
from sigmagen.rules.model import Correlation

CONVERTER = Converter.load(mappings_folder())
FILES = load_rules(None, rules_folder=rules_folder(), mappings_folder=mappings_folder()).files
RULES = {file.path.stem: rule_under_test(file) for file in FILES}
EVER = (0, 4_102_444_800_000)

Answer = list[tuple[tuple[str, Any], ...]]
Scene = tuple[Correlation, Source, Subject, list[dict[str, Any]]]

PLACES = [
    (name, source.name)
    for name, (rule, _) in RULES.items()
    for source in CONVERTER.feeding(rule)
    if not source.together
]


NEEDING_MORE_THAN_WHO_AND_WHICH_MODEL = (
    "logit_bias_churn",
    "logprobs_with_logit_bias",
    "one_egress_many_organizations",
    "one_template_many_fillings",
    "one_template_many_organizations",
    "output_token_sum",
    "same_prompt_resampled",
    "short_prompt_long_answer",
)

LACKING = {
    (name, source)
    for source, names in {
        "azure_openai": NEEDING_MORE_THAN_WHO_AND_WHICH_MODEL,
        "bedrock_invocation": (
            "logit_bias_churn",
            "logprobs_with_logit_bias",
            "one_egress_many_organizations",
            "same_prompt_resampled",
        ),
        "cloudtrail": NEEDING_MORE_THAN_WHO_AND_WHICH_MODEL,
    }.items()
    for name in names
}
"""Rules over sources whose log itself lacks a field."""


@lru_cache(maxsize=64)
def alert(name: str, source_name: str) -> Scene | None:
    """A rule, a source, the first alert of its attack and the records; None where the log itself lacks a field."""
    rule, test = RULES[name]
    source = CONVERTER.source(source_name)
    if (name, source_name) in LACKING:
        return None
    query = CONVERTER.convert(rule, source, "duckdb")
    # The first attack, whole; who else is about is told by the campaign that is counted by hand.
    scenes = lay_out(test, source_name, reach=query.reach)[:1]
    native = records(scenes, source_name)
    with DuckDBEngine() as engine:
        engine.load(source, native)
        found = engine.run(query, *span(scenes))
    first = found[0]
    return rule, source, Subject(dict(first.group), first.window_start, first.window_end), native


def lacking_as(source: Source, siem: str) -> Source:
    """The source, of which DuckDB sees no more fields than the SIEM does."""
    entry = next(entry for entry in source.logsources if entry.logsource.category == "ai_inference")
    view = ViewBuilder(source, source.stored[siem], CONVERTER.taxonomy, entry)
    lacking = {name: "not there" for name in CONVERTER.taxonomy.fields if not view.carries(name)}
    lacking.pop("event.id", None)  # by which DuckDB tells repeats, whether or not the SIEM has it
    target = replace(source.stored["duckdb"], unavailable=lacking)
    return replace(source, stored={**source.stored, "duckdb": target})


def answer(engine: Any, query: PivotQuery) -> Answer:
    """The rows of a pivot, over all time, in order; times are milliseconds, numbers floats, lists sorted."""
    columns, rows = _rows(engine, query)
    found = []
    for row in rows:
        cells = dict(zip(columns, row, strict=True))
        found.append(tuple((name, _cell(query, name, cells.get(column))) for column, name in query.columns.items()))
    return found


def _rows(engine: Any, query: PivotQuery) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
    if isinstance(engine, DuckDBEngine):
        engine.select(query.source, *EVER)
        result = engine.connection.execute(query.text)
        return [column[0] for column in result.description or ()], result.fetchall()
    if isinstance(engine, KustoLocalEngine):
        engine.select(*EVER)
        return engine.execute(query.text, query.source)
    if isinstance(engine, SplunkLocalEngine):
        columns = list(query.columns)
        return columns, [[row.get(name) for name in columns] for row in engine.execute(query.text, *EVER)]
    assert isinstance(engine, ElasticsearchEngine)
    found = engine.client.esql.query(query=query.text, columnar=False)
    return [column["name"] for column in found["columns"]], found["values"]


def _cell(query: PivotQuery, name: str, value: Any) -> Any:
    spec: Mapping[str, Any] = (query.pivot.columns or {}).get(name, {})
    if value is None or value == "":
        return None
    if name in (BUCKET, query.source.stored[query.target].time) or spec in (
        {"min": "@timestamp"},
        {"max": "@timestamp"},
    ):
        return instant(float(value) if query.target == "splunk" else value)
    if "values" in spec:
        import json

        if isinstance(value, str) and query.target == "sentinel":
            value = json.loads(value)
        return tuple(sorted(value if isinstance(value, list | tuple) else [value]))
    if isinstance(value, bool):
        return str(value).lower()
    try:
        return round(float(value), 9)
    except (TypeError, ValueError):
        return str(value)


def differences(
    engine: Any,
    reference: DuckDBEngine,
    rule: Correlation,
    source: Source,
    subject: Subject,
    native: list[dict[str, Any]],
) -> list[str]:
    """Pivots whose rows are not DuckDB's; and where the rule itself can alert there, some have rows."""
    placed = engine.placed(source) if isinstance(engine, ElasticsearchEngine) else source
    engine.load(placed, native)
    known, _ = pivots_for(CONVERTER, rule, lacking_as(source, engine.siem), "duckdb", subject)
    queries, _ = pivots_for(CONVERTER, rule, placed, engine.siem, subject)
    assert [query.pivot.id for query in queries] == [query.pivot.id for query in known]
    found, filled = [], 0
    for ours, query in zip(known, queries, strict=True):
        expected, got = (_in_common(rows, query) for rows in (answer(reference, ours), answer(engine, query)))
        filled += bool(expected)
        if expected != got:
            found.append(f"{query.pivot.id}: {expected[:3]} but {got[:3]}\n{query.text}")
    if filled <= 3 and _can_alert(rule, source, engine.siem):
        found.append(f"only {filled} pivots had rows")
    return found


def _can_alert(rule: Correlation, source: Source, siem: str) -> bool:
    try:
        CONVERTER.convert(rule, source, siem)
    except SigmagenError:
        return False
    return True


def _in_common(rows: Answer, query: PivotQuery) -> Answer:
    """The time of a record is called otherwise in each SIEM; an id of the event may be missing there."""
    times, there = ("timestamp", "TimeGenerated", "_time"), query.columns.values()
    return [
        tuple(
            ("@timestamp" if name in times else name, value)
            for name, value in row
            if name != "event.id" or "event.id" in there
        )
        for row in rows
    ]
