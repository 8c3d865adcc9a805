"""What the files say: every detection, as YAML and as ARM, with the schedule and the text of the converter."""

from __future__ import annotations

import re
from pathlib import Path, PurePath
from typing import Any

import sigmagen
from sigmagen.content.detections import PackageContent
from sigmagen.packages.sentinel.facts import Facts
from sigmagen.packages.sentinel.package import Package
from sigmagen.plan.window import lateness
from tests.packages.sentinel.conftest import Documents

MINUTES = {"m": 1, "h": 60, "d": 1440}


def minutes(text: str) -> int:
    """`90m`, and the same in ISO 8601."""
    match = re.fullmatch(r"(?:PT?)?(\d+)([mhdMHD])", text)
    assert match, text
    assert text.startswith("P") == match[2].isupper()
    return int(match[1]) * MINUTES[match[2].lower()]


def resources(templates: Documents, folder: str) -> dict[str, dict[str, Any]]:
    """The resources of a kind in the files for Repositories, by name."""
    return {
        PurePath(path).stem: template["resources"][0]
        for path, template in templates.items()
        if PurePath(path).match(f"repositories/*/{folder}/*.json")
    }


def test_every_detection_is_there_as_yaml_as_arm_and_as_a_hunt(
    built_in: PackageContent, rule_files: Documents, hunt_files: Documents, templates: Documents
) -> None:
    names = {item.name for item in built_in.detections}
    silent = {name for name in rule_files if name.startswith("silent.")}
    assert len(names) == len(built_in.detections) > 30
    assert set(rule_files) - silent == names
    assert set(hunt_files) == names
    assert set(resources(templates, "analytics-rules")) == set(rule_files)


def test_a_query_is_the_converted_text_and_a_line_that_names_the_atlas_techniques(
    built_in: PackageContent, rule_files: Documents, hunt_files: Documents
) -> None:
    for item in built_in.detections:
        atlas = ", ".join(item.rule.frameworks["atlas"])
        assert rule_files[item.name]["query"] == f'{item.alert.text}\n| extend atlas = "{atlas}"'
        assert hunt_files[item.name]["query"] == item.hunt.text


def test_no_query_asks_for_the_time(package: Package, rule_files: Documents) -> None:
    texts = [rule["query"] for rule in rule_files.values()] + [
        item.query for part in package.parts for item in part.hunts
    ]
    assert not [text for text in texts if re.search(r"\b(now|ago)\s*\(", text)]


def test_frequency_and_period_cover_window_interval_and_delay(built_in: PackageContent, rule_files: Documents) -> None:
    for item in built_in.detections:
        schedule, rule = item.alert.schedule, rule_files[item.name]
        assert schedule is not None
        frequency, period = minutes(rule["queryFrequency"]), minutes(rule["queryPeriod"])
        assert frequency * 60_000 >= schedule.interval
        window = sum(part.timespan for part in item.alert.windows)
        runs = 2 * frequency * 60_000 + lateness(frequency * 60_000)
        assert period * 60_000 >= window + schedule.ingest_delay + runs
        grouping = rule["incidentConfiguration"]["groupingConfiguration"]
        # A burst is seen by every run until it has left the period, and all these alerts are one incident.
        assert minutes(grouping["lookbackDuration"]) == period >= schedule.suppression / 60_000


def test_alerts_are_one_a_group_and_incidents_one_a_campaign(built_in: PackageContent, rule_files: Documents) -> None:
    for item in built_in.detections:
        rule = rule_files[item.name]
        grouping = rule["incidentConfiguration"]["groupingConfiguration"]
        assert rule["eventGroupingSettings"] == {"aggregationKind": "AlertPerResult"}
        assert (grouping["enabled"], grouping["matchingMethod"]) == (True, "Selected")
        mapped = {field["columnName"] for entity in rule.get("entityMappings", []) for field in entity["fieldMappings"]}
        types = {entity["entityType"] for entity in rule.get("entityMappings", [])}
        assert set(grouping["groupByEntities"]) == types
        grouped = mapped | {rule["customDetails"][key] for key in grouping["groupByCustomDetails"]}
        assert grouped == set(item.alert.columns), "grouped by all that the rule groups by, and by nothing else"


def test_an_alert_carries_group_value_windows_and_atlas_and_no_prompt(rule_files: Documents) -> None:
    for name, rule in rule_files.items():
        if name.startswith("silent."):
            continue
        assert {"Value", "WindowStart", "WindowEnd", "Groups", "Atlas"} < set(rule["customDetails"])
        shown = {*rule["customDetails"].values(), *re.findall(r"\{\{(.+?)\}\}", str(rule["alertDetailsOverride"]))}
        assert not shown & {"gen_ai_prompt", "gen_ai_system_instructions", "user_text", "request_body", "Message"}


def test_arm_says_what_yaml_says(rule_files: Documents, templates: Documents) -> None:
    operators = {"gt": "GreaterThan", "eq": "Equal"}
    same = ("description", "severity", "query", "triggerThreshold", "eventGroupingSettings", "tactics")
    for name, resource in resources(templates, "analytics-rules").items():
        rule, said = rule_files[name], resource["properties"]
        assert resource["apiVersion"] == "2025-09-01"
        assert resource["kind"] == "Scheduled"
        assert resource["name"] == f"[concat(parameters('workspace'), '/Microsoft.SecurityInsights/{rule['id']}')]"
        assert {key: said[key] for key in same} == {key: rule[key] for key in same}
        assert said["displayName"] == rule["name"]
        assert said["triggerOperator"] == operators[rule["triggerOperator"]]
        assert said.get("entityMappings") == rule.get("entityMappings")
        assert said.get("customDetails") == rule.get("customDetails")
        assert said.get("alertDetailsOverride") == rule.get("alertDetailsOverride")
        assert [minutes(said[key]) for key in ("queryFrequency", "queryPeriod")] == [
            minutes(rule[key]) for key in ("queryFrequency", "queryPeriod")
        ]
        assert {technique.partition(".")[0] for technique in rule.get("relevantTechniques", [])} == {
            *said["techniques"]
        }
        assert (said["enabled"], said["suppressionEnabled"]) == (False, False)
        assert 300 <= minutes(said["suppressionDuration"]) <= 1440
        assert (said["alertRuleTemplateName"], said["templateVersion"]) == (rule["id"], sigmagen.__version__)


def test_the_template_of_a_log_holds_what_its_single_files_hold(templates: Documents) -> None:
    for path, template in templates.items():
        source = re.fullmatch(r"arm/([^/]+)\.json", path)
        if source is None or source[1] in ("watchlists", "workbook"):
            continue
        single = [
            found["resources"][0]
            for other, found in templates.items()
            if other.startswith(f"repositories/{source[1]}/")
        ]
        assert len(template["resources"]) == len(single) > 5
        assert all(resource in template["resources"] for resource in single)


def test_every_template_takes_the_workspace_and_no_name_is_there_twice(templates: Documents) -> None:
    for template in templates.values():
        assert template["parameters"]["workspace"]["type"] == "string"
        names = [(resource["type"], resource["name"]) for resource in template["resources"]]
        assert len(names) == len(set(names)) > 0


def test_hunts_functions_and_readiness_are_saved_searches_that_sentinel_knows(
    package: Package, templates: Documents
) -> None:
    folders = ("hunting-queries", "parsers", "readiness", "investigation")
    searches = [found["properties"] for kind in folders for found in resources(templates, kind).values()]
    assert {item["category"] for item in searches} == {
        "Hunting Queries",
        "Microsoft Sentinel Parser",
        "sigmagen readiness",
        "sigmagen investigation",
    }
    aliases = {item["functionAlias"] for item in searches if item["category"] == "Microsoft Sentinel Parser"}
    assert aliases == {f"sigmagen_{part.source.name}" for part in package.parts}
    for item in searches:
        if item["category"] == "Hunting Queries":
            assert {"description", "tactics"} <= {tag["name"] for tag in item["tags"]}


def test_techniques_come_with_all_their_tactics(rule_files: Documents, facts: Facts) -> None:
    seen = set()
    for rule in rule_files.values():
        for technique in rule.get("relevantTechniques", []):
            assert set(facts.techniques[technique.partition(".")[0]]) <= set(rule["tactics"])
            seen.add(technique)
    assert len(seen) > 3


def test_each_log_has_a_rule_for_its_silence_that_needs_no_clock(package: Package, rule_files: Documents) -> None:
    for part in package.parts:
        rule = rule_files[f"silent.{part.source.name}"]
        assert (rule["triggerOperator"], rule["triggerThreshold"]) == ("gt", 0)
        assert rule["eventGroupingSettings"] == {"aggregationKind": "SingleAlert"}
        assert (rule["queryFrequency"], rule["queryPeriod"]) == ("1h", "1d")
        assert "now(" not in rule["query"]


def test_the_readme_names_every_log_and_rule_and_why_others_are_left_out(
    folder: Path, package: Package, built_in: PackageContent
) -> None:
    text = (folder / "README.md").read_text("utf-8")
    assert "Defender XDR custom detections" in text
    assert "Near-real-time rules" in text
    for part in package.parts:
        assert f"`{part.source.name}.json`" in text
        assert all(rule.title in text for rule in part.rules)
    assert text.count("\n- ") > len(built_in.left_out) > 5
    assert not [line for line in text.splitlines() if len(line) > 120 and not line.startswith(("|", "- "))]
