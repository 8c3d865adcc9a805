"""What users get wrong: each has a message with file and line, the documented exit code, and leaves nothing behind."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.native_logs import example

RULE = """\
title: Many calls by one principal
name: many_calls
correlation:
  type: event_count
  rules: [call]
  group-by: [user.id]
  timespan: 1h
  condition: {gte: 5}
---
title: A call
name: call
logsource: {category: ai_inference}
detection:
  selection: {gen_ai.request.model: '*'}
  condition: selection
"""

# What is wrong, the rule file, the line of it and what the message says.
RULES = {
    "a syntax error": (RULE.replace("rules: [call]", "rules: [call"), 6, "yaml-syntax"),
    "a duplicate key": (RULE.replace("  timespan: 1h", "  type: event_count"), 7, "duplicate-key"),
    "an unknown reference": (RULE.replace("rules: [call]", "rules: [cal]"), 5, "unknown-rule"),
    "a wrong type": (RULE.replace("timespan: 1h", "timespan: soon"), 7, "wrong-value"),
    "no YAML at all": ("\0\1\2", 1, "not-text"),
}


@pytest.mark.parametrize("command", ["check", "convert", "detect"])
@pytest.mark.parametrize("fault", RULES)
def test_unreadable_rule_has_location_and_exit_code_2(
    command: str, fault: str, run: Run, tmp_path: Path, litellm: Path
) -> None:
    text, line, code = RULES[fault]
    path = tmp_path / "rules" / "broken.yml"
    path.parent.mkdir()
    path.write_text(text)
    result = run("detect", litellm, "--rules", path.parent) if command == "detect" else run(command, path)
    assert result.exit_code == 2
    # check's findings are its result; elsewhere they are no part of it
    said = result.stdout if command == "check" else result.stderr
    assert f"{path}:{line}" in said
    assert f"error[{code}]" in said


def test_check_reports_unknown_field_with_suggestion(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "rule.yml"
    path.write_text(RULE.replace("gen_ai.request.model", "gen_ai.request.modle"))
    result = run("check", path)
    assert result.exit_code == 1
    assert f"{path}:14:15: error[unknown-field]" in result.stdout
    assert "nearest: gen_ai.request.model" in result.stdout


def test_rule_with_unknown_field_is_not_converted(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "rule.yml"
    path.write_text(RULE.replace("gen_ai.request.model", "gen_ai.request.modle"))
    result = run("convert", path, "-t", "elastic")
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"{path}:1: error[unknown-field]" in result.stderr


def test_field_missing_in_selected_source_has_hint(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "rule.yml"
    path.write_text(RULE.replace("user.id", "gen_ai.usage.output_tokens"))
    result = run("convert", path, "-t", "splunk", "-s", "cloudtrail")
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"{path}:1: error[field-unavailable]" in result.stderr
    assert "cloudtrail in splunk has no gen_ai.usage.output_tokens" in result.stderr
    assert "choose another source with -s" in result.stderr


@pytest.mark.parametrize("command", ["check", "convert"])
@pytest.mark.parametrize(("name", "said"), [("absent.yml", "file not found"), ("gone.yml", "file not found")])
def test_missing_rule_path_is_reported(command: str, name: str, said: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "gone.yml").symlink_to(tmp_path / "nowhere")
    result = run(command, tmp_path / name)
    assert result.exit_code == 2
    assert f"{tmp_path / name}: error[file-missing]: {said}" in result.output


@pytest.mark.parametrize("command", ["check", "convert"])
def test_folder_without_rules_is_reported(command: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = run(command, tmp_path / "empty")
    assert result.exit_code == 2
    assert f"{tmp_path / 'empty'}: error[no-rules]" in result.output


GOOD = (example("litellm")).read_bytes()

# What is wrong, the log's name and bytes, the place that is named, the message, and how many good records are left.
LOGS = {
    "a line that is no JSON": ("log.ndjson", GOOD + b"2026 something happened\n", ":9:", "log-not-json", 8),
    "a first line that looks like a document": ("log.ndjson", b'{"id": "cut off",\n' + GOOD, ":1:", "log-not-json", 8),
    "a number": ("log.ndjson", GOOD + b"42\n", ":9:", "log-not-object", 8),
    "a cut line": ("log.ndjson", GOOD[:-40], ":8:", "log-not-json", 7),
    "a cut array": ("log.json", b"[" + b",\n".join(GOOD.splitlines()), ":8:", "log-not-json", 8),
    "a cut gzip": ("log.json.gz", gzip.compress(GOOD)[:-200], ":", "log-truncated", None),
    "a damaged gzip": ("log.json.gz", gzip.compress(GOOD)[:40] + b"\0" * 400, ":1:", "log-corrupt", 0),
    "UTF-16": ("log.json", GOOD.decode().encode("utf-16"), ":1:", "log-not-utf8", 0),
    "UTF-16 without a mark": ("log.json", GOOD.decode().encode("utf-16-le"), ":1:", "log-not-utf8", 0),
    "Latin-1": ("log.json", GOOD + '{"user": "Jos\u00e9"}\n'.encode("latin-1"), ":9:", "log-not-utf8", 8),
    "of no known source": ("log.json", b'{"some": "thing"}\n', ":1:", "log-unrecognised", 0),
    "a record without time": (
        "log.json",
        GOOD + GOOD.splitlines()[0].replace(b"1786440000.125", b'"soon"') + b"\n",
        ":9:",
        "log-no-time",
        8,
    ),
    "brackets without end": ("log.json", GOOD + b"[" * 200_000 + b"\n", ":9:", "log-not-json", 8),
}


@pytest.mark.parametrize("fault", LOGS)
def test_detect_reports_unreadable_records_and_reads_others(fault: str, run: Run, tmp_path: Path) -> None:
    name, content, line, code, good = LOGS[fault]
    path = tmp_path / name
    path.write_bytes(content)
    result = run("detect", path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{path}{line}" in result.stderr
    assert f"error[{code}]" in result.stderr
    if good is not None:
        found = f"{good + (fault == 'a record without time')} litellm" if good else "no known source"
        assert f"records: {found}" in result.stderr


@pytest.mark.parametrize("fault", LOGS)
def test_normalize_rejects_unreadable_records_and_writes_others(fault: str, run: Run, tmp_path: Path) -> None:
    name, content, line, code, good = LOGS[fault]
    path = tmp_path / name
    path.write_bytes(content)
    output = tmp_path / "events.ndjson"
    output.write_text("what was there before\n")
    result = run("normalize", path, "-o", output)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{path}{line}" in result.stderr
    assert f"error[{code}]" in result.stderr
    if good:
        assert len(output.read_bytes().splitlines()) == good
    elif good == 0:
        assert output.read_text() == "what was there before\n"
        assert f"{output} was not written" in result.stderr
    rejects = output.with_name("events.ndjson.rejects.ndjson")
    assert rejects.read_bytes().count(b"\n") == 1
    assert str(rejects) in result.stderr
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(["cwd", name, output.name, rejects.name])


@pytest.mark.parametrize("command", ["detect", "normalize"])
@pytest.mark.parametrize(
    ("name", "said"), [("absent", "No such file"), ("gone", "No such file"), ("file/below", "Not a directory")]
)
def test_missing_log_path_is_reported(command: str, name: str, said: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    result = run(command, tmp_path / name)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{tmp_path / name}: error[log-unreadable]: can't read the log: {said}" in result.stderr


@pytest.mark.parametrize("command", ["detect", "normalize"])
def test_missing_log_does_not_stop_others(command: str, run: Run, tmp_path: Path, litellm: Path) -> None:
    result = run(command, tmp_path / "absent", litellm)
    assert result.exit_code == 2
    assert "8 litellm" in result.stderr


@pytest.mark.parametrize("command", ["detect", "normalize"])
def test_records_of_two_sources_in_one_file_are_a_warning(command: str, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "mixed.ndjson"
    path.write_bytes(GOOD + (example("apim")).read_bytes())
    result = run(command, path)
    assert result.exit_code == 0
    assert (
        f"{path}:9: warning[log-mixed]: records of 2 sources in one log: 8 litellm from line 1, 8 apim from line 9"
        in (result.stderr)
    )
    assert "8 litellm, 8 apim" in result.stderr


def test_problems_of_one_file_are_limited(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "log.ndjson"
    path.write_bytes(b"no JSON\n" * 1200 + GOOD)
    result = run("detect", path)
    assert result.stderr.count("error[log-not-json]") == 5
    assert "error[log-lines-left-out]: 1,195 more lines of this log can't be read, 1,200 in all" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("convert", "-o", "{file}/below"),
        ("convert", "-o", "{file}/below/that"),
        ("convert", "-o", "{file}"),
        ("normalize", "{log}", "-o", "{file}/below"),
        ("normalize", "{log}", "-o", "{folder}"),
        ("normalize", "{log}", "-o", "{folder}/absent/out"),
        ("normalize", "{log}", "--rejects", "{file}/below"),
    ],
)
def test_unwritable_output_is_reported(arguments: tuple[str, ...], run: Run, tmp_path: Path, litellm: Path) -> None:
    file, folder = tmp_path / "file", tmp_path / "folder"
    file.write_text("mine")
    folder.mkdir()
    before = sorted(tmp_path.rglob("*"))
    result = run(*(part.format(file=file, folder=folder, log=litellm) for part in arguments))
    assert (result.exit_code, result.stdout) == (3, "")
    assert "error[output-unwritable]: can't write there" in result.stderr
    assert str(tmp_path) in result.stderr
    assert sorted(tmp_path.rglob("*")) == before
    assert file.read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("convert", "-t", "qradar"), "'qradar' is not one of 'splunk', 'elastic', 'lucene', 'sentinel', 'duckdb'"),
        (("convert", "-s", "nginx"), "unknown source 'nginx'\n  available: access_log, anthropic_compliance"),
        (("test", "-s", "generic"), "unknown source 'generic'\n  available: access_log"),
        (("verify", "-s", "generic"), "unknown source 'generic'\n  available: access_log"),
        (("package", "splunk", "-s", "generic", "-o", "out"), "unknown source 'generic'\n  available: access_log"),
        (("normalize", "{log}", "-s", "generic"), "unknown source 'generic'\n  available: access_log"),
        (("detect", "{log}", "-s", "nginx"), "unknown source 'nginx'\n  available: access_log, anthropic_compliance"),
        (
            ("normalize", "{log}", "-s", "nginx"),
            "unknown source 'nginx'\n  available: access_log, anthropic_compliance",
        ),
        (("detect",), "Missing argument 'LOG...'"),
        (("normalize", "{log}", "-o", "x", "--to", "http://192.0.2.1"), "-o and --to can't be combined"),
        (("normalize", "{log}", "--with-text", "--to", "http://192.0.2.1"), "has no field for prompts"),
        (("check", "--rules", "{log}"), "is a file"),
        (("check", "--rules", "{log}/below"), "does not exist"),
        (("detect", "{log}", "--verbos"), "No such option"),
    ],
)
def test_wrong_usage_has_exit_code_3_and_hint(arguments: tuple[str, ...], said: str, run: Run, litellm: Path) -> None:
    result = run(*(part.format(log=litellm) for part in arguments))
    assert (result.exit_code, result.stdout) == (3, "")
    assert said in result.stderr


@pytest.mark.parametrize("command", ["check", "convert", "detect", "normalize"])
def test_folder_without_mappings_is_reported(command: str, run: Run, tmp_path: Path, litellm: Path) -> None:
    (tmp_path / "mappings").mkdir()
    result = run(
        command, *([litellm] if command in ("detect", "normalize") else []), "--mappings", tmp_path / "mappings"
    )
    assert result.exit_code == 2
    assert f"{tmp_path / 'mappings' / 'sources'}: error[no-mappings]" in result.output
    assert "use --mappings with a folder that contains sources/*.yml" in result.output
