"""The bundle of SQL alerts for Databricks. No workspace is here: its queries run on Spark where it is installed."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.content.detections import PackageContent, collect_content
from sigmagen.convert.converter import Converter
from sigmagen.durations import iso
from sigmagen.engines import opening
from sigmagen.engines.lake_table import write_parquet
from sigmagen.engines.spark import SparkClient
from sigmagen.packages import databricks
from sigmagen.packages.databricks.scheduled import ScheduledPrinter
from sigmagen.rules.load import load_rules

CONVERTER = Converter.load(mappings_folder())


@pytest.fixture(scope="module")
def content() -> PackageContent:
    """The detections over canonical events."""
    loaded = load_rules(None, rules_folder=rules_folder(), mappings_folder=mappings_folder())
    return collect_content(CONVERTER, loaded.files, "spark")


@pytest.fixture(scope="module")
def bundle(content: PackageContent, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle's folder."""
    folder = tmp_path_factory.mktemp("bundle")
    assert not databricks.write(content, folder, CONVERTER, {})
    return folder


def alerts(folder: Path) -> dict[str, dict[str, Any]]:
    """All alerts of a bundle by their keys."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted((folder / "resources").iterdir()):
        found |= yaml.safe_load(path.read_text("utf-8"))["resources"]["alerts"]
    return found


def test_every_detection_is_a_paused_alert_with_a_hunt(content: PackageContent, bundle: Path) -> None:
    found = alerts(bundle)
    assert len(found) == len(content.detections) == len(list((bundle / "hunts").iterdir())) >= 9
    assert {alert["schedule"]["pause_status"] for alert in found.values()} == {"PAUSED"}
    assert {alert["evaluation"]["empty_result_state"] for alert in found.values()} == {"OK"}


def test_alert_looks_back_as_its_schedule_says(content: PackageContent, bundle: Path) -> None:
    (detection,) = (item for item in content.detections if item.rule.name == "call_count")
    alert = alerts(bundle)["sigmagen_call_count_canonical"]
    assert detection.alert.schedule is not None
    seconds = detection.alert.schedule.lookback // 1000
    assert f"timestamp >= (current_timestamp() - INTERVAL {seconds} SECOND)" in alert["query_text"]
    assert "timestamp < current_timestamp()" in alert["query_text"]
    assert "FROM ${var.table}" in alert["query_text"]
    assert ":range" not in alert["query_text"]
    assert alert["schedule"]["quartz_cron_schedule"].endswith("/10 * * * ?")


def test_bundle_names_its_variables(bundle: Path) -> None:
    document = yaml.safe_load((bundle / "databricks.yml").read_text("utf-8"))
    assert set(document["variables"]) == {"table", "warehouse_id"}
    assert document["include"] == ["resources/*.yml"]


def test_text_that_the_bundle_would_replace_is_left_out(content: PackageContent, tmp_path: Path) -> None:
    first = content.detections[0]
    hostile = replace(first, rule=replace(first.rule, description="reads ${workspace.host}"))
    (problem,) = databricks.write(replace(content, detections=(hostile,)), tmp_path, CONVERTER, {})
    assert problem.code == "not-packaged"
    assert not (tmp_path / "resources").exists()


def test_scheduled_query_has_neither_parameters_nor_variables(content: PackageContent) -> None:
    for detection in content.detections:
        assert detection.alert.plan is not None
        text = ScheduledPrinter(detection.alert.plan, 60, "events").text()
        assert "${" not in text
        assert ":range" not in text
        assert text.count("current_timestamp()") >= 4


def test_scheduled_query_runs_on_spark(content: PackageContent, tmp_path: Path) -> None:
    if not opening.is_installed("pyspark"):
        pytest.skip("needs pyspark: pip install 'sigmagen-extraction[spark]'")
    now = time.time_ns() // 1_000_000
    events = [
        {
            "@timestamp": iso(now - 1_800_000 + 1_000 * number),
            "event.outcome": "success",
            "user.id": "mallory",
            "gen_ai.request.model": "gpt-4o",
        }
        for number in range(600)
    ]
    write_parquet(events, CONVERTER.taxonomy, tmp_path / "events")
    (detection,) = (item for item in content.detections if item.rule.name == "call_count")
    assert detection.alert.plan is not None
    client = SparkClient()
    try:
        client.read("events", tmp_path / "events")
        rows = client.session.sql(ScheduledPrinter(detection.alert.plan, 5_460, "events").text()).collect()
    finally:
        client.close()
    assert [(row["user_id"], row["value"]) for row in rows] == [("mallory", 600)]
