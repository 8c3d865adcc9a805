"""What Splunk makes of a record when it searches: fields of an add-on, and no field behind the first 5,000 bytes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.content.detections import collect_content
from sigmagen.convert.converter import Converter
from sigmagen.engines.duckdb import DuckDBEngine
from sigmagen.engines.spl.json_values import EXTRACTION_CUTOFF
from sigmagen.engines.splunk_local import SplunkLocalEngine, event_rows
from sigmagen.local.normalize import Normalizer
from sigmagen.logs.reader import Record
from sigmagen.mapping.source import Source
from sigmagen.proof.cases import rule_under_test
from sigmagen.proof.extent import Extent
from sigmagen.proof.simulate.scenes import lay_out, records, span
from sigmagen.rules.load import load_rules
from sigmagen.sources import render
from sigmagen.sources.call import Call
from tests.representatives import Pair, pairs_of

CONVERTER = Converter.load(mappings_folder())
FILES = load_rules(None, rules_folder=rules_folder(), mappings_folder=mappings_folder()).files
QUICK = ("bedrock_probe_logging_check_invoke", "same_prompt_resampled", "short_prompt_long_answer")
"""Rules that between them read prompts, tokens, parameters and native fields, in every source but the canonical one."""
NATIVE = [
    pair
    for file in FILES
    if file.path.stem in QUICK
    for pair in pairs_of(CONVERTER, [file], "splunk")
    if not pair.source.canonical
]
TESTS = {file.path.stem: rule_under_test(file)[1] for file in FILES}


def test_every_native_source_takes_part() -> None:
    fed = {source.name for source in collect_content(CONVERTER, FILES, "splunk").sources if not source.canonical}
    counts_calls = {"access_log", "azure_ml", "azure_openai", "vertex_audit"}
    assert {pair.source.name for pair in NATIVE} == fed - counts_calls


def overwritten(source: Source, native: list[dict[str, Any]]) -> Source:
    """The source under an add-on that gives every field of its records another value."""
    keys = {key for record in native for key in record}
    target = replace(source.stored["splunk"], calculated=dict.fromkeys(keys, '"of the add-on"'))
    return replace(source, stored={**source.stored, "splunk": target})


@pytest.mark.parametrize("pair", NATIVE, ids=str)
def test_an_alert_needs_no_extracted_field(pair: Pair) -> None:
    """The record itself is read: neither an add-on nor a long value before it hides a field."""
    rule, source = pair.rule, pair.source
    query = CONVERTER.convert(rule, source, "splunk")
    scenes = lay_out(Extent(quick=True).test(TESTS[rule.name], source.name), source.name, reach=query.reach)
    native = records(scenes, source.name)
    with DuckDBEngine() as duckdb:
        duckdb.load(source, native)
        expected = duckdb.run(CONVERTER.convert(rule, source, "duckdb"), *span(scenes))
    with SplunkLocalEngine() as engine:
        long_first = [{"padding": "x" * EXTRACTION_CUTOFF} | record for record in native]
        engine.load(overwritten(source, native), long_first)
        assert engine.run(query, *span(scenes)) == expected
    assert expected


def cloudtrail(**attributes: Any) -> dict[str, Any]:
    record = render("cloudtrail", Call(time=1_786_440_000_123, id="c", principal="p", **attributes))
    assert record is not None
    return record


def test_the_add_on_for_aws_says_success_where_the_record_has_no_error() -> None:
    """splunk/security_content searches for errorCode=success under this add-on."""
    source = CONVERTER.source("cloudtrail")
    good, bad = event_rows(source, [cloudtrail(), cloudtrail(outcome="failure", error="AccessDeniedException")])
    assert (good["errorCode"], bad["errorCode"]) == ("success", "AccessDeniedException")
    assert '"errorCode"' not in good["_raw"]
    assert good["src"] == good["sourceIPAddress"]
    assert good["user_arn"] == good["userIdentity.arn"]


def test_calls_are_counted_under_the_add_on_for_aws() -> None:
    file = next(file for file in FILES if file.path.stem == "call_count")
    rule, _ = rule_under_test(file)
    source = CONVERTER.source("cloudtrail")
    native = [cloudtrail() | {"eventID": f"id-{number}"} for number in range(500)]
    with SplunkLocalEngine() as engine:
        engine.load(source, native)
        alerts = engine.run(CONVERTER.convert(rule, source, "splunk"), 0, 4_000_000_000_000)
    assert max(alert.value for alert in alerts) == 500


@pytest.mark.parametrize("source", ["litellm", "bedrock_invocation", "apim"])
def test_a_canonical_event_loses_no_field_to_a_long_text(source: str) -> None:
    """Splunk extracts what comes before the text, which is written last."""
    native = render(source, Call(time=1_786_440_000_123, id="c", principal="p", prompt="x" * 6_000, system="be brief"))
    assert native is not None
    event = normalized(source, native)
    assert len(event["gen_ai.prompt"]) == 6_000
    (row,) = event_rows(CONVERTER.source("canonical"), [event])
    text = [name for name in event if name in ("gen_ai.prompt", "gen_ai.system_instructions")]
    assert set(event) - set(row) <= set(text)
    assert list(event)[-len(text) :] == text


def test_the_callers_own_texts_come_after_what_the_gateway_says() -> None:
    native = render("litellm", Call(time=1_786_440_000_123, id="c" * 6_000, principal="p"))
    assert native is not None
    event = normalized("litellm", native)
    (row,) = event_rows(CONVERTER.source("canonical"), [event])
    assert set(event) - set(row) == {"event.id", "gen_ai.prompt"}


def normalized(source: str, native: dict[str, Any]) -> dict[str, Any]:
    """The canonical event of a native record, prompt text included."""
    record = Record("log", 1, json.dumps(native), native)
    normalizer = Normalizer(CONVERTER, with_text=True)
    (made,) = normalizer.events([(CONVERTER.source(source), record)])
    normalizer.close()
    return made.event
