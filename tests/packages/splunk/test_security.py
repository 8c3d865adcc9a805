"""What Enterprise Security reads of an alert: entities, risk, threat, versions; and which events are tagged."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from sigmagen.engines.splunk_local import SplunkLocalEngine, event_rows
from sigmagen.packages.splunk.savedsearches import last_change
from sigmagen.rules.model import Correlation, RuleFile
from tests.native_logs import attack, logged
from tests.packages.splunk.app import CONVERTER, FED, FILES, LISTS, expand, macros, package, read_conf, unpack

EVER = (0, 4_000_000_000_000)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return unpack(package(tmp_path_factory.mktemp("app") / "out"))


@pytest.fixture(scope="module")
def saved(files: dict[str, str]) -> dict[str, dict[str, str]]:
    return read_conf(files["default/savedsearches.conf"])


def objects(saved: dict[str, dict[str, str]], key: str) -> list[tuple[Any, ...]]:
    """Field and type of each risk and threat object."""
    found = json.loads(saved[f"Sigmagen - {key} - Rule"]["action.risk.param._risk"])
    return [tuple(value for name, value in entry.items() if name != "risk_score") for entry in found]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("call_count.litellm", [("user_id", "user")]),
        # A key and a template are no one whom an inventory knows.
        ("same_prompt_resampled.litellm", [("gen_ai_api_key_id", "other")]),
        ("bedrock_probe_logging_check_invoke.cloudtrail", [("userIdentity_accessKeyId", "other")]),
        ("one_template_many_organizations.litellm", [("gen_ai_prompt_head_hash", "other")]),
        ("one_egress_many_organizations.litellm", [("source_ip", "system"), ("source_ip", "ip_address")]),
    ],
)
def test_who_bears_the_risk(saved: dict[str, dict[str, str]], key: str, expected: list[tuple[str, str]]) -> None:
    assert objects(saved, key) == expected


def test_every_alert_makes_risk(saved: dict[str, dict[str, str]]) -> None:
    rules = {name.split(" - ")[1] for name in saved if name.endswith("- Rule")}
    assert all(any(len(entry) == 2 for entry in objects(saved, key)) for key in rules)
    kinds = {kind for key in rules for _, kind in objects(saved, key)}
    assert kinds == {"user", "system", "other", "ip_address"}


@pytest.mark.parametrize(
    ("rule", "field", "name"),
    [("call_count", "user_id", "user"), ("one_egress_many_organizations", "source_ip", "src")],
)
def test_an_alert_has_the_names_of_the_common_information_model(
    files: dict[str, str], saved: dict[str, dict[str, str]], rule: str, field: str, name: str
) -> None:
    text = expand(saved[f"Sigmagen - {rule}.litellm - Rule"]["search"], macros(files) | LISTS)
    with SplunkLocalEngine() as engine:
        engine.load(CONVERTER.source("litellm"), attack(rule, "litellm"))
        rows = engine.execute(text, *EVER)
    assert rows
    assert all(row[name] == row[field] for row in rows)


def test_version_and_time_of_a_detection_are_those_of_its_rule(saved: dict[str, dict[str, str]]) -> None:
    metadata = json.loads(saved["Sigmagen - call_count.litellm - Rule"]["action.correlationsearch.metadata"])
    assert (metadata["detection_version"], metadata["publish_time"]) == ("20261123", 1_795_392_000)


def changed(file: RuleFile, **values: Any) -> RuleFile:
    """The file with other values in its rules; None takes one away."""
    subjects = []
    for rule in file.subjects:
        assert isinstance(rule, Correlation)
        raw = {key: value for key, value in (rule.raw | values).items() if value is not None}
        subjects.append(replace(rule, raw=raw))
    return replace(file, subjects=tuple(subjects))


@pytest.mark.parametrize(
    ("values", "version", "day"),
    [
        ({"date": "2026-11-23", "modified": "2027-01-02"}, "20270102", date(2027, 1, 2)),
        ({"date": "2026/11/23"}, "20261123", date(2026, 11, 23)),
        ({"date": "2026-11-23", "version": 7}, "7", date(2026, 11, 23)),
        ({"date": None}, "1", None),
        ({"date": "soon"}, "1", None),
    ],
)
def test_a_later_change_is_a_later_version(
    values: dict[str, Any], version: str, day: date | None, tmp_path: Path
) -> None:
    (file,) = (changed(file, **values) for file in FILES if file.path.stem == "call_count")
    conf = read_conf(unpack(package(tmp_path / "out", [file], ["litellm"]))["default/savedsearches.conf"])
    metadata = json.loads(conf["Sigmagen - call_count.litellm - Rule"]["action.correlationsearch.metadata"])
    assert metadata["detection_version"] == version
    assert ("publish_time" in metadata) is (day is not None)
    assert last_change(file.subjects[0]) == day  # type: ignore[arg-type]


def test_only_calls_of_models_are_tagged(files: dict[str, str]) -> None:
    """The rest of CloudTrail is no concern of whoever searches for tag=ai_inference."""
    source = CONVERTER.source("cloudtrail")
    search = read_conf(files["default/eventtypes.conf"])["sigmagen_cloudtrail"]["search"]
    records = [cloudtrail("InvokeModel"), cloudtrail("Converse"), cloudtrail("ListFoundationModels")]
    records.append(cloudtrail("InvokeModel") | {"eventSource": "lambda.amazonaws.com"})
    with SplunkLocalEngine() as engine:
        engine.load(source, records)
        assert len(engine.execute(search, *EVER)) == 2
    assert len(event_rows(source, records)) == 4


def cloudtrail(operation: str) -> dict[str, Any]:
    return logged("cloudtrail", time=1_786_440_000_123, id="c", principal="p", operation=operation)


def test_every_source_finds_its_own_calls_by_its_event_type(files: dict[str, str]) -> None:
    types = read_conf(files["default/eventtypes.conf"])
    tags = read_conf(files["default/tags.conf"])
    for source in FED:
        name = f"sigmagen_{source.name}"
        assert tags[f"eventtype={name}"]["ai_inference"] == "enabled"
        record = logged(source.name, time=1_786_440_000_123, id="c", principal="p")
        with SplunkLocalEngine() as engine:
            engine.load(source, [record])
            assert len(engine.execute(types[name]["search"], *EVER)) == 1
