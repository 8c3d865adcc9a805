"""Limits of Sentinel and its community's checks: a rule that breaks one is named with the field, before any write."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sigmagen.content.detections import PackageContent, collect_content
from sigmagen.durations import DAY, HOUR, MINUTE
from sigmagen.packages.sentinel import write
from sigmagen.packages.sentinel.attack import Attack
from sigmagen.packages.sentinel.enrich import Enrichment, detail_key
from sigmagen.packages.sentinel.facts import Facts
from sigmagen.packages.sentinel.lint import lint
from sigmagen.packages.sentinel.package import Package
from sigmagen.packages.sentinel.rule import AnalyticsRule, timing
from sigmagen.plan.window import Schedule, Window, lateness
from sigmagen.problems import SigmagenError
from sigmagen.rules.model import RuleFile, Threshold
from tests.native_logs import converter
from tests.rule_builders import base, correlation

Change = Callable[[AnalyticsRule], AnalyticsRule]


def enriched(**changes: object) -> Change:
    return lambda rule: replace(rule, enrichment=replace(rule.enrichment, **changes))  # type: ignore[arg-type]


def changed(**changes: object) -> Change:
    return lambda rule: replace(rule, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        pytest.param(changed(id="no-guid"), "id", id="id"),
        pytest.param(changed(id="{872C55D8-e248-4fce-afa0-df2c950c8648}"), "id", id="id in brackets"),
        pytest.param(changed(title=""), "name", id="no name"),
        pytest.param(changed(title="x" * 257), "name", id="long name"),
        pytest.param(changed(description=" "), "description", id="no description"),
        pytest.param(changed(description="x" * 5001), "description", id="long description"),
        pytest.param(changed(query="  "), "query", id="no query"),
        pytest.param(changed(query="T" * 10_001), "query", id="long query"),
        pytest.param(changed(version="1.0"), "version", id="version"),
        pytest.param(changed(severity="Critical"), "severity", id="severity"),
        pytest.param(changed(frequency=4), "queryFrequency", id="too often"),
        pytest.param(changed(period=20_161), "queryPeriod", id="longer than 14 days"),
        pytest.param(changed(frequency=60, period=59), "queryPeriod", id="period below frequency"),
        pytest.param(changed(frequency=59, period=2880), "queryFrequency", id="two days every 59 minutes"),
        pytest.param(changed(threshold=10_001), "triggerThreshold", id="threshold"),
        pytest.param(changed(grouping=10_081), "lookbackDuration", id="grouping"),
        pytest.param(changed(attack=Attack(("collection",))), "tactics", id="tactic in lower case"),
        pytest.param(changed(attack=Attack(("AIModelAccess",))), "tactics", id="tactic of ATLAS"),
        pytest.param(changed(attack=Attack((), ("T1119",))), "relevantTechniques", id="technique without tactic"),
        pytest.param(
            changed(attack=Attack(("Persistence", "InitialAccess"), ("T1078.004",))),
            "relevantTechniques",
            id="technique with half of its tactics",
        ),
        pytest.param(
            changed(attack=Attack(("Impact",), ("AML.T0024",))), "relevantTechniques", id="technique of ATLAS"
        ),
        pytest.param(
            enriched(entities=tuple(("IP", "Address", "user_id") for _ in range(6))),
            "entityMappings",
            id="six entities",
        ),
        pytest.param(enriched(entities=(("User", "Name", "user_id"),)), "entityMappings", id="unknown entity"),
        pytest.param(enriched(entities=(("IP", "Ip", "user_id"),)), "entityMappings", id="unknown identifier"),
        pytest.param(enriched(entities=(("Account", "UPNSuffix", "user_id"),)), "entityMappings", id="weak identifier"),
        pytest.param(enriched(entities=(("Account", "Name", "nobody"),)), "entityMappings", id="no such column"),
        pytest.param(
            enriched(details={f"K{number}": "value" for number in range(21)}), "customDetails", id="21 details"
        ),
        pytest.param(enriched(details={"x" * 21: "value"}), "customDetails", id="long key"),
        pytest.param(enriched(details={"1st": "value"}), "customDetails", id="key that starts with a digit"),
        pytest.param(enriched(details={"a key": "value"}), "customDetails", id="key with a space"),
        pytest.param(enriched(details={"Key": "nothing"}), "customDetails", id="no such detail"),
        pytest.param(changed(display_format="x" * 257), "alertDisplayNameFormat", id="long alert name"),
        pytest.param(changed(display_format=""), "alertDisplayNameFormat", id="no alert name"),
        pytest.param(
            changed(display_format="{{value}} {{value}} {{value}} {{value}}"),
            "alertDisplayNameFormat",
            id="four placeholders",
        ),
        pytest.param(changed(description_format="{{secret}}"), "alertDescriptionFormat", id="unknown placeholder"),
    ],
)
def test_a_violation_names_rule_field_and_file(change: Change, field: str, package: Package, facts: Facts) -> None:
    rule = next(rule for part in package.parts for rule in part.rules if rule.name == "call_count.litellm")
    assert not lint([rule], [], facts)
    found = lint([change(rule)], [], facts)
    assert found
    for problem in found:
        assert problem.severity == "error"
        assert problem.file == rule.origin
        assert problem.line == rule.line
    assert any(f": {field} " in problem.message for problem in found), found


def test_a_rule_beyond_a_limit_is_left_out_and_said(built_in: PackageContent, tmp_path: Path) -> None:
    first, second, third = built_in.detections[:3]
    broken = tuple(replace(item, alert=replace(item.alert, text="x" * 10_001)) for item in (first, second))
    refused = write(replace(built_in, detections=(*broken, third)), tmp_path, converter(), {})
    assert [problem.severity for problem in refused] == ["error", "error"]
    for problem, item in zip(refused, broken, strict=True):
        assert problem.message.startswith(f"{item.title}: query has 10")
        assert (problem.file, problem.line) == (item.rule.file, item.rule.line)
        assert problem.message in json.loads((tmp_path / "package.json").read_text("utf-8"))["left_out"]
        assert not list(tmp_path.rglob(f"*{item.name}*"))
    assert list(tmp_path.rglob(f"*{third.name}*"))


def test_a_package_of_which_nothing_is_left_is_an_error(tmp_path: Path) -> None:
    rule = correlation("event_count", Threshold("gte", 5), base("gen_ai.request.model: '*'"), timespan=14 * DAY)
    found = collect_content(converter(), [RuleFile(Path("rule.yml"), (rule,), (rule,))], "sentinel", ["canonical"])
    with pytest.raises(SigmagenError, match=r"queryPeriod is \d+\w; it must be from 5m to 14d"):
        write(found, tmp_path, converter(), {})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("timespan", [15 * MINUTE, HOUR, DAY, 47 * HOUR, 2 * DAY, 50 * HOUR + 10 * MINUTE, 10 * DAY])
@pytest.mark.parametrize("delay", [0, 90_500, 30 * MINUTE])
def test_any_window_gets_times_that_sentinel_takes_and_that_cover_it(timespan: int, delay: int, facts: Facts) -> None:
    schedule = Schedule.of([Window.over(timespan)], shortest_interval=5 * MINUTE, ingest_delay=delay)
    frequency, period = timing(schedule, facts)
    assert period * MINUTE >= timespan + delay + 2 * frequency * MINUTE + lateness(frequency * MINUTE)
    assert frequency * MINUTE >= schedule.interval
    assert 5 <= frequency <= period <= 20_160
    assert period < 2880 or frequency >= 60


def test_an_entity_too_many_becomes_a_custom_detail_that_incidents_are_grouped_by(facts: Facts) -> None:
    fields = ["user.id", "source.ip", "gen_ai.api_key.id", "user.email", "cloud.account.id", "gen_ai.request.model"]
    rule = correlation("event_count", Threshold("gte", 5), base("gen_ai.request.model: '*'"))
    found = Enrichment.of(rule, {name.replace(".", "_"): name for name in fields}, facts)
    assert len(found.entities) == 5
    assert found.group_entities == ("Account", "IP")
    assert found.group_details == ("RequestModel",)
    assert found.details["RequestModel"] == "gen_ai_request_model"


def test_keys_of_custom_details_stay_apart_and_within_the_limit() -> None:
    taken: list[str] = []
    for field in ("gen_ai.prompt.hash", "prompt_hash", "Prompt.Hash", "a" * 40, "a" * 41, "9.lives", "\u00e4\u00f6"):
        key = detail_key(field, 20, taken)
        assert key not in taken
        assert len(key) <= 20
        assert key.isascii()
        assert key[0].isalpha()
        taken.append(key)
