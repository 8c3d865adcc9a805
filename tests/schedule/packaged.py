"""Alert rules as their packages have them: text, schedule and suppression read from the written files alone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from sigmagen.content.detections import SourceDetection, collect_content
from sigmagen.convert.converter import Converter, Query
from sigmagen.durations import DAY, HOUR, MINUTE, SECOND
from sigmagen.packages import elastic, sentinel
from sigmagen.rules.model import RuleFile
from tests.packages.sentinel.conftest import yaml_files
from tests.packages.sentinel.test_content import minutes as iso_minutes
from tests.packages.splunk import app
from tests.schedule.month import LENGTH, START

UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
PHASE = 137 * SECOND
"""When a rule without a clock time was turned on, after the month began."""


@dataclass(frozen=True)
class Packaged:
    """A rule that a SIEM runs at `due`, over the `lookback` before; a group that alerted is `quiet` for a while.

    Epoch milliseconds, and milliseconds.
    """

    query: Query
    due: tuple[int, ...]
    lookback: int
    quiet: int

    @property
    def interval(self) -> int:
        """The longest time between two runs."""
        return max(after - before for before, after in zip(self.due, self.due[1:], strict=False))


def packaged(converter: Converter, file: RuleFile, source: str, siem: str, folder: Path) -> Packaged:
    """The rule of a file over a source, out of a package that is written to the folder."""
    folder.mkdir(exist_ok=True)
    return {"splunk": _splunk, "elastic": _elastic, "sentinel": _sentinel}[siem](converter, file, source, folder)


def _only(converter: Converter, file: RuleFile, source: str, siem: str) -> SourceDetection:
    (detection,) = collect_content(converter, [file], siem, [source]).detections
    return detection


def _splunk(converter: Converter, file: RuleFile, source: str, folder: Path) -> Packaged:
    detection = _only(converter, file, source, "splunk")
    files = app.unpack(app.package(folder, [file], [source]))
    stanza = app.read_conf(files["default/savedsearches.conf"])[f"Sigmagen - {detection.name} - Rule"]
    columns = stanza["alert.suppress.fields"].split(",")
    assert columns == list(detection.alert.columns)
    assert (stanza["alert.suppress"], stanza["alert.digest_mode"]) == ("1", "0")
    return Packaged(
        replace(detection.alert, text=app.expand(stanza["search"], app.macros(files) | app.LISTS)),
        tuple(_every(START, [minute * MINUTE for minute in app.minutes(stanza["cron_schedule"])], 7 * DAY)),
        _milliseconds(stanza["dispatch.earliest_time"].removeprefix("-")),
        _milliseconds(stanza["alert.suppress.period"]),
    )


def _elastic(converter: Converter, file: RuleFile, source: str, folder: Path) -> Packaged:
    chosen = collect_content(converter, [file], "elastic", [source])
    elastic.write(chosen, folder, converter, {})
    rules = [json.loads(line) for line in (folder / elastic.RULES).read_text("utf-8").splitlines()]
    (rule,) = [rule for rule in rules if rule["rule_id"] == chosen.detections[0].id]
    suppression = rule["alert_suppression"]
    assert suppression["group_by"] == list(chosen.detections[0].alert.columns)
    return Packaged(
        replace(chosen.detections[0].alert, text=rule["query"]),
        tuple(_every(START + PHASE, [0], _milliseconds(rule["interval"]))),
        _milliseconds(rule["from"].removeprefix("now-")),
        _milliseconds(f"{suppression['duration']['value']}{suppression['duration']['unit']}"),
    )


def _sentinel(converter: Converter, file: RuleFile, source: str, folder: Path) -> Packaged:
    chosen = collect_content(converter, [file], "sentinel", [source])
    sentinel.write(chosen, folder, converter, {})
    rule = yaml_files(folder / "yaml" / "analytic-rules")[chosen.detections[0].name]
    grouping = rule["incidentConfiguration"]["groupingConfiguration"]
    assert rule["eventGroupingSettings"] == {"aggregationKind": "AlertPerResult"}
    assert grouping["enabled"]
    return Packaged(
        replace(chosen.detections[0].alert, text=rule["query"]),
        tuple(_every(START + PHASE, [0], iso_minutes(rule["queryFrequency"]) * MINUTE)),
        iso_minutes(rule["queryPeriod"]) * MINUTE,
        iso_minutes(grouping["lookbackDuration"]) * MINUTE,
    )


def _milliseconds(text: str) -> int:
    match = re.fullmatch(r"(\d+)([smhd])", text)
    assert match, text
    return int(match[1]) * UNITS[match[2]]


def _every(start: int, offsets: list[int], period: int) -> Iterator[int]:
    """The month's times at these offsets of each period, and those of two days more, for what arrives then."""
    end = START + LENGTH + 2 * DAY
    for begin in range(start, end, period):
        yield from (begin + offset for offset in offsets)
