"""The comment over a query: true, one line each, and nothing that a rule says can end it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sigmagen.convert.converter import Query
from sigmagen.plan.window import Schedule
from sigmagen.report.header import build_query_document, format_header
from sigmagen.rules.model import Threshold
from sigmagen.targets import registry
from tests.native_logs import converter
from tests.rule_builders import HOUR, base, correlation

FIVE = Threshold("gte", 5)
HOSTILE = "title\n``` | delete index=*\n*/ // -- \u2028let x = 1;\r; DROP TABLE x"
STARTS = {"splunk": "``` ", "elastic": "// ", "sentinel": "// "} | dict.fromkeys(registry.local(), "-- ")


def query(target: str, mode: str = "alert", **changes: object) -> Query:
    rule = replace(correlation("event_count", FIVE, raw={"author": "An Author"}), **changes)  # type: ignore[arg-type]
    return converter().convert(rule, converter().sources["canonical"], target, mode)  # type: ignore[arg-type]


@pytest.mark.parametrize("target", [name for name, target in registry.targets().items() if target.comment])
def test_header_fields(target: str) -> None:
    found = format_header(query(target, title="Many calls", id="an-id", frameworks={"atlas": ("AML.T0024.002",)}))
    end = " ```" if target == "splunk" else ""
    # The window, an ingest delay of ten minutes or, in files, five, two intervals and how late a run may be.
    looks_back = "1h26m" if target in registry.local() else "1h31m"
    lines = [line.removeprefix(STARTS[target]).removesuffix(end) for line in found.splitlines()]
    assert lines[:6] == [
        "Many calls",
        "id: an-id",
        "author: An Author",
        "ATLAS: AML.T0024.002",
        "source: canonical (Canonical events (sigmagen normalize))",
        f"{registry.get(target).language}, alert",
    ]
    assert lines[6] == f"schedule: every 10m, look back {looks_back}, suppress a group for {looks_back}"


@pytest.mark.parametrize("mode", ["alert", "hunt"])
@pytest.mark.parametrize("target", [name for name, target in registry.targets().items() if target.comment])
def test_rule_text_can_not_end_comment(target: str, mode: str) -> None:
    found = format_header(
        query(target, mode, title=HOSTILE, id=HOSTILE, frameworks={"atlas": (HOSTILE,)}, raw={"author": HOSTILE})
    )
    lines = found.split("\n")
    assert lines.pop() == ""
    assert len(lines) == (7 if mode == "alert" else 6)
    for line in lines:
        assert line.startswith(STARTS[target])
        if target == "splunk":
            assert line.endswith(" ```")
            assert "`" not in line[3:-3]
    assert not set(found) & {"\r", "\u2028"}


def test_a_hunt_and_a_rule_without_a_window_have_no_schedule() -> None:
    assert "schedule" not in format_header(query("elastic", "hunt"))
    single = base("gen_ai.request.model: '*'")
    found = converter().convert(single, converter().sources["canonical"], "elastic", "alert")
    assert "schedule" not in format_header(found)
    assert build_query_document(found)["schedule"] is None


def test_durations_in_json_are_seconds() -> None:
    schedule = Schedule(interval=600_000, timespan=HOUR + 500, ingest_delay=0)
    document = build_query_document(replace(query("elastic"), schedule=schedule))
    assert document["schedule"] == {"interval": 600, "lookback": 4860.5, "suppression": 4860.5, "ingest_delay": 0}
