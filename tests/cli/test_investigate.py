"""`sigmagen investigate`: from an alert, typed or printed by `detect`, to queries."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run

GROUP = ("--group", "user.id=partner-07", "--group", "gen_ai.request.model=gpt-4o")
WINDOW = ("--window", "2026-08-11T09:00:00Z/2026-08-11T10:00:00Z")
SIEMS = ["splunk", "elastic", "sentinel"]


def test_group_and_window_give_queries_for_three_siems(run: Run) -> None:
    result = run("investigate", "call_count", *GROUP, *WINDOW, "-s", "litellm", "--json")
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert [pivot["target"] for pivot in document["pivots"] if pivot["id"] == "who_is_it"] == SIEMS
    left_out = {(item["id"], item["target"]): item["reason"] for item in document["left_out"]}
    assert "does not log the control plane" in left_out["logging_changes", "splunk"]
    assert "can't decode JSON text" in left_out["templates", "elastic"]
    assert document["response"]
    assert document["questions"]
    assert (document["window_start"], document["window_end"]) == (
        "2026-08-11T09:00:00.000Z",
        "2026-08-11T10:00:00.000Z",
    )


def test_the_text_has_every_section_once(run: Run) -> None:
    text = run("investigate", "call_count", *GROUP, *WINDOW, "-s", "canonical", "-t", "splunk").stdout
    titles = [line for line in text.splitlines() if line.startswith("# ")]
    assert titles == [
        "# Questions first",
        "# Who",
        "# What",
        "# From where",
        "# Related infrastructure",
        "# Time line",
        "# Spread",
        "# Impact",
        "# Response",
    ]
    assert "Set a quota for the principal" in text


def test_a_rule_is_found_by_its_id_too(run: Run) -> None:
    named = run("investigate", "call_count", *GROUP, *WINDOW, "-t", "duckdb", "--json")
    by_id = json.loads(named.stdout)["rule_id"]
    assert run("investigate", by_id, *GROUP, *WINDOW, "-t", "duckdb", "--json").stdout == named.stdout


def alerts(run: Run, attack_log: Path) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(run("detect", attack_log, "--json").stdout)
    assert found
    return found


@pytest.mark.parametrize("way", ["file", "standard input"])
def test_alert_from_detect_is_sufficient(run: Run, attack_log: Path, tmp_path: Path, way: str) -> None:
    alert = alerts(run, attack_log)[0]
    (tmp_path / "alert.json").write_text(json.dumps(alert))
    if way == "file":
        result = run("investigate", "--alert", tmp_path / "alert.json", "--json")
    else:
        result = run("investigate", "--alert", "-", "--json", input=json.dumps(alert))
    document = json.loads(result.stdout)
    assert {key: document[key] for key in ("rule", "group", "window_start", "window_end")} == {
        key: alert[key] for key in ("rule", "group", "window_start", "window_end")
    }
    assert {pivot["source"] for pivot in document["pivots"]} == {alert["source"]}


def test_alert_is_selected_by_group(run: Run, attack_log: Path, tmp_path: Path) -> None:
    first = alerts(run, attack_log)[0]
    group = dict.fromkeys(first["group"], "someone-else")  # type: ignore[call-overload]
    (tmp_path / "alerts.json").write_text(json.dumps([first, first | {"group": group}]))
    result = run("investigate", "--alert", tmp_path / "alerts.json")
    assert result.exit_code == 3
    assert "2 alerts match" in result.stderr
    assert "someone-else" in result.stderr
    field = next(iter(group))
    result = run("investigate", "--alert", tmp_path / "alerts.json", "--group", f"{field}=someone-else", "--json")
    assert json.loads(result.stdout)["group"] == group


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("call_count",), "give RULE, --group and --window"),
        (("call_cuont", *GROUP, *WINDOW), "available: call_count"),
        (("call_count", *GROUP[:2], *WINDOW), "the value of gen_ai.request.model is missing"),
        (("call_count", *GROUP, "--group", "source.ip=192.0.2.1", *WINDOW), "does not group by source.ip"),
        (("call_count", *GROUP, "--window", "yesterday"), "no ISO 8601 time"),
        (("call_count", *GROUP, "--window", "2026-08-11T10:00Z/2026-08-11T09:00Z"), "ends before it starts"),
        (("call_count", *GROUP, "--window", "0001-01-01/2026-08-11"), "outside of the years"),
        (("call_count", "--group", "user.id", *WINDOW), "is not FIELD=VALUE"),
        (("call_count", *GROUP, *GROUP, *WINDOW), "given twice"),
        (("call_count", "--group", "user.id=\udcff", *WINDOW), "is not Unicode text"),
        (("call_count", *GROUP, *WINDOW, "-s", "nowhere"), "unknown source"),
        (("call_count", *GROUP, *WINDOW, "-t", "lucene"), "'lucene' is not one of"),
    ],
)
def test_invalid_arguments_are_reported(run: Run, arguments: tuple[str, ...], message: str) -> None:
    result = run("investigate", *arguments)
    assert result.exit_code == 3
    assert message in result.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[1]", "alert 1: not a JSON object"),
        ("{}", "an alert has a rule, a source and a group"),
        ('{"rule": "call_count", "source": "litellm", "group": {"user.id": 5}}', "is not text"),
        ('{"rule": "call_count", "source": "litellm", "group": {"user.id": "a\\u0000"}}', "NUL"),
        ('{"rule": "call_count", "source": "litellm", "group": {"user.id": "a"}, "window_start": 5}', "no times"),
    ],
)
def test_invalid_alert_file_is_reported(run: Run, tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "alert.json"
    file.write_text(text)
    result = run("investigate", "--alert", file)
    assert result.exit_code == 2
    assert message in result.stderr
    assert str(file) in result.stderr


def test_hostile_value_is_escaped(run: Run) -> None:
    group = ("--group", "user.id=a\x1b[2J\n``` | delete", "--group", "gen_ai.request.model=m")
    text = run("investigate", "call_count", *group, *WINDOW, "-s", "canonical").stdout
    assert "\x1b" not in text
    fences = [line for line in text.splitlines() if line.startswith("```") and not line.strip("`")]
    # ES|QL writes such a value in Base64, so there is no backtick to outdo.
    assert {len(fence) for fence in fences} == {3, 4}
    assert fences[::2] == fences[1::2]


def test_prompt_text_needs_option(run: Run) -> None:
    asked = ("investigate", "call_count", *GROUP, *WINDOW, "-s", "litellm", "-t", "splunk", "--json")
    for flags, there in (((), False), (("--with-text",), True)):
        pivots = json.loads(run(*asked, *flags).stdout)["pivots"]
        assert any("gen_ai.prompt" in pivot["columns"].values() for pivot in pivots) is there


def test_invalid_address_omits_its_pivots(run: Run) -> None:
    result = run(
        "investigate", "one_egress_many_organizations", "--group", "source.ip=*", *WINDOW, "-s", "canonical", "--json"
    )
    left_out = json.loads(result.stdout)["left_out"]
    assert {"source.ip is an address, '*' is none"} <= {item["reason"] for item in left_out}
