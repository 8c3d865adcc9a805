"""What is written about the command line is complete and true."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from sigmagen.bundled import rules_folder
from sigmagen.cli.main import COMMANDS
from sigmagen.content.coverage import FieldCoverage, RuleCoverage
from sigmagen.convert.many import TargetSummary
from sigmagen.logs.reader import Reject
from sigmagen.problems import Problem
from sigmagen.proof.cases import CaseResult
from sigmagen.proof.mutations import MutationResult
from sigmagen.proof.verify import Cell
from tests.cli.conftest import Run
from tests.native_logs import example

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
JSON = (ROOT / "docs" / "json.md").read_text()
THERE = [name for name in COMMANDS if find_spec(f"sigmagen.cli.{name}")]


TEMPORAL = """
title: Log probabilities
name: probabilities
logsource: {category: ai_inference}
detection: {s: {gen_ai.request.logprobs: true}, condition: s}
---
title: Answered
name: answered
logsource: {category: ai_inference}
detection: {s: {event.outcome: success}, condition: s}
---
title: Both
name: both
level: low
correlation: {type: temporal, rules: [probabilities, answered], group-by: [user.id], timespan: 1h}
"""


def documented(name: str) -> list[str]:
    """The keys of a shape in docs/json.md, in order."""
    found = re.search(rf"(?ms)^## {name}\n.*?(?=^## |\Z)", JSON)
    assert found, f"docs/json.md has no section {name}"
    return re.findall(r"(?m)^\| `([^`]+)` \|", found[0])


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_in_the_readme(name: str) -> None:
    if name not in THERE:
        pytest.skip(f"sigmagen.cli.{name} is not here yet")
    assert re.search(rf"\b(sigmagen|make) {name}\b", README)


@pytest.mark.parametrize("name", THERE)
def test_each_command_with_json_has_its_document_described(name: str, run: Run) -> None:
    if "--json" in run(name, "--help").stdout:
        assert re.search(rf"(?m)^\| `{name}` \|", JSON)


@pytest.mark.parametrize(
    ("section", "shape"),
    [
        ("Problem", Problem),
        ("Case result", CaseResult),
        ("Mutation", MutationResult),
        ("Cell", Cell),
        ("Reject", Reject),
        ("Summary", TargetSummary),
        ("Rule coverage", RuleCoverage),
        ("Field coverage", FieldCoverage),
    ],
)
def test_a_shape_that_is_a_class_is_documented_key_by_key(section: str, shape: Any) -> None:
    assert documented(section) == [field.name for field in fields(shape)]


def test_an_alert_is_documented_key_by_key(run: Run, attack_log: Path) -> None:
    alerts = json.loads(run("detect", attack_log, "--json").stdout)
    assert all(list(alert) == documented("Alert") for alert in alerts)
    assert alerts


def test_a_detection_report_is_documented_key_by_key_and_by_its_schema(
    run: Run, attack_log: Path, tmp_path: Path
) -> None:
    report = tmp_path / "report.json"
    untimed = tmp_path / "untimed.ndjson"
    untimed.write_text('{"call_type": "acompletion", "model_group": "m", "startTime": null}\n')
    rules = tmp_path / "rules"
    shutil.copytree(rules_folder(), rules)
    (rules / "temporal.yml").write_text(TEMPORAL)
    (rules / "broken.yml").write_text("title: [\n")
    schema = json.loads((ROOT / "docs" / "detect-report.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    logs = (attack_log, untimed, example("bedrock_invocation"))
    assert run("detect", *logs, "--rules", rules, "--report", report).exit_code == 2
    document = json.loads(report.read_text())
    assert [error.message for error in Draft202012Validator(schema).iter_errors(document)] == []
    assert list(document) == documented("Detection report") == schema["required"]
    assert {tuple(spot) for spot in document["blind_spots"]} == {tuple(documented("Blind spot"))}
    assert {tuple(item) for item in document["not_run"]} == {("rule", "rule_id", "source", "reason")}
    assert {spot["kind"] for spot in document["blind_spots"]} == {"unreadable", "no-log", "not-run", "broken-rules"}
    assert f"{{{', '.join(document['stats'])}}}" in JSON
    assert any(alert["counts"] for alert in document["alerts"])
    for name, section in (("alert", "Alert"), ("blind_spot", "Blind spot"), ("problem", "Problem")):
        assert schema["$defs"][name]["required"] == list(schema["$defs"][name]["properties"]) == documented(section)
    # A document that says less is refused, at every level.
    for part in (document, document["alerts"][0], document["blind_spots"][0], document["stats"]):
        for key in list(part):
            value = part.pop(key)
            assert list(Draft202012Validator(schema).iter_errors(document)), key
            part[key] = value


def test_a_query_is_documented_key_by_key(run: Run, tmp_path: Path) -> None:
    result = run("convert", "-t", "elastic", "-t", "duckdb", "-o", tmp_path / "out", "--json")
    queries = json.loads(result.stdout)["queries"]
    assert all(list(query) == documented("Query") for query in queries)
    schedules = [list(query["schedule"]) for query in queries if query["schedule"]]
    assert all(f"`{key}`" in JSON for key in schedules[0])


def test_an_investigation_is_documented_key_by_key(run: Run) -> None:
    asked = ("--group", "source.ip=192.0.2.1", "--window", "2026-08-11T09:00Z/2026-08-11T10:00Z")
    document = json.loads(run("investigate", "one_egress_many_organizations", *asked, "--json").stdout)
    assert list(document) == documented("Investigation")
    assert {tuple(pivot) for pivot in document["pivots"]} == {tuple(documented("Pivot"))}
    assert {tuple(item) for item in document["left_out"]} == {("id", "source", "target", "reason")}


@pytest.mark.parametrize("code", [0, 1, 2, 3, 70, 130, 141])
def test_each_exit_code_is_documented(code: int) -> None:
    assert re.search(rf"(?m)^\| {code} \|", JSON)
