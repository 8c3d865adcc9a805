"""`sigmagen convert`: every query that there is, as the converter writes it, and a reason for every other."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from sigmagen.bundled import rules_folder
from sigmagen.targets import registry
from tests.cli.conftest import Run
from tests.native_logs import converter

RULE = rules_folder() / "volume" / "call_count.yml"
TOKENS = rules_folder() / "volume" / "output_token_sum.yml"
TWO_RULES = """\
title: Anything asked
name: {first}
logsource: {{category: ai_inference}}
detection: {{selection: {{gen_ai.request.model: '*'}}, condition: selection}}
---
title: Anything asked of a mini model
name: {second}
logsource: {{category: ai_inference}}
detection: {{selection: {{gen_ai.request.model|endswith: mini}}, condition: selection}}
"""
COMMENT = {"SPL": "``` ", "ES|QL": "// ", "KQL": "// "}


def text_of(rule: Path, source: str, target: str, mode: str = "alert") -> str:
    from sigmagen.bundled import mappings_folder
    from sigmagen.rules.load import load_rules

    (file,) = load_rules([rule], rules_folder=rules_folder(), mappings_folder=mappings_folder()).files
    return converter().convert(file.subjects[0], converter().sources[source], target, mode).text  # type: ignore[arg-type]


def comment_of(target: str) -> str:
    """How a comment begins; all that are not listed are SQL."""
    return COMMENT.get(registry.get(target).language, "-- ")


def body(output: str, target: str) -> str:
    """The query without the comment over it."""
    lines = output.splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(comment_of(target)))


@pytest.mark.parametrize("mode", ["alert", "hunt"])
@pytest.mark.parametrize("target", [name for name, target in registry.targets().items() if not target.siem])
def test_query_is_printed_below_comment(target: str, mode: str, run: Run) -> None:
    result = run("convert", RULE, "-t", target, "-s", "canonical", "--mode", mode)
    assert (result.exit_code, result.stderr) == (0, "")
    assert body(result.stdout, target) == text_of(RULE, "canonical", target, mode) + "\n"
    mark = comment_of(target)
    first, second = result.stdout.splitlines()[:2]
    assert first.startswith(f"{mark}High Volume of Model Calls by One Principal")
    assert second.startswith(f"{mark}id: 872c55d8-e248-4fce-afa0-df2c950c8648")
    assert f"{registry.get(target).language}, {mode}" in result.stdout
    assert ("schedule: every 10m, look back" in result.stdout) == (mode == "alert")


def test_without_a_target_there_is_a_query_for_each_siem(run: Run) -> None:
    result = run("convert", RULE, "-s", "canonical")
    languages = re.findall(r"(?m)^(?:``` |// )(\S+), alert", result.stdout)
    assert languages == ["SPL", "ES|QL", "KQL"]


def test_targets_and_sources_may_be_repeated_and_keep_their_order(run: Run) -> None:
    targets = ("-t", "sentinel", "-t", "splunk", "-t", "sentinel")
    result = run("convert", RULE, *targets, "-s", "canonical", "-s", "apim", "--json")
    queries = json.loads(result.stdout)["queries"]
    assert [(query["target"], query["source"]) for query in queries] == [
        ("sentinel", "apim"),
        ("sentinel", "canonical"),
        ("splunk", "apim"),
        ("splunk", "canonical"),
    ]


def test_convertible_rules_are_converted_and_others_have_reason(run: Run) -> None:
    result = run("convert", TOKENS, RULE, "-t", "duckdb")
    assert result.exit_code == 0
    titles = re.findall(r"(?m)^-- source: (\S+)", result.stdout)
    assert {"apim", "bedrock_invocation", "canonical", "litellm"} < set(titles)
    assert titles.count("litellm") == 2
    assert titles.count("cloudtrail") == 1  # it has no tokens
    *lines, heading, row, reason = [line for line in result.stderr.splitlines() if not line.startswith(" ")]
    assert heading.split() == ["target", "rules", "converted", "queries", "warned", "refused"]
    assert row.split() == ["duckdb", "2", "2", str(len(titles)), "0", "0"]
    assert reason == "duckdb info x 2: field-unavailable"
    place = rf"{re.escape(str(TOKENS))}:\d+: info\[field-unavailable\]: .* source cloudtrail has"
    assert any(re.match(place, line) for line in lines)


def test_unsuitable_selected_source_is_an_error(run: Run) -> None:
    result = run("convert", TOKENS, "-t", "duckdb", "-s", "cloudtrail", "-s", "litellm")
    assert result.exit_code == 1
    assert "-- source: litellm" in result.stdout
    assert "error[field-unavailable]" in result.stderr


def test_a_chosen_source_of_another_kind_is_an_error(run: Run) -> None:
    rule = rules_folder() / "access" / "bedrock_probe_logging_check_invoke.yml"
    result = run("convert", rule, "-t", "splunk", "-s", "litellm")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "error[logsource-unfed]" in result.stderr
    assert "source litellm does not feed" in result.stderr


def test_strict_turns_warnings_into_errors(run: Run) -> None:
    lax = run("convert", RULE, "-t", "sentinel")
    assert lax.exit_code == 0
    assert "warning[mapping-experimental]" in lax.stderr
    assert "// source: litellm" in lax.stdout

    strict = run("convert", RULE, "-t", "sentinel", "--strict")
    assert strict.exit_code == 1
    assert "error[mapping-experimental]" in strict.stderr
    assert "warning[" not in strict.stderr
    assert "// source: litellm" not in strict.stdout
    assert "// source: canonical" in strict.stdout


def test_a_broken_rule_file_does_not_stop_the_others(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text("title: [\n")
    (tmp_path / "b.yml").write_text(RULE.read_text())
    result = run("convert", tmp_path, "-t", "splunk", "-s", "canonical")
    assert result.exit_code == 2
    assert "``` High Volume of Model Calls" in result.stdout
    assert "a.yml:2:1: error[yaml-syntax]" in result.stderr


def test_output_files_mirror_rules_folder(run: Run, tmp_path: Path) -> None:
    output = tmp_path / "queries"
    result = run("convert", "-o", output)
    assert (result.exit_code, result.stdout) == (0, "")
    listed = json.loads(run("convert", "--json").stdout)["queries"]
    stages = {file.stem: file.parent.name for file in rules_folder().rglob("*.yml") if ".test." not in file.name}
    expected = {
        output
        / query["target"]
        / stages[query["rule"]]
        / f"{query['rule']}.{query['source']}.{registry.get(query['target']).suffix}"
        for query in listed
    }
    assert {file for file in output.rglob("*") if file.is_file()} == expected
    assert f"{len(listed)} queries written to {output}" in result.stderr
    file = output / "elastic" / "volume" / "call_count.canonical.esql"
    assert file.read_text() == run("convert", RULE, "-t", "elastic", "-s", "canonical").stdout


def test_existing_output_files_are_updated(run: Run, tmp_path: Path) -> None:
    old = tmp_path / "splunk" / "volume" / "call_count.canonical.spl"
    old.parent.mkdir(parents=True)
    old.write_text("old")
    other = tmp_path / "notes.txt"
    other.write_text("mine")
    assert run("convert", RULE, "-s", "canonical", "-t", "splunk", "-o", tmp_path).exit_code == 0
    assert old.read_text() != "old"
    assert other.read_text() == "mine"


def test_folder_structure_is_kept(run: Run, tmp_path: Path) -> None:
    rule = tmp_path / "mine" / "deep" / "down" / "rule.yml"
    rule.parent.mkdir(parents=True)
    rule.write_text(RULE.read_text())
    arguments = ("-s", "canonical", "-t", "splunk", "-o")
    run("convert", tmp_path / "mine", *arguments, tmp_path / "a")
    run("convert", rule, *arguments, tmp_path / "b")
    assert (tmp_path / "a" / "splunk" / "deep" / "down" / "rule.canonical.spl").is_file()
    assert (tmp_path / "b" / "splunk" / "rule.canonical.spl").is_file()


@pytest.mark.parametrize("given", [(".",), ("a", "b"), ("a/rule.yml", "b/rule.yml"), ("a", "b/rule.yml")])
def test_files_with_same_name_get_own_folders(given: tuple[str, ...], run: Run, tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    for folder in ("a", "b"):
        (rules / folder).mkdir(parents=True)
        (rules / folder / "rule.yml").write_text(RULE.read_text().replace("call_count", f"calls_{folder}"))
    arguments = (*(rules / name for name in given), "-s", "canonical", "-t", "splunk")
    printed = run("convert", *arguments)
    assert (printed.exit_code, printed.stdout.count("source: canonical")) == (0, 2)
    assert run("convert", *arguments, "-o", tmp_path / "out").exit_code == 0
    written = [file.relative_to(tmp_path / "out").as_posix() for file in (tmp_path / "out").rglob("*.spl")]
    assert sorted(written) == ["splunk/a/rule.canonical.spl", "splunk/b/rule.canonical.spl"]


def test_broken_rules_are_counted_as_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "good.yml").write_text(RULE.read_text())
    (tmp_path / "syntax.yml").write_text("title: [\n")
    (tmp_path / "list.yml").write_text(
        "title: t\nlogsource: {category: ai_inference}\n"
        "detection: {s: {'user.id|expand': '%nobody%'}, condition: s}\n---\ntitle: u\n"
    )
    (tmp_path / "pair.yml").write_text(RULE.read_text().replace("timespan: 1h", "timespan: soon"))
    (tmp_path / "filter.yml").write_text("title: f\nfilter: {}\n")
    result = run("convert", tmp_path, tmp_path / "absent.yml", "-t", "splunk", "-s", "canonical", "--json")
    assert result.exit_code == 2
    (summary,) = json.loads(result.stdout)["summary"]
    counts = {key: summary[key] for key in ("rules", "converted", "refused")}
    assert counts == {"rules": 5, "converted": 1, "refused": 4}
    reasons = {item["code"]: item["count"] for item in summary["reasons"] if item["severity"] == "error"}
    assert {"yaml-syntax": 1, "unknown-placeholder": 1, "wrong-value": 1}.items() <= reasons.items()
    assert re.search(r"(?m)^splunk +5 +1 +1 +0 +4$", result.stderr)


def test_no_file_is_written_if_one_is_blocked(run: Run, tmp_path: Path) -> None:
    # "elastic" would be written first, and "splunk" can't be.
    (tmp_path / "splunk").write_text("a file of this name")
    result = run("convert", RULE, "-s", "canonical", "-o", tmp_path)
    assert result.exit_code == 3
    assert f"{tmp_path / 'splunk'}: error[output-unwritable]" in result.stderr
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [tmp_path / "splunk"]


@pytest.mark.parametrize(
    "name", ["../../escaped", "/tmp/escaped", "..", "a/b", "x" * 300, "C:\\con", "line\nbreak", "bell\a"]
)
def test_rule_name_can_not_leave_folder(name: str, run: Run, tmp_path: Path) -> None:
    rule = tmp_path / "in" / "rule.yml"
    rule.parent.mkdir()
    rule.write_text(TWO_RULES.format(first=json.dumps(name), second="second"))
    output = tmp_path / "out" / "deep" / "down"
    result = run("convert", rule, "-s", "canonical", "-t", "splunk", "-o", output)
    assert result.exit_code == 0
    written = [file for file in tmp_path.rglob("*") if file.is_file() and file != rule]
    assert {file.parent for file in written} == {output / "splunk"}
    assert len(written) == 2
    assert all(len(file.name) < 100 and file.name.startswith("rule.") for file in written)


def test_similar_rule_names_in_one_file_conflict(run: Run, tmp_path: Path) -> None:
    rule = tmp_path / "rule.yml"
    rule.write_text(TWO_RULES.format(first="a/b", second="a_b"))
    result = run("convert", rule, "-s", "canonical", "-t", "splunk", "-o", tmp_path / "out")
    assert result.exit_code == 3
    assert "error[output-clash]" in result.stderr


def test_json_is_a_document_of_queries_and_problems(run: Run, tmp_path: Path) -> None:
    result = run("convert", RULE, "-t", "elastic", "-s", "litellm", "--json")
    document = json.loads(result.stdout)
    assert list(document) == ["queries", "problems", "summary"]
    (query,) = document["queries"]
    assert query["query"] == text_of(RULE, "litellm", "elastic")
    del query["query"]
    assert query == {
        "rule": "call_count",
        "rule_id": "872c55d8-e248-4fce-afa0-df2c950c8648",
        "title": "High Volume of Model Calls by One Principal",
        "source": "litellm",
        "target": "elastic",
        "language": "ES|QL",
        "mode": "alert",
        "schedule": {"interval": 600, "lookback": 5160, "suppression": 5160, "ingest_delay": 300},
        "columns": {"user.id": "user.id", "gen_ai.request.model": "gen_ai.request.model"},
    }


def test_json_names_the_file_of_each_query_that_was_written(run: Run, tmp_path: Path) -> None:
    result = run("convert", RULE, "-t", "splunk", "-o", tmp_path / "out", "--json")
    document = json.loads(result.stdout)
    assert {"litellm", "cloudtrail"} < {query["source"] for query in document["queries"]}
    for query in document["queries"]:
        assert body(Path(query["file"]).read_text(), "splunk") == query["query"] + "\n"


def test_json_holds_the_problems_too(run: Run, tmp_path: Path) -> None:
    result = run("convert", TOKENS, "-t", "splunk", "--json")
    problems = json.loads(result.stdout)["problems"]
    (problem,) = [problem for problem in problems if "source cloudtrail " in problem["message"]]
    assert (problem["code"], problem["severity"], problem["file"]) == ("field-unavailable", "info", str(TOKENS))
    assert problem["line"] > 1


def test_explain_prints_plans_instead_of_queries(run: Run) -> None:
    result = run("convert", RULE, "-t", "splunk", "-s", "canonical", "--mode", "hunt", "--explain")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[:5] == [
        "hunt of canonical in splunk: one row for each window and group",
        "  call_count: windows of 1h every 10m by user.id, gen_ai.request.model",
        "    where events >= 500",
        "    over events of canonical that match answered_call",
        "steps",
    ]


@pytest.mark.parametrize("other", [["--json"], ["-o", "queries"]])
def test_explain_has_no_other_form_of_output(other: list[str], run: Run) -> None:
    result = run("convert", RULE, "--explain", *other)
    assert result.exit_code == 3
    assert "leave out --output and --json" in result.stderr


def test_target_has_name_of_its_language_too(run: Run) -> None:
    for name, target in (("kql", "sentinel"), ("SPL", "splunk"), ("esql", "elastic")):
        assert run("convert", RULE, "-s", "canonical", "-t", name).stdout == (
            run("convert", RULE, "-s", "canonical", "-t", target).stdout
        )


def test_pipeline_applies_to_each_target_it_is_meant_for(run: Run, tmp_path: Path) -> None:
    rule, pipeline = tmp_path / "rule.yml", tmp_path / "pipeline.yml"
    rule.write_text(TWO_RULES.format(first="a", second="b"))
    pipeline.write_text(
        "name: Own\nallowed_backends: [splunk, kusto]\ntransformations:\n"
        "  - {id: f, type: field_name_mapping, mapping: {gen_ai.request.model: model}}\n"
    )
    result = run("convert", rule, "-p", pipeline, "--json", "--location", "sentinel=Calls_CL")
    found = json.loads(result.stdout)
    assert {query["target"] for query in found["queries"]} == {"splunk", "sentinel"}
    assert all("gen_ai" not in query["query"] for query in found["queries"])
    assert result.exit_code == 0
    refused = run("convert", rule, "-p", pipeline, "-t", "elastic")
    assert (refused.exit_code, refused.stderr.splitlines()[0]) == (
        3,
        "error[pipeline-target]: no pipeline applies to elastic",
    )
