"""`sigmagen detect`: any shape of a log, the same alerts in any order, and nothing private or hostile in the output."""

from __future__ import annotations

import gzip
import json
import random
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import orjson
import pytest

from sigmagen.bundled import rules_folder
from sigmagen.engines.alert import instant
from tests.cli.conftest import Run
from tests.native_logs import NATIVE_SOURCES, attack, example, ndjson, reference_alerts

STEM = "logprobs_with_logit_bias"
RULES = rules_folder() / "output"


def found(run: Run, *arguments: object, **extra: Any) -> list[dict[str, Any]]:
    """Alerts of a few rules that read the same fields; all rules would only take longer."""
    result = run("detect", *arguments, "--rules", RULES, "--json", **extra)
    assert (result.exit_code, result.stderr) == (0, "")
    alerts: list[dict[str, Any]] = json.loads(result.stdout)
    return alerts


@pytest.fixture(scope="module")
def records() -> list[dict[str, Any]]:
    return attack(STEM, "litellm")


@pytest.fixture
def expected(run: Run, attack_log: Path) -> list[dict[str, Any]]:
    """What plain NDJSON gives: the other shapes must give the same."""
    alerts = found(run, attack_log)
    assert {alert["rule"] for alert in alerts} >= {STEM}
    return alerts


SHAPES = {
    "an array in one line": lambda records: orjson.dumps(records),
    "an array over lines": lambda records: orjson.dumps(records, option=orjson.OPT_INDENT_2),
    "an export of Azure": lambda records: orjson.dumps({"records": records}),
    "an export over lines": lambda records: orjson.dumps({"Records": records}, option=orjson.OPT_INDENT_2),
    "several exports, one a line": lambda records: ndjson({"Records": [record]} for record in records),
    "records over lines": lambda records: b"\n".join(
        orjson.dumps(item, option=orjson.OPT_INDENT_2) for item in records
    ),
    "a byte order mark": lambda records: b"\xef\xbb\xbf" + ndjson(records),
    "line ends of Windows": lambda records: ndjson(records).replace(b"\n", b"\r\n"),
    "blank lines": lambda records: b"\n\n" + ndjson(records).replace(b"\n", b"\n \n"),
    "no last line end": lambda records: ndjson(records).rstrip(b"\n"),
    "gzip": lambda records: gzip.compress(ndjson(records)),
    "gzip in two members": lambda records: gzip.compress(ndjson(records[:9])) + gzip.compress(ndjson(records[9:])),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_alerts_are_independent_of_log_format(
    shape: str, run: Run, tmp_path: Path, records: list[dict[str, Any]], expected: list[dict[str, Any]]
) -> None:
    path = tmp_path / "whatever.name"
    path.write_bytes(SHAPES[shape](records))
    assert found(run, path) == expected


@pytest.mark.parametrize("zipped", [False, True])
def test_standard_input_is_a_log(run: Run, attack_log: Path, zipped: bool, expected: list[dict[str, Any]]) -> None:
    content = attack_log.read_bytes()
    assert found(run, "-", input=gzip.compress(content) if zipped else content) == expected


def test_events_in_any_order_and_over_several_files_give_the_same_alerts(
    run: Run, tmp_path: Path, records: list[dict[str, Any]], expected: list[dict[str, Any]]
) -> None:
    shuffled = random.Random(7).sample(records, len(records))
    folder = tmp_path / "logs"
    (folder / "b").mkdir(parents=True)
    (folder / "one.ndjson").write_bytes(ndjson(shuffled[:200]))
    (folder / "b" / "two.log.gz").write_bytes(gzip.compress(ndjson(shuffled[200:400])))
    (folder / "b" / "three.json").write_bytes(orjson.dumps(shuffled[400:]))
    (folder / "notes.txt").write_text("not a log")
    assert found(run, folder) == expected
    # the same files once more are the same logs, not more of them
    assert found(run, folder, folder / "one.ndjson", folder / "b") == expected


def test_cloudtrail_files_as_delivered_are_recognised(run: Run, tmp_path: Path) -> None:
    records = attack("bedrock_probe_logging_check_invoke", "cloudtrail")
    paths = []
    for number in range(0, len(records), 50):
        paths.append(tmp_path / f"111122223333_CloudTrail_us-east-1_{number}.json.gz")
        paths[-1].write_bytes(gzip.compress(orjson.dumps({"Records": records[number : number + 50]})))
    result = run("detect", *paths, "--json")
    assert result.exit_code == 0
    assert {(alert["rule"], alert["source"]) for alert in json.loads(result.stdout)} == {
        ("bedrock_probe_logging_check_invoke", "cloudtrail")
    }


def test_log_next_to_its_gzip_counts_once(run: Run, tmp_path: Path, litellm: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "a.ndjson").write_bytes(litellm.read_bytes())
    (folder / "a.ndjson.gz").write_bytes(gzip.compress(litellm.read_bytes(), mtime=0))
    once, twice = run("detect", litellm), run("detect", folder)
    number = len(litellm.read_bytes().splitlines())
    assert f"records: {number} litellm\n" in once.stderr
    assert f"records: {number} litellm; repeated: {number} records" in twice.stderr


def test_several_sources_at_once_are_each_recognised(run: Run, tmp_path: Path, attack_log: Path) -> None:
    trail = tmp_path / "trail.ndjson"
    trail.write_bytes(ndjson(attack("bedrock_probe_logging_check_invoke", "cloudtrail")))
    both, *alone = (
        json.loads(run("detect", *logs, "--json").stdout) for logs in ((trail, attack_log), (trail,), (attack_log,))
    )
    assert {alert["source"] for alert in both} == {"cloudtrail", "litellm"}
    assert sorted(both, key=json.dumps) == sorted([*alone[0], *alone[1]], key=json.dumps)
    assert [alert["window_start"] for alert in both] == sorted(alert["window_start"] for alert in both)


@pytest.mark.parametrize("source", NATIVE_SOURCES)
def test_each_native_source_is_recognised_by_itself(source: str, run: Run) -> None:
    path = example(source)
    count = len(path.read_bytes().splitlines())
    result = run("detect", path)
    assert (result.exit_code, result.stdout) == (0, "")
    summary, blind = result.stderr.splitlines()
    assert summary == f"no alert; 10 rules, records: {count} {source}"
    # No built-in rule reads account events and stored objects.
    assert blind.startswith(("blind spots: of ", "blind spots: no log for "))


def test_selected_source_overrides_detection(run: Run, litellm: Path) -> None:
    result = run("detect", litellm, "-s", "cloudtrail")
    assert result.exit_code == 2
    assert (
        f"{litellm}:1: warning[log-unlike]: 8 of 8 records don't look like cloudtrail (8 like litellm)" in result.stderr
    )
    assert "log-no-time" in result.stderr


def test_a_chosen_source_reads_what_is_not_recognised(
    run: Run, tmp_path: Path, records: list[dict[str, Any]], expected: list[dict[str, Any]]
) -> None:
    path = tmp_path / "log.ndjson"
    path.write_bytes(ndjson({key: value for key, value in item.items() if key != "call_type"} for item in records))
    assert run("detect", path).exit_code == 2
    result = run("detect", path, "-s", "litellm", "--rules", RULES, "--json")
    assert result.exit_code == 0
    assert "620 of 620 records don't look like litellm" in result.stderr
    assert json.loads(result.stdout) == expected


def test_an_empty_log_is_a_warning(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty.log").touch()
    (tmp_path / "blank.log").write_text("\n \r\n\n")
    result = run("detect", tmp_path / "empty.log", tmp_path / "blank.log")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.count("warning[log-empty]") == 2
    assert json.loads(run("detect", tmp_path / "empty.log", "--json").stdout) == []


@pytest.mark.parametrize(
    ("stem", "source"),
    [
        (STEM, "litellm"),
        (STEM, "apim"),
        ("bedrock_probe_logging_check_invoke", "cloudtrail"),
        ("one_template_many_organizations", "canonical"),
        ("call_count", "bedrock_invocation"),
        ("same_prompt_resampled", "litellm"),
    ],
)
def test_alerts_are_those_of_the_reference_engine(stem: str, source: str, run: Run, tmp_path: Path) -> None:
    """Each row of the hunt lies in exactly one alert, and each alert says what its rows say together."""
    path = tmp_path / "log.ndjson"
    path.write_bytes(ndjson(attack(stem, source)))
    (rules,) = (file.parent for file in rules_folder().rglob(f"{stem}.yml"))
    result = run("detect", path, "--rules", rules, "--json")
    alerts = [alert for alert in json.loads(result.stdout) if alert["rule"] == stem]
    rows = defaultdict(list)
    for row in reference_alerts(stem, source):
        (position,) = [
            number
            for number, alert in enumerate(alerts)
            if alert["group"] == row.group_dict()
            and instant(alert["window_start"]) <= row.window_start
            and row.window_end <= instant(alert["window_end"])
        ]
        rows[position].append(row)
    assert alerts
    assert sorted(rows) == list(range(len(alerts)))
    for position, alert in enumerate(alerts):
        assert instant(alert["window_start"]) == min(row.window_start for row in rows[position])
        assert instant(alert["window_end"]) == max(row.window_end for row in rows[position])
        assert alert["value"] == max(row.value for row in rows[position])


def test_an_alert_has_the_documented_shape(expected: list[dict[str, Any]]) -> None:
    alert = next(alert for alert in expected if alert["rule"] == STEM)
    first, _, last = alert.pop("events")
    assert alert == {
        "rule": STEM,
        "rule_id": "d5997ebe-9c74-4ff5-9339-f7c9264dc394",
        "level": "high",
        "source": "litellm",
        "window_start": "2026-08-11T09:00:00.000Z",
        "window_end": "2026-08-11T10:10:00.000Z",
        "group": {"gen_ai.api_key.id": first["gen_ai.api_key.id"], "gen_ai.request.model": "gpt-4o-mini"},
        "value": 50,
        "condition": "event_count >= 50 within 1h",
        "author": "sigmagen contributors",
        "atlas": ["AML.T0024.002", "AML.T0063"],
        "first_window_end": "2026-08-11T10:00:00.000Z",
        "timespan": 3600,
        "first_seen": first["@timestamp"],
        "last_seen": last["@timestamp"],
        "counts": None,
    }
    assert first["@timestamp"] < last["@timestamp"] < alert["window_end"]


def test_exit_code_with_alerts(run: Run, attack_log: Path, litellm: Path) -> None:
    few = ("--rules", RULES)
    assert run("detect", attack_log, *few).exit_code == 0
    assert run("detect", attack_log, "--fail-on-alert", *few).exit_code == 1
    assert run("detect", litellm, "--fail-on-alert", *few).exit_code == 0
    assert run("detect", attack_log, "absent", "--fail-on-alert", *few).exit_code == 2


def test_table_is_on_standard_output_and_summary_is_not(run: Run, attack_log: Path) -> None:
    result = run("detect", attack_log)
    assert result.stdout.startswith("#  first, last seen (UTC)")
    assert "Possible Logit Extraction via Log Probabilities" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert result.stderr == (
        "\n8 alerts; 10 rules, records: 620 litellm\nblind spots: no log for bedrock_probe_logging_check_invoke\n"
    )


def test_verbose_shows_rules_not_run(run: Run, litellm: Path) -> None:
    result = run("detect", litellm, "-v")
    assert (
        "not run: bedrock_probe_logging_check_invoke: no log of product=aws, service=cloudtrail is here"
        in result.stderr
    )
    assert "not run" not in run("detect", litellm).stderr


def test_unreadable_prompts_are_blind_spots(run: Run, tmp_path: Path, records: list[dict[str, Any]]) -> None:
    """Prompts that the gateway redacts, and calls that nobody is named for, alert nowhere."""
    path = tmp_path / "redacted.ndjson"
    redacted = [{"role": "user", "content": "redacted-by-litellm"}]
    quiet = [{**item, "messages": redacted, "model_parameters": {}} for item in records[:600]]
    quiet[:7] = [{**item, "metadata": {}} for item in quiet[:7]]
    quiet[7] = {**quiet[7], "prompt_tokens": None, "completion_tokens": None}
    # A call that failed has no tokens, and nobody expects them.
    failed = {"status": "failure", "error_information": {"error_code": "429"}, "prompt_tokens": None}
    quiet[8] = {**quiet[8], **failed, "completion_tokens": None}
    path.write_bytes(ndjson(quiet))
    few = ("--rules", rules_folder() / "pattern")
    message = "blind spots: of 600 litellm records, 600 have no readable prompt, 7 no user, 7 no API key\n"
    for flags in ((), ("--json",)):
        assert run("detect", path, *flags, *few, "--report", tmp_path / "report.json").stderr.endswith(message)
    lacks = "600 have no readable prompt, 7 no user, 7 no organization, 7 no API key, 1 no token count"
    assert f"of 600 litellm records, {lacks};" in run("detect", path).stderr.splitlines()[-1]
    (prompts, users, _) = json.loads((tmp_path / "report.json").read_bytes())["blind_spots"]
    found = tuple(prompts[key] for key in ("kind", "missing", "count", "total"))
    assert found == ("unreadable", "readable prompt", 600, 600)
    assert prompts["rules"] == ["one_template_many_fillings", "same_prompt_resampled"]
    assert users["count"] == 7


def test_unneeded_field_is_not_a_blind_spot(run: Run, tmp_path: Path, records: list[dict[str, Any]]) -> None:
    path = tmp_path / "log.ndjson"
    path.write_bytes(ndjson({**item, "messages": None} for item in records[:20]))
    rule = tmp_path / "rules" / "rule.yml"
    rule.parent.mkdir()
    head = "title: t\nlogsource: {category: ai_inference}\ndetection: "
    needs = {
        "{s: {event.outcome: failure}, condition: s}": "",
        # A record without a prompt passes a condition on what is not there.
        "{s: {event.outcome: failure}, f: {gen_ai.prompt.length: 5}, condition: s and not f}": "",
        "{s: {gen_ai.prompt.length: 5}, condition: s}": "of 20 litellm records, 20 have no readable prompt\n",
    }
    for detection, blind in needs.items():
        rule.write_text(head + detection)
        result = run("detect", path, "--rules", rule.parent)
        assert result.stderr == f"no alert; 1 rule, records: 20 litellm\n{blind and 'blind spots: '}{blind}"


def test_rules_that_could_not_look_are_named_or_counted(run: Run, tmp_path: Path) -> None:
    log = example("cloudtrail")
    (tmp_path / "broken.yml").write_text("title: [\n")
    (tmp_path / "rule.yml").write_text(
        "title: t\nname: templates\nlogsource: {category: ai_inference}\n"
        "detection: {s: {gen_ai.prompt.template.hash: a}, condition: s}\n"
    )
    result = run("detect", log, "--rules", tmp_path)
    assert result.stderr.splitlines()[-1] == (
        "blind spots: templates not run on cloudtrail (source cloudtrail has no gen_ai.prompt); 1 broken rule not run"
    )
    assert "8 rules not run on cloudtrail (-v says why)" in run("detect", log).stderr.splitlines()[-1]


def test_report_is_written_completely(run: Run, tmp_path: Path, attack_log: Path) -> None:
    result = run("detect", attack_log, "--rules", RULES, "--report", tmp_path / "absent" / "report.json")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "error[output-unwritable]" in result.stderr
    result = run("detect", attack_log, "--rules", RULES, "--report", tmp_path / "report.json", "--json")
    assert json.loads((tmp_path / "report.json").read_text())["alerts"] == json.loads(result.stdout)


GENERIC_RULE = """title: exact
name: exact
logsource: {product: windows, category: process_creation}
detection:
  selection: {Image|endswith: '\\certutil.exe'}
  condition: selection
---
title: often
name: often
correlation: {type: event_count, rules: [exact], group-by: [User], timespan: 1h, condition: {gte: 2}, generate: true}
level: high
"""


def test_generic_runs_rules_of_any_log_source_over_events_of_any_kind(run: Run, tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "rule.yml").write_text(GENERIC_RULE)
    log = tmp_path / "events.ndjson"
    events = [
        {"Image": "c:\\certutil.exe", "User": "carl", "UtcTime": "2026-03-01 10:00:00.500"},
        {"Image": "c:\\cmd.exe", "User": "carl", "@timestamp": "2026-03-01T10:01:00Z"},
        {"Image": "c:\\certutil.exe", "User": "carl", "timestamp": "2026-03-01T10:02:00+00:00"},
        {"Image": "c:\\certutil.exe", "User": "bob"},
    ]
    log.write_bytes(ndjson(events))
    result = run("detect", log, "-s", "generic", "--rules", tmp_path / "rules", "--json")
    assert result.exit_code == 0
    alerts = {alert["rule"]: alert for alert in json.loads(result.stdout)}
    assert alerts["exact"]["value"] == 3
    assert (alerts["often"]["value"], alerts["often"]["group"]) == (2, {"User": "carl"})
    assert alerts["often"]["first_seen"] == "2026-03-01T10:00:00.500Z"
    assert f"{log}:4: warning[log-no-time]: a generic record has no time that can be read" in result.stderr
    # A rule on single events needs no time at all.
    log.write_bytes(ndjson({key: value for key, value in event.items() if "ime" not in key} for event in events))
    alerts = json.loads(run("detect", log, "-s", "generic", "--rules", tmp_path / "rules", "--json").stdout)
    assert [(alert["rule"], alert["value"], alert["window_start"]) for alert in alerts] == [("exact", 3, None)]
    assert (
        "1 alert; 2 rules, records: 4 generic"
        in run("detect", log, "-s", "generic", "--rules", tmp_path / "rules").stderr
    )


def test_a_generic_correlation_may_name_several_log_sources(run: Run, tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.mkdir()
    parts = [
        f"title: {name}\nname: {name}\nlogsource: {{product: {product}, category: process_creation}}\n"
        f"detection: {{s: {{name: {name}}}, condition: s}}\n---\n"
        for name, product in (("a", "windows"), ("b", "linux"))
    ]
    both = "title: both\nname: both\ncorrelation: {type: temporal, rules: [a, b], group-by: [host], timespan: 1h}\n"
    (rules / "rule.yml").write_text("".join(parts) + both)
    log = tmp_path / "events.ndjson"
    times = ("2026-03-01T10:00:00Z", "2026-03-01T10:00:10Z", "2026-03-01T10:00:20Z")
    log.write_bytes(ndjson({"name": name, "host": "h", "time": time} for name, time in zip("aab", times, strict=True)))
    (alert,) = json.loads(run("detect", log, "-s", "generic", "--rules", rules, "--json").stdout)
    assert alert["counts"] == {"a": 2, "b": 1}


@pytest.mark.parametrize("command", ["detect", "normalize"])
def test_an_unknown_source_lists_only_what_the_command_takes(command: str, run: Run, litellm: Path) -> None:
    result = run(command, litellm, "-s", "absent")
    assert result.exit_code == 3
    listed = re.findall(r"available: (.*)", result.stderr)[0].split(", ")
    for name in listed:
        assert run(command, litellm, "-s", name).exit_code in (0, 2), name
    assert ("generic" in listed) is (command == "detect")


PROMPT_RULE = """\
title: A word in a prompt
name: word
logsource: {category: ai_inference}
detection: {selection: {gen_ai.prompt|contains: zanzibar}, condition: selection}
---
title: Many of them
name: many
correlation:
  type: event_count
  rules: [word]
  group-by: [user.id]
  timespan: 1h
  condition: {gte: 1}
"""


@pytest.mark.parametrize("flags", [(), ("--json",), ("-v",)])
def test_prompts_are_in_no_output(
    flags: tuple[str, ...], run: Run, tmp_path: Path, records: list[dict[str, Any]]
) -> None:
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "rule.yml").write_text(PROMPT_RULE)
    secret = "the treasure of Zanzibar, 4711"
    path = tmp_path / "log.ndjson"
    path.write_bytes(ndjson({**item, "messages": [{"role": "user", "content": secret}]} for item in records[:20]))
    result = run("detect", path, "--rules", rules, *flags)
    assert "Many" in result.stdout or '"many"' in result.stdout
    assert "treasure" not in result.output


def test_rule_that_groups_by_prompt_text_is_not_run(run: Run, tmp_path: Path, records: list[dict[str, Any]]) -> None:
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "rule.yml").write_text(PROMPT_RULE.replace("[user.id]", "[gen_ai.prompt]"))
    path = tmp_path / "log.ndjson"
    path.write_bytes(ndjson({**item, "messages": [{"role": "user", "content": "zanzibar"}]} for item in records[:5]))
    result = run("detect", path, "--rules", rules, "-v")
    assert result.exit_code == 0
    assert "not run: many on litellm: groups by gen_ai.prompt, and prompt text is never in an alert" in result.stderr


HOSTILE = "\x1b[2J\x1b]0;owned\x07[bold red]\r\n\u202eevil\u2028\x9b31m' OR 1=1 --\"; DROP TABLE x"


def test_hostile_values_are_sanitized_in_table_only(run: Run, tmp_path: Path, records: list[dict[str, Any]]) -> None:
    path = tmp_path / "log.ndjson"
    path.write_bytes(
        ndjson({**item, "model": HOSTILE, "metadata": {"user_api_key_hash": HOSTILE}} for item in records[:60])
    )
    result = run("detect", path)
    assert result.exit_code == 0
    controls = {character for character in result.output if ord(character) < 32 or 0x7F <= ord(character) < 0xA0}
    assert controls == {"\n"}
    assert not {"\u202e", "\u2028"} & set(result.output)
    assert "[bold" in result.stdout
    alerts = found(run, path)
    assert {alert["group"]["gen_ai.api_key.id"] for alert in alerts} == {HOSTILE}
    assert all(len(alert["events"]) == 3 for alert in alerts)


def test_long_values_are_shortened(run: Run, tmp_path: Path, records: list[dict[str, Any]]) -> None:
    path = tmp_path / "log.ndjson"
    path.write_bytes(ndjson({**item, "metadata": {"user_api_key_hash": "x" * 100_000}} for item in records[:60]))
    assert len(run("detect", path).stdout) < 10_000


def test_large_log_leaves_no_temporary_files(
    run: Run, attack_log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expected: list[dict[str, Any]]
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("sigmagen.cli.engine.LARGE", 0)
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    assert found(run, attack_log) == expected
    assert not list(temporary.iterdir())


def test_a_log_beside_its_gzip_gives_the_same_alerts(
    run: Run, tmp_path: Path, attack_log: Path, expected: list[dict[str, Any]]
) -> None:
    folder = tmp_path / "twice"
    folder.mkdir()
    (folder / "a.ndjson").write_bytes(attack_log.read_bytes())
    (folder / "a.ndjson.gz").write_bytes(gzip.compress(attack_log.read_bytes()))
    result = run("detect", folder, "--json")
    assert json.loads(result.stdout) == expected
    once, twice = run("normalize", attack_log).stdout, run("normalize", folder).stdout
    assert sorted(once.splitlines()) == sorted(twice.splitlines())
