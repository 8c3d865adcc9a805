"""A bundle of SQL alerts for Databricks: a file for each detection, paused, and one for its hunt.

https://docs.databricks.com/dev-tools/bundles/resources describes bundles. No workspace has deployed this one: the
README beside it says so, and how to validate it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from sigmagen import __version__
from sigmagen.content.detections import PREFIX, PackageContent, SourceDetection
from sigmagen.convert.converter import Converter
from sigmagen.durations import MINUTE, SECOND, duration_text
from sigmagen.packages.databricks.readme import README
from sigmagen.packages.databricks.scheduled import ScheduledPrinter
from sigmagen.problems import Problem
from sigmagen.targets import registry

TARGET = "spark"
KEEPS_LISTS_APART = False

_VARIABLE = "${"
"""What the bundle replaces by a value."""


def write(content: PackageContent, folder: Path, converter: Converter, overlaid: Mapping[str, Any]) -> list[Problem]:
    """Write the bundle; returns what is left out, because the bundle would replace a part of it."""
    left_out = []
    for detection in content.detections:
        if _VARIABLE in detection.alert.text or _VARIABLE in f"{detection.title} {detection.rule.description}":
            message = f"{detection.name}: a bundle would replace '{_VARIABLE}' in its text"
            left_out.append(Problem("not-packaged", message, file=detection.rule.file, line=detection.rule.line))
            continue
        stem = detection.name.replace(".", "_")
        _write_yaml(folder / "resources" / f"{stem}.alert.yml", _alert(detection, stem))
        _write(folder / "hunts" / f"{stem}.sql", detection.hunt.text + "\n")
    _write_yaml(folder / "databricks.yml", _bundle())
    _write(folder / "README.md", README.format(version=__version__, detections=len(content.detections)))
    return left_out


def _bundle() -> dict[str, Any]:
    return {
        "bundle": {"name": PREFIX},
        "include": ["resources/*.yml"],
        "variables": {
            "table": {
                "description": "Table of canonical events, with catalog and schema",
                "default": registry.get(TARGET).typed_table,
            },
            "warehouse_id": {"description": "Id of the SQL warehouse that runs the alerts"},
        },
        "targets": {"default": {"default": True}},
    }


def _alert(detection: SourceDetection, stem: str) -> dict[str, Any]:
    """Return the resource of a detection: an alert that triggers if its query has a row."""
    rule = detection.rule
    alert = {
        "display_name": detection.title,
        "custom_summary": rule.title,
        "custom_description": rule.description,
        "query_text": _query_text(detection),
        "warehouse_id": "${var.warehouse_id}",
        "evaluation": {
            "source": {"name": "value", "display": "value", "aggregation": "COUNT"},
            "comparison_operator": "GREATER_THAN",
            "threshold": {"value": {"double_value": 0}},
            "empty_result_state": "OK",
            "notification": {"notify_on_ok": False},
        },
        "schedule": {
            "quartz_cron_schedule": _cron(detection),
            "timezone_id": "UTC",
            "pause_status": "UNPAUSED" if detection.enabled else "PAUSED",
        },
    }
    return {"resources": {"alerts": {f"{PREFIX}_{stem}": alert}}}


def _query_text(detection: SourceDetection) -> str:
    """Return the alert query over the time before its run, with the bundle's table."""
    query = detection.alert
    if query.plan is None or query.schedule is None:
        return query.text
    printed = ScheduledPrinter(query.plan, query.schedule.lookback // SECOND).text()
    return f"-- looks back {duration_text(query.schedule.lookback)}\n{printed}\n"


def _cron(detection: SourceDetection) -> str:
    """Return Quartz's form of the schedule, in UTC: at each interval from midnight on."""
    schedule = detection.alert.schedule
    minutes = (schedule.interval if schedule else 60 * MINUTE) // MINUTE
    # Alerts of one interval start in different minutes, so that they don't run all at once.
    offset = int(detection.id[:8], 16) % min(minutes, 10)
    if minutes < 60:
        return f"0 {offset}/{minutes} * * * ?"
    return f"0 {offset} 0/{max(1, minutes // 60)} * * ?"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _write_yaml(path: Path, document: Mapping[str, Any]) -> None:
    _write(path, yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120))
