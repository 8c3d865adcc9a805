"""Canonical events that somebody else wrote: in any case, flat or nested, of calls and of accounts."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from sigmagen.engines.duckdb import DuckDBEngine, flattened
from sigmagen.local.normalize import Normalizer
from sigmagen.logs.reader import Record
from sigmagen.rules.model import LogSource, Threshold
from tests.canonical_events import EVER
from tests.native_logs import converter
from tests.rule_builders import base, correlation
from tests.views import derived

CALL = {
    "@timestamp": "2026-09-07T10:00:00.000Z",
    "event.id": "e0",
    "event.outcome": "Success",
    "user.id": "U",
    "gen_ai.request.model": "GPT-4o",
    "gen_ai.request.logit_bias.present": True,
    "gen_ai.usage.input_tokens": 7,
}
SIGNUP = {
    "@timestamp": "2026-09-07T10:01:00.000Z",
    "event.id": "s0",
    "event.outcome": "success",
    "event.action": "Signup",
    "source.ip": "203.0.113.9",
}
NESTED = {
    "@timestamp": "2026-09-07T10:02:00.000Z",
    "event": {"id": "n0", "outcome": "success"},
    "gen_ai": {"request": {"model": "m", "logit_bias": {"present": True}}, "usage": {"input_tokens": 7}},
}
FIELDS = (
    "event.outcome",
    "user.id",
    "gen_ai.request.model",
    "gen_ai.request.logit_bias.present",
    "gen_ai.usage.input_tokens",
)


def normalized(*events: dict[str, Any]) -> list[dict[str, Any]]:
    source = converter().source("canonical")
    normalizer = Normalizer(converter())
    records = [Record("log", line, orjson.dumps(event).decode(), event) for line, event in enumerate(events, 1)]
    found = [event.event for event in normalizer.events((source, record) for record in records)]
    normalizer.close()
    return found


@pytest.mark.parametrize("siem", ["duckdb", "splunk", "sentinel"])
def test_what_the_taxonomy_lowers_is_lowered_and_ids_are_not(siem: str) -> None:
    assert derived(siem, "canonical", [CALL], FIELDS) == {
        "e0": {
            "event.outcome": "success",
            "user.id": "U",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.request.logit_bias.present": True,
            "gen_ai.usage.input_tokens": 7.0,
        }
    }


@pytest.mark.parametrize("siem", ["duckdb", "splunk"])
def test_nested_objects_are_read_as_names_with_dots(siem: str) -> None:
    assert derived(siem, "canonical", [NESTED], FIELDS) == {
        "n0": {
            "event.outcome": "success",
            "gen_ai.request.model": "m",
            "gen_ai.request.logit_bias.present": True,
            "gen_ai.usage.input_tokens": 7.0,
        }
    }


def test_normalize_writes_any_form_flat_and_in_lower_case() -> None:
    call, signup, nested = normalized(CALL, SIGNUP, NESTED)
    assert call == {**CALL, "event.outcome": "success", "gen_ai.request.model": "gpt-4o"}
    assert signup == {**SIGNUP, "event.action": "signup"}
    assert nested["event.id"] == "n0"
    assert nested["gen_ai.request.logit_bias.present"] is True


def test_a_field_written_twice_is_read_as_written_flat() -> None:
    both = {"event": {"id": "nested", "outcome": "success"}, "event.id": "flat"}
    assert orjson.loads(flattened(orjson.dumps(both).decode())) == {"event.id": "flat", "event.outcome": "success"}


@pytest.mark.parametrize("line", ["[{}]", '"a: {b}"', '{"a": {"b": 1}', '{"a.b": 1}'])
def test_what_is_no_nested_object_stays(line: str) -> None:
    assert flattened(line) == line


@pytest.mark.parametrize("siem", ["duckdb", "splunk", "sentinel"])
def test_what_happens_to_an_account_is_no_call(siem: str) -> None:
    assert derived(siem, "canonical", [CALL, SIGNUP], ["event.outcome"]).keys() == {"e0"}


def test_a_rule_on_accounts_sees_no_call() -> None:
    accounts = LogSource("ai_account")
    query = converter().convert(
        base("event.outcome: success", logsource=accounts), converter().source("canonical"), "duckdb"
    )
    with DuckDBEngine() as engine:
        engine.load(query.source, [CALL, SIGNUP])
        engine.select(query.source, *EVER)
        result = engine.connection.execute(query.text)
        (row,) = result.fetchall()
        columns = [column[0] for column in result.description or ()]
    assert "signup" in str(dict(zip(columns, row, strict=True))).lower()


def test_an_event_without_a_turn_is_counted_by_the_rule_on_samples() -> None:
    """It was written before the field existed; normalize does not invent one."""
    event = {**CALL, "gen_ai.api_key.id": "k", "gen_ai.prompt.hash": "0" * 64}
    rule = correlation(
        "event_count",
        Threshold("gte", 2),
        group_by=("gen_ai.api_key.id", "gen_ai.prompt.hash", "gen_ai.input.turn.hash"),
    )
    query = converter().convert(rule, converter().source("canonical"), "duckdb")
    with DuckDBEngine() as engine:
        engine.load(query.source, [event, {**event, "event.id": "e1"}])
        assert {alert.value for alert in engine.run(query, *EVER)} == {2}
    assert "gen_ai.input.turn.hash" not in normalized(event)[0]
