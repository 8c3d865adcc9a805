"""Joining detections by actor: who is behind them, what they took, and how near they came to each rule."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sigmagen.bundled import mappings_folder
from sigmagen.engines.duckdb import DuckDBEngine
from sigmagen.local.actors import Actor, find_actors, join_detections
from sigmagen.local.detect import Detector
from sigmagen.local.detection import Detection
from sigmagen.local.line import Line
from sigmagen.local.traffic import FIELDS, Principal, Usage
from sigmagen.logs.chunks import ChunkReader
from sigmagen.logs.recognise import Recogniser
from sigmagen.rules.load import parse_rules
from sigmagen.rules.model import Threshold
from sigmagen.rules.yaml import parse_documents
from tests.native_logs import converter
from tests.rule_builders import T0, correlation

RULES = b"""\
title: Call
name: call
logsource: {category: ai_inference}
detection: {selection: {event.outcome: success}, condition: selection}
---
title: Many Calls of a User
name: many_of_user
level: low
correlation: {type: event_count, rules: [call], group-by: [user.id], timespan: 1h, condition: {gte: 5}}
---
title: Many Tokens of a Key
name: tokens_of_key
level: high
correlation:
  {type: value_sum, rules: [call], group-by: [gen_ai.api_key.id], timespan: 1h,
   condition: {field: gen_ai.usage.output_tokens, gte: 1000}}
---
title: Many Users of an Address
name: users_of_address
level: medium
correlation:
  {type: value_count, rules: [call], group-by: [source.ip], timespan: 1h, condition: {field: user.id, gte: 3}}
"""
ACTIONS = b"""\
---
title: Action
name: action
logsource: {category: ai_account}
detection: {selection: {event.action: create_key}, condition: selection}
---
title: Many Actions of a User
name: many_actions
level: low
correlation: {type: event_count, rules: [action], group-by: [user.id], timespan: 1h, condition: {gte: 5}}
"""
ALIASED = b"""\
title: Call
name: call
logsource: {category: ai_inference}
detection: {selection: {event.outcome: success}, condition: selection}
---
title: Call of a Model
name: call_of_model
logsource: {category: ai_inference}
detection: {selection: {gen_ai.request.model: m}, condition: selection}
---
title: Both by the Same User
name: both
level: low
correlation:
  type: temporal
  rules: [call, call_of_model]
  aliases: {who: {call: user.id, call_of_model: user.id}}
  group-by: [who]
  timespan: 1h
"""
START = int(datetime(2026, 8, 3, 10, tzinfo=UTC).timestamp())
Call = tuple[int, str | None, str]
"""Second, user and address."""


def found(
    tmp_path: Path, calls: Sequence[Call], rules: bytes = RULES, changes: Mapping[str, Any] | None = None
) -> tuple[list[Actor], Line | None]:
    """The actors in a log of calls with 100 output tokens each."""
    log = tmp_path / "log.ndjson"
    with log.open("w") as file:
        for number, (second, user, address) in enumerate(calls):
            record = {
                "@timestamp": datetime.fromtimestamp(START + second, UTC).isoformat(),
                "event.id": f"e{number}",
                "event.outcome": "success",
                "gen_ai.request.model": "m",
                "user.id": user,
                "gen_ai.api_key.id": f"key-{user}",
                "organization.id": "everybody",
                "source.ip": address,
                "gen_ai.usage.input_tokens": 10,
                "gen_ai.usage.output_tokens": 100,
            }
            kept = {name: value for name, value in (record | dict(changes or {})).items() if value is not None}
            file.write(json.dumps(kept) + "\n")
    return actors_in(log, rules)


def actors_in(log: Path, rules: bytes) -> tuple[list[Actor], Line | None]:
    """The actors in a log, and its time line."""
    loaded = parse_rules([parse_documents(rules, Path("rules.yml"))], mappings_folder=mappings_folder())
    assert not loaded.problems
    with DuckDBEngine() as engine:
        detector = Detector(converter(), engine, shown=FIELDS)
        detector.read(ChunkReader([str(log)]), Recogniser(converter().sources.values(), None), loaded.rules)
        return find_actors(detector, detector.run(loaded.rules))


def rules_of(actor: Actor) -> set[str]:
    return {item.rule.name for item in actor.detections}


def test_alerts_of_one_principal_by_different_fields_are_one_actor(tmp_path: Path) -> None:
    calls = [(number, "ann", "192.0.2.1") for number in range(12)] + [(60, "bob", "192.0.2.2")]
    (actor,), _ = found(tmp_path, calls)
    assert rules_of(actor) == {"many_of_user", "tokens_of_key"}
    assert actor.level == "high"
    assert [use.name for use in actor.principals] == ["ann"]
    assert actor.values["gen_ai.api_key.id"].most == (("key-ann", 12),)


def test_a_shared_organization_and_address_do_not_join_actors(tmp_path: Path) -> None:
    calls = [(number, user, "192.0.2.1") for number in range(6) for user in ("ann", "bob")]
    actors, _ = found(tmp_path, calls)
    assert sorted(actor.principals[0].name for actor in actors) == ["ann", "bob"]


def test_an_alert_on_an_address_joins_the_alerts_of_its_users(tmp_path: Path) -> None:
    calls = [(number, user, "192.0.2.1") for number in range(6) for user in ("ann", "bob", "eve")]
    (actor,), _ = found(tmp_path, calls)
    assert rules_of(actor) == {"many_of_user", "users_of_address"}
    assert actor.principal_count == 3
    assert actor.matched == Usage(18, 180, 1800, START * 1000, (START + 5) * 1000)


def test_each_event_in_several_alerts_counts_once(tmp_path: Path) -> None:
    outside = [(30 * 3600, "ann", "192.0.2.9")]
    (actor,), _ = found(tmp_path, [(number, "ann", "192.0.2.1") for number in range(12)] + outside)
    assert (actor.matched.queries, actor.matched.output_tokens) == (12, 1200)
    assert (actor.usage.queries, actor.usage.output_tokens) == (13, 1300)


def test_distance_is_known_for_rules_that_did_not_alert(tmp_path: Path) -> None:
    (actor,), _ = found(tmp_path, [(number, "ann", "192.0.2.1") for number in range(6)])
    near = {item.rule.name: (item.alerts, item.value, item.threshold) for item in actor.rules}
    assert near["many_of_user"] == (1, 6, 5)
    assert near["tokens_of_key"] == (0, 600, 1000)
    assert near["users_of_address"] == (0, 1, 3)


def test_an_event_without_a_user_is_its_keys(tmp_path: Path) -> None:
    calls: list[Call] = [(number, None, "192.0.2.1") for number in range(12)]
    (actor,), _ = found(tmp_path, calls, changes={"gen_ai.api_key.id": "alias"})
    assert [(use.field, use.name, use.matched) for use in actor.principals] == [("gen_ai.api_key.id", "alias", 12)]


def test_an_alias_in_the_group_is_the_field_behind_it(tmp_path: Path) -> None:
    calls = [(number, user, "192.0.2.1") for number in range(3) for user in ("ann", "bob")]
    actors, _ = found(tmp_path, calls, ALIASED)
    assert sorted((actor.principals[0].name, actor.matched.queries) for actor in actors) == [("ann", 3), ("bob", 3)]


def test_alerts_on_account_events_join_those_on_calls(tmp_path: Path) -> None:
    log = tmp_path / "log.ndjson"
    found(tmp_path, [(number, "ann", "192.0.2.1") for number in range(6)])
    calls = [json.loads(line) for line in log.read_text().splitlines()]
    actions = [call | {"event.id": f"a-{call['event.id']}", "event.action": "create_key"} for call in calls]
    log.write_text("\n".join(map(json.dumps, [*calls, *actions])))
    ((actor,), _) = actors_in(log, RULES + ACTIONS)
    assert rules_of(actor) == {"many_of_user", "many_actions"}
    assert actor.matched.queries == 12


def test_unknown_tokens_are_none(tmp_path: Path) -> None:
    calls = [(number, "ann", "192.0.2.1") for number in range(6)]
    (actor,), _ = found(tmp_path, calls, changes={"gen_ai.usage.output_tokens": None})
    assert actor.matched.output_tokens is None
    assert actor.matched.input_tokens == 60


def test_time_lines_count_every_event(tmp_path: Path) -> None:
    calls = [(number, "ann", "192.0.2.1") for number in range(12)] + [(20 * 3600, "bob", "192.0.2.2")]
    (actor,), line = found(tmp_path, calls)
    assert line is not None
    assert (sum(line.all), sum(line.matched)) == (13, 12)
    assert actor.line is not None
    assert (sum(actor.line.all), sum(actor.line.matched)) == (12, 12)
    assert actor.line.bucket < line.bucket


def test_the_most_urgent_actor_is_first(tmp_path: Path) -> None:
    calls = [(number, "bob", "192.0.2.2") for number in range(6)]
    calls += [(3600 + number, "ann", "192.0.2.1") for number in range(12)]
    actors, _ = found(tmp_path, calls)
    assert [actor.level for actor in actors] == ["high", "low"]


def test_no_alert_is_no_actor_but_has_a_time_line(tmp_path: Path) -> None:
    actors, line = found(tmp_path, [(0, "ann", "192.0.2.1")])
    assert actors == []
    assert line is not None
    assert sum(line.all) == 1


def detection(*group: tuple[str, str]) -> Detection:
    return Detection(correlation("event_count", Threshold("gte", 1)), "canonical", T0, T0 + 1, group, 1, (), (), 1)


@pytest.mark.parametrize(
    ("principals", "joined"),
    [
        ([{"ann": 10}, {"ann": 1}], [[0, 1]]),
        ([{"ann": 10}, {"bob": 1}], [[0], [1]]),
        # All of ann's alert is in the group's alert, however small her share of that is.
        ([{"ann": 10}, {"ann": 1, "bob": 99}], [[0, 1]]),
        # Two groups that share few events of both.
        ([{"ann": 1, "bob": 99}, {"ann": 1, "eve": 99}], [[0], [1]]),
        ([{"ann": 60, "bob": 40}, {"ann": 1, "eve": 99}], [[0, 1]]),
        ([{}, {}], [[0], [1]]),
    ],
)
def test_detections_join_if_shared_principals_caused_half_of_one(
    principals: Sequence[Mapping[str, int]], joined: list[list[int]]
) -> None:
    named: dict[int, dict[Principal, int]] = {
        number: {("user.id", name): count for name, count in counts.items()} for number, counts in enumerate(principals)
    }
    assert join_detections([detection(("source.ip", "a")), detection(("source.ip", "b"))], named) == joined


def test_a_rule_without_a_group_joins_nothing() -> None:
    named: dict[int, dict[Principal, int]] = {0: {("user.id", "ann"): 1}, 1: {("user.id", "ann"): 1}}
    assert join_detections([detection(), detection(("user.id", "ann"))], named) == [[0], [1]]
