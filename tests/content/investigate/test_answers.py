"""Answers counted by hand: one account that clones a model, two more on its address, and one that is innocent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from sigmagen.content.investigate.build import bucket_of, canonical_group, pivots_for
from sigmagen.content.investigate.pivot_plan import NoPivotError, plan_pivot
from sigmagen.content.investigate.pivots import load_playbook
from sigmagen.content.investigate.subject import Subject
from sigmagen.durations import iso
from sigmagen.engines.duckdb import DuckDBEngine
from sigmagen.engines.elasticsearch import ElasticsearchEngine
from sigmagen.engines.kusto_local import KustoLocalEngine
from sigmagen.engines.splunk_local import SplunkLocalEngine
from sigmagen.proof.simulate.identity import canonical_value
from sigmagen.sources import render
from sigmagen.sources.call import Call
from tests.content.investigate.answers import CONVERTER, RULES, answer, differences

START = 1_786_440_000_000
HOUR = 3_600_000
MINUTE = 60_000
MODEL, CHEAP = "gpt-4o", "gpt-4o-mini"


def calls() -> list[Call]:
    """The thief: two calls before the window, five in it (one refused), two after. The others: three, and one."""
    thief: dict[str, Any] = {"principal": "thief", "model": MODEL, "source_ip": "192.0.2.1"}
    fill = "Translate item {} of the list that follows into French, and say nothing else at all, please: "
    made = [
        Call(time=START - 48 * HOUR, id="old", prompt="hello", output_tokens=5, input_tokens=3, **thief),
        Call(time=START - 10 * MINUTE, id="before", prompt=fill.format(0), output_tokens=10, input_tokens=1, **thief),
        *(
            Call(
                time=START + n * MINUTE, id=f"in-{n}", prompt=fill.format(n), output_tokens=100, input_tokens=7, **thief
            )
            for n in range(3)
        ),
        Call(time=START + 4 * MINUTE, id="refused", outcome="failure", output_tokens=0, input_tokens=7, **thief),
        Call(time=START + 5 * MINUTE, id="cheap", output_tokens=1, input_tokens=1, **thief | {"model": CHEAP}),
        Call(time=START + HOUR, id="after", prompt=fill.format(9), output_tokens=20, input_tokens=7, **thief),
        Call(time=START + 2 * HOUR, id="too-late", prompt=fill.format(9), output_tokens=20, **thief),
    ]
    other: dict[str, Any] = {"model": CHEAP, "source_ip": "192.0.2.1", "output_tokens": 50}
    made += [
        Call(time=START + n * MINUTE, id=f"sybil-{n}", principal=principal, prompt=fill.format(n), **other)
        for n, principal in ((20, "sybil"), (21, "sybil"), (22, "sybil-2"))
    ]
    made.append(Call(time=START + MINUTE, id="innocent", principal="innocent", source_ip="198.51.100.9", model=MODEL))
    return made


SUBJECT = Subject({"user.id": "thief", "gen_ai.request.model": MODEL}, START, START + HOUR)


@pytest.fixture(scope="module")
def found() -> dict[str, list[dict[str, Any]]]:
    """The rows of each pivot after an alert of call_count in a LiteLLM log."""
    rule, _ = RULES["call_count"]
    source = CONVERTER.source("litellm")
    queries, _ = pivots_for(CONVERTER, rule, source, "duckdb", SUBJECT)
    with DuckDBEngine() as engine:
        engine.load(source, [record for call in calls() if (record := render("litellm", call))])
        return {query.pivot.id: [dict(row) for row in answer(engine, query)] for query in queries}


def only(rows: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


def test_the_actor_has_one_key_and_was_first_seen_two_days_before(found: dict[str, list[dict[str, Any]]]) -> None:
    key = canonical_value("litellm", "gen_ai.api_key.id", "key-thief")
    (row,) = found["who_is_it"]
    assert (row["user.id"], row["gen_ai.api_key.id"], row["calls"]) == ("thief", key, 8)
    assert (row["first_seen"], row["last_seen"]) == (START - 48 * HOUR, START + HOUR)
    assert (row["addresses"], row["output_tokens"]) == (1, 336)


def test_the_models_count_the_window_alone(found: dict[str, list[dict[str, Any]]]) -> None:
    assert only(found["models"], "gen_ai.request.model", "calls", "failures", "input_tokens", "output_tokens") == [
        (MODEL, 4, 1, 28, 300),
        (CHEAP, 1, 0, 1, 1),
    ]


def test_one_template_has_three_fillings(found: dict[str, list[dict[str, Any]]]) -> None:
    assert only(found["templates"], "calls", "prompts") == [(3, 3), (2, 1)]


def test_history_is_told_from_the_window_and_what_follows(found: dict[str, list[dict[str, Any]]]) -> None:
    assert only(found["own_history"], "phase", "calls", "failures", "output_tokens", "output_tokens_per_call") == [
        ("after", 1, 0, 20, 20),
        ("before", 2, 0, 15, 7.5),
        ("window", 5, 1, 301, 60.2),
    ]


def test_peers_stand_below_the_alerts_own_principal(found: dict[str, list[dict[str, Any]]]) -> None:
    assert only(found["peers"], "user.id", "own_calls", "calls", "output_tokens") == [
        ("thief", 5, 5, 301),
        ("sybil", 0, 2, 100),
        ("innocent", 0, 1, 120),
        ("sybil-2", 0, 1, 50),
    ]


def test_the_other_accounts_on_the_address_are_seen_and_other_addresses_are_not(
    found: dict[str, list[dict[str, Any]]],
) -> None:
    rows = found["addresses"]
    assert only(rows, "source.ip", "own_calls", "other_calls", "other_principals") == [("192.0.2.1", 7, 3, 2)]
    assert rows[0]["principals_seen"] == ("sybil", "sybil-2", "thief")


def test_the_template_spreads_to_two_other_accounts(found: dict[str, list[dict[str, Any]]]) -> None:
    assert only(found["template_spread"], "own_calls", "other_calls", "other_principals") == [(5, 3, 2), (2, 1, 1)]


def test_the_time_line_has_the_ticks_of_the_window(found: dict[str, list[dict[str, Any]]]) -> None:
    assert only(found["timeline"], "bucket", "phase", "calls") == [
        (START - 10 * MINUTE, "before", 1),
        (START, "window", 5),
        (START + HOUR, "after", 1),
    ]


def test_the_impact_is_what_was_taken_in_and_around_the_window(found: dict[str, list[dict[str, Any]]]) -> None:
    rows = only(found["impact"], "gen_ai.request.model", "phase", "calls", "answered", "output_tokens")
    assert rows == [
        (MODEL, "window", 4, 3, 300),
        (MODEL, "before", 2, 2, 15),
        (MODEL, "after", 1, 1, 20),
        (CHEAP, "window", 1, 1, 1),
    ]


def test_single_calls_are_the_groups_in_order(found: dict[str, list[dict[str, Any]]]) -> None:
    assert only(found["calls"], "event.id") == [("in-0",), ("in-1",), ("in-2",), ("refused",)]
    assert found["calls"][0]["timestamp"] == START


def test_prompt_text_is_shown_only_on_request() -> None:
    rule, _ = RULES["call_count"]
    source = CONVERTER.source("litellm")
    for with_text in (False, True):
        queries, _ = pivots_for(CONVERTER, rule, source, "duckdb", SUBJECT, with_text=with_text)
        assert any("gen_ai.prompt" in query.columns.values() for query in queries) is with_text
        assert [name for query in queries for name in query.columns.values() if _private(name)] == (
            ["gen_ai.prompt", "gen_ai.system_instructions"] if with_text else []
        )


def test_a_pivot_that_asks_for_prompts_is_refused() -> None:
    book = load_playbook(CONVERTER.mappings)
    calls_pivot = next(pivot for pivot in book.pivots if pivot.id == "calls")
    asking = replace(calls_pivot, show=("@timestamp", "gen_ai.prompt"), text=())
    with pytest.raises(NoPivotError, match="private"):
        plan_pivot(asking, book, CONVERTER.source("litellm"), "splunk", CONVERTER.taxonomy, SUBJECT, with_text=True)


@pytest.mark.parametrize(
    ("length", "bucket"),
    [(HOUR, 10 * MINUTE), (HOUR + 1_001, 10 * MINUTE), (24 * HOUR, 30 * MINUTE), (5_000 * HOUR, 24 * HOUR)],
)
def test_a_time_line_has_the_rules_ticks_unless_the_alert_is_long(length: int, bucket: int) -> None:
    rule, _ = RULES["call_count"]
    assert bucket_of(rule, replace(SUBJECT, end=START + length)) == bucket


def _private(name: str) -> bool:
    return name in CONVERTER.taxonomy and CONVERTER.taxonomy[name].private


def test_the_control_plane_tells_who_touched_the_logging() -> None:
    rule, _ = RULES["bedrock_probe_logging_check_invoke"]
    source = CONVERTER.source("cloudtrail")
    key = canonical_value("cloudtrail", "gen_ai.api_key.id", "key-thief")
    thief: dict[str, Any] = {"principal": "thief", "model": "anthropic.claude-3-5-sonnet-20240620-v1:0"}
    made = [
        Call(time=START, id="1", operation="GetModelInvocationLoggingConfiguration", **thief),
        Call(time=START + MINUTE, id="2", operation="ListFoundationModels", **thief),
        Call(time=START + 2 * MINUTE, id="3", operation="InvokeModel", **thief),
        Call(time=START + 3 * MINUTE, id="4", operation="GetModelInvocationLoggingConfiguration", principal="other"),
    ]
    subject = Subject({"userIdentity.accessKeyId": key}, START, START + 15 * MINUTE)
    queries, _ = pivots_for(CONVERTER, rule, source, "duckdb", subject)
    with DuckDBEngine() as engine:
        engine.load(source, [record for call in made if (record := render("cloudtrail", call))])
        found = {query.pivot.id: [dict(row) for row in answer(engine, query)] for query in queries}
    assert only(found["logging_changes"], "events", "own_events") == [(1, 1), (1, 0)]
    assert only(found["control_plane"], "gen_ai.operation.name") == [
        ("getmodelinvocationloggingconfiguration",),
        ("listfoundationmodels",),
        ("invokemodel",),
    ]


def test_a_native_field_is_known_by_its_canonical_name_and_any_other_stays() -> None:
    group = {"userIdentity.accessKeyId": "AKIAEXAMPLE", "errorMessage": "x"}
    known = canonical_group(CONVERTER.source("cloudtrail"), group)
    assert known == {"gen_ai.api_key.id": "AKIAEXAMPLE", "errorMessage": "x"}
    rule, _ = RULES["bedrock_probe_logging_check_invoke"]
    queries, left_out = pivots_for(
        CONVERTER, rule, CONVERTER.source("cloudtrail"), "splunk", Subject({"errorMessage": "x"}, START, START + HOUR)
    )
    assert "unknown field errorMessage" in {item.reason for item in left_out}
    assert all(query.pivot.whose == "everyone" for query in queries)


def test_times_are_written_as_they_are_in_the_question() -> None:
    rule, _ = RULES["call_count"]
    for siem in ("splunk", "elastic", "sentinel", "duckdb"):
        queries, _ = pivots_for(CONVERTER, rule, CONVERTER.source("litellm"), siem, SUBJECT)
        written = {"splunk": str(START // 1000), "elastic": iso(START), "sentinel": iso(START)}
        text = next(query.text for query in queries if query.pivot.id == "models")
        assert written.get(siem, iso(START).rstrip("Z")) in text
        assert "now()" not in text


NATIVE = ["litellm", "canonical", "apim", "azure_openai", "bedrock_invocation", "cloudtrail"]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("source_name", NATIVE)
@pytest.mark.parametrize("engine_of", [SplunkLocalEngine, lambda: KustoLocalEngine(CONVERTER.taxonomy)])
def test_emulated_siems_answer_the_same_where_others_are_about(engine_of: Callable[[], Any], source_name: str) -> None:
    with engine_of() as engine:
        assert not unequal(engine, source_name)


@pytest.mark.elasticsearch
@pytest.mark.parametrize("source_name", NATIVE)
def test_elasticsearch_answers_the_same_where_others_are_about(elasticsearch_url: str, source_name: str) -> None:
    with ElasticsearchEngine(elasticsearch_url, CONVERTER.taxonomy) as engine:
        assert not unequal(engine, source_name)


def unequal(engine: Any, source_name: str) -> list[str]:
    """The pivots to which an engine gives another answer than DuckDB does."""
    source = CONVERTER.source(source_name)
    rule, _ = RULES["call_count"]
    native = [record for call in calls() if (record := render(source_name, call))]
    user = canonical_value(source_name, "user.id", "thief", calls())
    subject = replace(SUBJECT, group={**SUBJECT.group, "user.id": user})
    with DuckDBEngine() as reference:
        reference.load(source, native)
        return differences(engine, reference, rule, source, subject, native)
