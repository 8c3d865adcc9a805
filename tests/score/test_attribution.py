"""Scoring a small log by hand: what counts as found, and what as a false alert."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sigmagen.bundled import mappings_folder
from sigmagen.convert.converter import Converter
from sigmagen.problems import SigmagenError
from sigmagen.rules.load import parse_rules
from sigmagen.rules.model import BaseRule, Correlation
from sigmagen.rules.yaml import parse_documents
from sigmagen.score.attribution import Outcome
from sigmagen.score.labels import load_labels
from sigmagen.score.run import score_logs
from sigmagen.score.tables import tabulate_personas, tabulate_recall, tabulate_rules

CONVERTER = Converter.load(mappings_folder())
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
title: Many Calls From an Address
name: many_of_address
level: high
correlation: {type: event_count, rules: [call], group-by: [source.ip], timespan: 1h, condition: {gte: 8}}
"""
START = int(datetime(2026, 8, 3, 10, tzinfo=UTC).timestamp())


def rules() -> tuple[BaseRule | Correlation, ...]:
    """The two rules."""
    loaded = parse_rules([parse_documents(RULES, Path("rules.yml"))], mappings_folder=mappings_folder())
    assert not loaded.problems
    return loaded.rules


def write(folder: Path, calls: Sequence[tuple[int, str, str, str | None]]) -> Path:
    """A folder as `simulate` writes it, of calls: second, user, address, campaign."""
    folder.mkdir()
    log: list[dict[str, object]] = []
    labels: list[dict[str, str]] = []
    events: dict[str, list[str | None]] = {}
    for number, (second, user, address, campaign) in enumerate(calls):
        time = datetime.fromtimestamp(START + second, UTC).isoformat().replace("+00:00", "Z")
        log.append(
            {
                "@timestamp": time,
                "event.id": f"e{number}",
                "event.outcome": "success",
                "gen_ai.request.model": "m",
                "user.id": user,
                "source.ip": address,
            }
        )
        events.setdefault(user, []).append(campaign)
        if campaign:
            labels.append({"source": "canonical", "event_id": f"e{number}", "actor": user, "campaign": campaign})
    actors = [
        {
            "source": "canonical",
            "actor": user,
            "persona": None if any(own) else user.partition("-")[0],
            "events": len(own),
            "campaign_events": sum(map(bool, own)),
        }
        for user, own in events.items()
    ]
    names = dict.fromkeys(label["campaign"] for label in labels)
    campaigns = [{"campaign": name, "scenario": name.partition("-")[0], "title": name} for name in names]
    for name, lines in (("canonical", log), ("labels", labels), ("actors", actors), ("campaigns", campaigns)):
        (folder / f"{name}.ndjson").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def score(folder: Path) -> Outcome:
    """The outcome of both rules."""
    return score_logs([str(folder / "canonical.ndjson")], load_labels(folder), rules(), CONVERTER)


def test_campaign_is_found_with_its_events_before_the_first_alert(tmp_path: Path) -> None:
    calls = [(60 * number, "mallory", "192.0.2.1", "harvest-1") for number in range(7)]
    outcome = score(write(tmp_path / "w", calls))
    (found,) = outcome.found
    assert (found.rule, found.campaign, found.events) == ("many_of_user", "harvest-1", 7)
    # Ticks of a rule over an hour are ten minutes apart, so the alert comes at 10:10.
    assert found.time == (START + 600) * 1000
    assert not outcome.false
    (recall,) = tabulate_recall([outcome])
    assert (recall.name, recall.found, recall.events, recall.minutes) == ("harvest", 1, 7, 10)


def test_group_that_alerts_without_the_campaign_is_not_found_but_false(tmp_path: Path) -> None:
    crowd = [(60 * number, f"chat-{number}", "198.51.100.7", None) for number in range(9)]
    calls = [*crowd, (100, "mallory", "198.51.100.7", "hidden-1")]
    outcome = score(write(tmp_path / "w", calls))
    assert not outcome.found
    assert {(alert.rule, alert.persona) for alert in outcome.false} == {("many_of_address", "chat")}
    (recall,) = tabulate_recall([outcome])
    assert (recall.campaigns, recall.found) == (1, 0)


def test_group_that_only_alerts_with_the_campaign_is_found(tmp_path: Path) -> None:
    crowd = [(60 * number, f"chat-{number}", "198.51.100.7", None) for number in range(6)]
    calls = [*crowd, *((60 * n, f"mallory-{n}", "198.51.100.7", "hydra-1") for n in range(2))]
    outcome = score(write(tmp_path / "w", calls))
    assert [(found.rule, found.events) for found in outcome.found] == [("many_of_address", 2)]
    assert not outcome.false


def test_false_alert_counts_once_a_day_with_the_persona_of_most_events(tmp_path: Path) -> None:
    day = 86_400
    busy = [(day * number + 60 * call, "bot-1", "192.0.2.9", None) for number in range(2) for call in range(6)]
    outcome = score(write(tmp_path / "w", [*busy, (0, "chat-1", "192.0.2.1", None), (9, "m", "192.0.2.8", "x-1")]))
    assert sorted((alert.rule, alert.persona) for alert in outcome.false) == [("many_of_user", "bot")] * 2
    costs = {cost.name: cost for cost in tabulate_personas([outcome])}
    assert (costs["bot"].alerts, costs["chat"].alerts) == (2, 0)
    assert costs["bot"].rate > 0 == costs["chat"].rate


def test_worth_counts_what_no_other_rule_found(tmp_path: Path) -> None:
    one = [(60 * number, "mallory", "192.0.2.1", "single-1") for number in range(6)]
    spread = [(60 * number, f"sybil-{number}", "203.0.113.5", "hydra-1") for number in range(9)]
    worth = {
        item.rule: (item.found, item.only) for item in tabulate_rules([score(write(tmp_path / "w", one + spread))])
    }
    assert worth == {"many_of_user": (1, 1), "many_of_address": (1, 1)}


@pytest.mark.parametrize("line", ["{", "[]", '{"event_id": "e1"}', '{"campaign": "c", "event_id": 3}'])
def test_broken_label_is_an_error_with_file_and_line(tmp_path: Path, line: str) -> None:
    file = tmp_path / "labels.ndjson"
    file.write_text('{"event_id": "e0", "campaign": "c"}\n' + line + "\n")
    with pytest.raises(SigmagenError) as error:
        load_labels(file)
    (problem,) = error.value.problems
    assert (problem.file, problem.line) == (str(file), 2)
