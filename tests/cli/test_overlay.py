"""A tenant's overlay: it changes what it names, in every command, and names nothing that is not there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.cli.settings import Settings
from sigmagen.convert.converter import Converter
from sigmagen.durations import HOUR, MINUTE
from sigmagen.overlay import Overlay, load_overlay
from sigmagen.problems import Problem, SigmagenError
from sigmagen.rules.model import Correlation
from sigmagen.targets import registry
from tests.cli.conftest import Run
from tests.packages.splunk.app import APP, FILES, package, read_conf, unpack

CONVERTER = Converter.load(mappings_folder())
CALLS = rules_folder() / "volume" / "call_count.yml"

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(text: str) -> Path:
        path = tmp_path / "overlay.yml"
        path.write_text(text)
        return path

    return written


def settings(path: Path) -> Settings:
    return Settings.of(None, None, overlay=path)


def rule(found: Settings, name: str, paths: tuple[Path, ...] = ()) -> Correlation:
    rules = [subject for file in found.load(paths).files for subject in file.subjects if subject.name == name]
    assert isinstance(rules[0], Correlation)
    return rules[0]


def problems(text: str, write: Write) -> list[Problem]:
    """What is wrong with an overlay, rule names included."""
    found = settings(write(text))
    try:
        found.converter()
        found.load()
    except SigmagenError as error:
        return error.problems
    pytest.fail("nothing is wrong with it")


def test_threshold_and_timespan_change_in_the_rule_and_its_queries(write: Write) -> None:
    found = settings(write("rules: {call_count: {threshold: 800, timespan: 2h}}"))
    changed = rule(found, "call_count")
    assert changed.threshold is not None
    assert (changed.threshold.value, changed.timespan) == (800, 2 * HOUR)
    assert changed.description.endswith("threshold 800 instead of 500, timespan 2 hours instead of 1 hour.)")
    text = found.converter().convert(changed, CONVERTER.sources["litellm"], "splunk").text
    assert "value >= 800" in text
    assert "floor(_time/1200)*1200" in text


def test_unnamed_rule_is_unchanged(write: Write) -> None:
    found = settings(write("rules: {call_count: {threshold: 800}}"))
    loaded = found.load()
    assert [file.path for file in loaded.files] == [file.path for file in FILES]
    for file, before in zip(loaded.files, FILES, strict=True):
        if file.path.stem != "call_count":
            assert [subject.raw for subject in file.subjects] == [subject.raw for subject in before.subjects]
            assert "Tuned" not in str([getattr(subject, "description", "") for subject in file.subjects])


def test_a_rule_is_named_by_its_id_too(write: Write) -> None:
    identifier = "872c55d8-e248-4fce-afa0-df2c950c8648"
    changed = rule(settings(write(f"rules: {{{identifier}: {{threshold: {{value: 7}}}}}}")), "call_count")
    assert changed.threshold is not None
    assert changed.threshold.value == 7


def test_nested_correlation_is_changed(write: Write) -> None:
    outer = next(
        subject
        for file in FILES
        for subject in file.subjects
        if isinstance(subject, Correlation) and any(isinstance(part, Correlation) for part in subject.rules)
    )
    inner = next(part for part in outer.rules if isinstance(part, Correlation))
    changed = rule(settings(write(f"rules: {{{inner.name}: {{threshold: 77}}}}")), outer.name)
    thresholds = {part.name: part.threshold for part in changed.rules if isinstance(part, Correlation)}
    assert thresholds[inner.name].value == 77  # type: ignore[union-attr]
    assert changed.threshold == outer.threshold


def test_rule_can_be_excluded(write: Write, run: Run) -> None:
    path = write("rules: {call_count: {include: false}}")
    names = [subject.name for file in settings(path).load().files for subject in file.subjects]
    assert "call_count" not in names
    assert len(names) == sum(len(file.subjects) for file in FILES) - 1
    result = run("convert", "-t", "splunk", "-s", "canonical", "--json", "--overlay", path)
    assert "call_count" not in {query["rule"] for query in json.loads(result.stdout)["queries"]}


def test_allow_list_replaces_that_of_mappings(write: Write) -> None:
    found = settings(write("allow_lists: {ai_service_principals: [svc-evaluation]}"))
    text = found.converter().convert(rule(found, "call_count"), CONVERTER.sources["litellm"], "splunk").text
    assert 'lower(user_id) != "svc-evaluation"' in text
    assert "svc-batch-summariser" not in text


def test_empty_allow_list_excludes_nobody(write: Write) -> None:
    found = settings(write("allow_lists: {ai_service_principals: []}"))
    text = found.converter().convert(rule(found, "call_count"), CONVERTER.sources["litellm"], "splunk").text
    assert "NOT" not in text


def test_locations_delay_and_interval_reach_query_and_schedule(write: Write) -> None:
    found = settings(
        write(
            "rules: {call_count: {interval: 30m}}\n"
            "sources:\n  litellm:\n"
            "    splunk: {search: 'index=ai OR index=ai2', delay: 20m}\n"
            "    elastic: {index: 'logs-ai-*'}\n"
            "    sentinel: {table: Gateway_CL}\n"
        )
    )
    converter, changed = found.converter(), rule(found, "call_count")
    queries = {siem: converter.convert(changed, converter.sources["litellm"], siem) for siem in ("splunk", "elastic")}
    assert queries["splunk"].text.startswith("(index=ai OR index=ai2)\n")
    assert queries["elastic"].text.startswith("FROM logs-ai-*\n")
    assert converter.convert(changed, converter.sources["litellm"], "sentinel").text.startswith("Gateway_CL\n")
    schedule = queries["splunk"].schedule
    assert schedule is not None
    assert (schedule.interval, schedule.lookback) == (30 * MINUTE, HOUR + 20 * MINUTE + 2 * 30 * MINUTE + 3 * MINUTE)
    assert CONVERTER.sources["litellm"].stored["splunk"].location == 'sourcetype="litellm:proxy:json"'


def test_the_interval_is_never_shorter_than_the_siem_allows(write: Write) -> None:
    found = settings(write("rules: {call_count: {interval: 10s}}"))
    query = found.converter().convert(rule(found, "call_count"), CONVERTER.sources["litellm"], "splunk")
    assert query.schedule is not None
    assert query.schedule.interval == 5 * MINUTE


def test_every_unknown_name_has_line(write: Write) -> None:
    found = problems("sources:\n  litelm:\n    splunk: {search: index=ai}\n  apin:\n    elastic: {delay: 1h}\n", write)
    assert [(problem.code, problem.line) for problem in found] == [("overlay-unknown", 2), ("overlay-unknown", 4)]
    assert "litellm" in str(found[0].hint)
    assert "apim" in str(found[1].hint)
    text = "allow_lists:\n  ai_principals: []\nrules:\n  call_count: {threshold: 9}\n  cal_count: {threshold: 9}\n"
    found = problems(text, write)
    assert [(problem.code, problem.line) for problem in found] == [("overlay-unknown", 2), ("overlay-unknown", 5)]
    assert "ai_service_principals" in str(found[0].hint)
    assert "call_count" in str(found[1].hint)


LISTED = """title: Calls of nobody we know
name: unlisted_call
logsource: {category: ai_inference}
detection: {selection: {user.id: "*"}, known: {"user.id|expand": "%our_services%"}, condition: selection and not known}
"""


def test_a_rule_s_own_allow_list_is_defined_by_the_overlay(write: Write, tmp_path: Path, run: Run) -> None:
    rule_file = tmp_path / "rule.yml"
    rule_file.write_text(LISTED)
    assert "unknown allow list 'our_services' in placeholder" in run("check", rule_file).output
    path = write("allow_lists: {our_services: [svc-one, svc-two]}")
    result = run("convert", rule_file, "-t", "elastic", "-s", "canonical", "--overlay", path)
    assert result.exit_code == 0, result.output
    assert '"svc-one", "svc-two"' in result.stdout
    # Without the rule that asks for it, the list is a misspelt one.
    result = run("convert", "-t", "elastic", "-s", "canonical", "--overlay", path)
    assert result.exit_code == 2
    assert "overlay.yml:1:15: error[overlay-unknown]: unknown allow list 'our_services'" in result.stderr
    # With all rules in a folder, it may go with a few of them.
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "rule.yml").write_text(LISTED)
    result = run("convert", CALLS, "-t", "splunk", "--rules", tmp_path / "rules", "--overlay", path)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rules: {call_count: {treshold: 9}}", "unknown key 'treshold'"),
        ("rules: {call_count: {threshold: many}}", "'threshold' must be a number or a mapping"),
        ("rules: {call_count: {threshold: -1}}", "at least 0"),
        ("rules: {call_count: {threshold: 9.5}}", "whole number"),
        ("rules: {call_count: {timespan: 0h}}", "more than zero"),
        ("rules: {call_count: {timespan: soon}}", "timespan 'soon'"),
        ("rules: {call_count: {interval: hourly}}", "'interval' can't be"),
        ("rules: {call_count: {}}", "too short"),
        ("rules: {answered_call: {threshold: 9}}", "not a correlation"),
        ("rules: {bedrock_probe_logging_check_invoke: {threshold: 9}}", "no threshold"),
        ("allow_lists: {ai_service_principals: [1]}", "must be text"),
        ("sources: {litellm: {elastic: {table: x}}}", "unknown key 'table'"),
        ("sources: {litellm: {qradar: {}}}", "unknown key 'qradar'"),
        ("- a list", "must be a mapping"),
        ("rules: {}\n---\nrules: {}", "single YAML document"),
        ("rules: [", "YAML"),
    ],
)
def test_invalid_values_are_errors(text: str, message: str, write: Write) -> None:
    found = problems(text, write)
    assert any(message.lower() in str(problem).lower() for problem in found), found
    assert all(problem.file and problem.line for problem in found)


@pytest.mark.parametrize(
    ("siem", "text"),
    [
        ("splunk", "index=a | delete"),
        ("splunk", "index=a [search x]"),
        ("splunk", "index=a `evil`"),
        ("splunk", 'index="a'),
        ("splunk", "(index=a"),
        ("splunk", "index=a) OR (index=b"),
        ("splunk", "index=a\nindex=b"),
        ("splunk", "index=a\\"),
        ("elastic", "logs-* | DROP x"),
        ("elastic", "logs-*, secret"),
        ("elastic", "Logs"),
        ("sentinel", "T | take 1"),
        ("sentinel", "T-1"),
        ("sentinel", ""),
        ("sentinel", "X | take 1; Y"),
        ("elastic", "remote:logs-*:x"),
        ("elastic", ":logs-*"),
    ],
)
def test_location_that_changes_query_is_rejected(siem: str, text: str) -> None:
    assert registry.get(siem).find_location_fault(text)


@pytest.mark.parametrize(
    ("siem", "text"),
    [
        ("splunk", 'index=ai sourcetype="litellm:proxy:json"'),
        ("splunk", '(index=a OR index="b c") NOT host="x)"'),
        ("elastic", "logs-litellm.proxy-*,logs-other-default"),
        ("elastic", "eu_West:.ds-logs-*,*:logs-*"),
        ("sentinel", "LiteLLM_CL"),
    ],
)
def test_location_is_used_unchanged(siem: str, text: str) -> None:
    assert registry.get(siem).find_location_fault(text) is None


def test_overlay_may_name_rules_that_are_not_loaded(write: Write) -> None:
    path = write("rules: {call_count: {threshold: 800}, output_token_sum: {threshold: 9}}")
    only = next(file.path for file in FILES if file.path.stem == "call_count")
    assert rule(settings(path), "call_count", (only,)).threshold.value == 800  # type: ignore[union-attr]


@pytest.mark.parametrize("command", ["check", "convert", "test", "verify"])
def test_every_command_accepts_overlay_and_rejects_invalid_one(
    command: str,
    run: Run,
    write: Write,
) -> None:
    path = write("rules: {nobody: {threshold: 1}}")
    result = run(command, "--overlay", path)
    assert result.exit_code == 2
    assert "unknown rule 'nobody'" in result.output


def test_detect_uses_threshold_of_overlay(run: Run, write: Write, attack_log: Path) -> None:
    before = json.loads(run("detect", attack_log, "--json").stdout)
    after = json.loads(
        run(
            "detect", attack_log, "--json", "--overlay", write("rules: {logprobs_with_logit_bias: {threshold: 100000}}")
        ).stdout
    )
    assert {alert["rule"] for alert in before} - {alert["rule"] for alert in after} == {"logprobs_with_logit_bias"}


def overlay(path: Path) -> Overlay:
    return load_overlay(path, CONVERTER)


def test_package_is_tuned_and_records_overlay(write: Write, tmp_path: Path) -> None:
    path = write(
        "rules:\n"
        "  call_count: {threshold: {value: 800, because: two teams, learned: {days: 30}},"
        " enabled: true, interval: 30m}\n"
        "allow_lists: {ai_service_principals: [svc-evaluation, Svc-Batch]}\n"
        "sources: {litellm: {splunk: {search: index=ai}}}\n"
        "packages: {splunk: {enterprise_security: false}}\n"
    )
    files = unpack(package(tmp_path / "out", settings(path).load().files, ["litellm"], overlay(path)))
    saved = read_conf(files["default/savedsearches.conf"])
    stanza = saved["Sigmagen - call_count.litellm - Rule"]
    assert (stanza["disabled"], stanza["dispatch.earliest_time"]) == ("0", "-128m")
    assert "value >= 800" in stanza["search"]
    assert (stanza["action.notable"], stanza["action.risk"]) == ("0", "0")
    assert "NOT lower(user_id) IN (`sigmagen_ai_service_principals`)" in stanza["search"]
    found = read_conf(files["default/macros.conf"])
    assert found["sigmagen_litellm"]["definition"] == "index=ai"
    assert found["sigmagen_ai_service_principals"]["definition"] == '"svc-evaluation", "svc-batch"'
    assert {other["disabled"] for name, other in saved.items() if "disabled" in other and other is not stanza} == {"1"}
    recorded = json.loads(files["overlay.json"])
    assert recorded["rules"]["call_count"]["threshold"] == {
        "value": 800,
        "because": "two teams",
        "learned": {"days": 30},
    }
    assert "two teams" in files["README.md"]


FILTER = """title: Our own load test
id: 3b2a0ff6-8f4e-4b5d-9f5a-0d8f4a1c6f01
logsource: {category: ai_inference}
filter:
  rules: any
  selection: {user.id: svc-load-test}
  condition: not selection
"""


def test_filters_are_joined_to_the_rules_and_recorded(write: Write, tmp_path: Path, run: Run) -> None:
    (tmp_path / "load_test.yml").write_text(FILTER)
    path = write("filters: [load_test.yml]")
    found = settings(path)
    text = found.converter().convert(rule(found, "call_count"), CONVERTER.sources["litellm"], "splunk").text
    assert "svc-load-test" in text
    result = run("package", "splunk", "-s", "litellm", "-o", tmp_path / "out", "--overlay", path)
    assert result.exit_code == 0, result.output
    (archive,) = (tmp_path / "out").glob(f"{APP}-*.tgz")
    assert json.loads(unpack(archive)["overlay.json"])["filters"] == {"load_test.yml": FILTER}


def test_missing_filter_file_is_an_error(write: Write) -> None:
    assert [(problem.code, problem.line) for problem in problems("filters:\n  - a.yml\n", write)] == [
        ("overlay-unknown", 2)
    ]


def test_a_list_of_one_value_is_a_macro_too(write: Write, tmp_path: Path) -> None:
    path = write("allow_lists: {ai_service_principals: [svc-evaluation]}")
    files = unpack(package(tmp_path / "out", settings(path).load().files, ["litellm"], overlay(path)))
    stanza = read_conf(files["default/savedsearches.conf"])["Sigmagen - call_count.litellm - Rule"]
    assert "NOT lower(user_id) IN (`sigmagen_ai_service_principals`)" in stanza["search"]


def test_documented_overlay_is_valid(write: Write) -> None:
    text = (Path(__file__).parents[2] / "docs" / "overlay.md").read_text()
    path = write(text.split("```yaml\n")[1].split("```")[0])
    (path.parent / "filters").mkdir()
    (path.parent / "filters" / "one.yml").write_text(FILTER)
    found = settings(path)
    assert found.converter().sources["litellm"].stored["sentinel"].location == "Gateway_CL"
    assert "same_prompt_resampled" not in {subject.name for file in found.load().files for subject in file.subjects}


def test_every_key_of_the_schema_is_documented() -> None:
    schema = json.loads((mappings_folder() / "schema" / "overlay.schema.json").read_text())
    text = (Path(__file__).parents[2] / "docs" / "overlay.md").read_text()
    keys = [*schema["properties"], *(key for part in schema["$defs"].values() for key in part.get("properties", {}))]
    assert [key for key in keys if f"{key}:" not in text and f"`{key}`" not in text] == []


def test_silent_after_reaches_the_source_and_must_be_longer_than_its_delay(write: Write) -> None:
    found = settings(write("sources: {litellm: {splunk: {silent_after: 4h}}}")).converter()
    stored = found.sources["litellm"].stored
    assert (stored["splunk"].silent_after, stored["elastic"].silent_after) == (4 * HOUR, 24 * HOUR)
    (problem,) = problems("sources:\n  litellm:\n    splunk: {delay: 2h, silent_after: 90m}\n", write)
    assert (problem.code, problem.line) == ("overlay-value", 3)
    assert problem.hint == "write more than the delay, 2h"
