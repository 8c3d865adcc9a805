"""The filters and the CSV output of `sigmagen detect`."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from sigmagen.report.alert_table import COLUMNS
from tests.cli.conftest import ROOT, Run

RULES = """\
title: Answered
name: answered
logsource: {category: ai_inference}
detection: {selection: {event.outcome: success}, condition: selection}
---
title: Five Calls of a User
name: five_calls
id: 7b1e7a5e-6a47-4b56-9f0c-1d51f6a3b0aa
level: low
correlation: {type: event_count, rules: [answered], group-by: [user.id], timespan: 1h, condition: {gte: 5}}
---
title: Ten Calls of a User
name: ten_calls
level: high
correlation: {type: event_count, rules: [answered], group-by: [user.id], timespan: 1h, condition: {gte: 10}}
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A folder with a rule of level low and one of level high."""
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "rules.yml").write_text(RULES)
    return folder


def write_log(path: Path, user: str = "ann") -> Path:
    """A log of ten calls at 10 o'clock, and ten at 20 o'clock."""
    lines = [
        {
            "@timestamp": f"2026-08-03T{hour}:00:{number:02d}Z",
            "event.id": f"e{hour}-{number}",
            "event.outcome": "success",
            "gen_ai.request.model": "m",
            "user.id": user,
        }
        for hour in (10, 20)
        for number in range(10)
    ]
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


@pytest.fixture
def found(run: Run, tmp_path: Path, rules: Path) -> Any:
    """Run detect with options; the names of the alerting rules with the hours of their first events."""
    log = write_log(tmp_path / "log.ndjson")

    def detect(*options: str) -> list[tuple[str, str]]:
        result = run("detect", log, "--rules", rules, "--json", *options)
        assert result.exit_code == 0, result.output
        return [(alert["rule"], alert["first_seen"][11:13]) for alert in json.loads(result.stdout)]

    return detect


def test_without_filters_all_rules_and_times_are_shown(found: Any) -> None:
    assert sorted(found()) == [("five_calls", "10"), ("five_calls", "20"), ("ten_calls", "10"), ("ten_calls", "20")]


@pytest.mark.parametrize("name", ["five_calls", "7b1e7a5e-6a47-4b56-9f0c-1d51f6a3b0aa"])
def test_rule_is_chosen_by_name_or_id(found: Any, name: str) -> None:
    assert {rule for rule, _ in found("--rule", name)} == {"five_calls"}


def test_several_rules_can_be_chosen(found: Any) -> None:
    assert {rule for rule, _ in found("--rule", "five_calls", "--rule", "ten_calls")} == {"five_calls", "ten_calls"}


def test_every_unknown_rule_is_reported(run: Run, tmp_path: Path, rules: Path) -> None:
    log = write_log(tmp_path / "log.ndjson")
    result = run("detect", log, "--rules", rules, "--rule", "five_cals", "--rule", "other")
    assert result.exit_code == 3
    assert "unknown rule 'five_cals'" in result.stderr
    assert "available: five_calls" in result.stderr
    assert "unknown rule 'other'" in result.stderr


@pytest.mark.parametrize(
    ("level", "expected"),
    [("informational", {"five_calls", "ten_calls"}), ("low", {"five_calls", "ten_calls"}), ("medium", {"ten_calls"})],
)
def test_min_level_includes_its_level(found: Any, level: str, expected: set[str]) -> None:
    assert {rule for rule, _ in found("--min-level", level)} == expected


def test_rules_that_are_not_chosen_do_not_run(run: Run, tmp_path: Path, rules: Path) -> None:
    log = write_log(tmp_path / "log.ndjson")
    assert "2 alerts; 1 rule," in run("detect", log, "--rules", rules, "--min-level", "high").stderr
    assert "no alert; 0 rules," in run("detect", log, "--rules", rules, "--min-level", "critical").stderr


@pytest.mark.parametrize(
    ("options", "hours"),
    [
        (("--since", "2026-08-03T15:00Z"), {"20"}),
        (("--until", "2026-08-03T15:00Z"), {"10"}),
        (("--since", "2026-08-03T15:00", "--until", "2026-08-03T16:00"), set()),
        (("--since", "2026-08-03T17:00+02:00"), {"20"}),
        (("--since", "2026-08-03"), {"10", "20"}),
        # Inside the windows of the first alerts.
        (("--since", "2026-08-03T10:05Z", "--until", "2026-08-03T10:06Z"), {"10"}),
        (("--until", "2026-08-03"), set()),
    ],
)
def test_time_chooses_alerts_by_their_windows(found: Any, options: tuple[str, ...], hours: set[str]) -> None:
    assert {hour for _, hour in found(*options)} == hours


def test_window_that_crosses_an_edge_has_its_whole_value(run: Run, tmp_path: Path, rules: Path) -> None:
    log = write_log(tmp_path / "log.ndjson")
    result = run("detect", log, "--rules", rules, "--json", "--until", "2026-08-03T10:00:03Z", "--rule", "ten_calls")
    assert [alert["value"] for alert in json.loads(result.stdout)] == [10]


def test_invalid_time_and_level_are_usage_errors(run: Run, tmp_path: Path) -> None:
    log = write_log(tmp_path / "log.ndjson")
    result = run("detect", log, "--since", "yesterday")
    assert result.exit_code == 3
    assert "is not an ISO 8601 time such as 2026-08-11" in result.stderr
    assert run("detect", log, "--min-level", "loud").exit_code == 3


def test_csv_has_one_line_for_each_alert(run: Run, tmp_path: Path, rules: Path) -> None:
    log = write_log(tmp_path / "log.ndjson")
    result = run("detect", log, "--rules", rules, "--csv", "--rule", "ten_calls")
    heading, first, _ = csv.reader(io.StringIO(result.stdout))
    row = dict(zip(heading, first, strict=True))
    assert (row["rule"], row["level"], row["value"]) == ("ten_calls", "high", "10")
    assert json.loads(row["group"]) == {"user.id": "ann"}
    assert row["first_seen"] == "2026-08-03T10:00:00.000Z"


def test_csv_without_alerts_is_the_heading(run: Run, litellm: Path) -> None:
    assert run("detect", litellm, "--csv").stdout == ",".join(COLUMNS) + "\n"


def test_csv_cells_are_no_formulas_and_one_line(run: Run, tmp_path: Path, rules: Path) -> None:
    (rules / "rules.yml").write_text(RULES.replace("name: ten_calls", "name: '=1+1'"))
    log = write_log(tmp_path / "log.ndjson", 'a"\n=cmd|x,\u202e')
    result = run("detect", log, "--rules", rules, "--csv", "--min-level", "high")
    assert len(result.stdout.splitlines()) == 3
    rows = list(csv.reader(io.StringIO(result.stdout)))
    assert all(len(row) == len(COLUMNS) for row in rows)
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@"))]
    assert "\u202e" not in result.stdout


def test_json_and_csv_exclude_each_other(run: Run, litellm: Path) -> None:
    assert run("detect", litellm, "--json", "--csv").exit_code == 3


def test_columns_are_documented() -> None:
    text = (ROOT / "docs" / "json.md").read_text()
    section = re.search(r"(?ms)^## Alerts as CSV\n.*?(?=^## )", text)
    assert section
    assert tuple(re.findall(r"(?m)^\| `([^`]+)` \|", section[0])) == COLUMNS
