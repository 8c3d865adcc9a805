"""`sigmagen normalize`: canonical events out, rejects kept, logs and earlier outputs never lost."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from sigmagen.bundled import rules_folder
from tests.cli.conftest import Run
from tests.native_logs import NATIVE_SOURCES, attack, example, ndjson

SOURCES = NATIVE_SOURCES


def events(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("source", SOURCES)
def test_the_output_is_the_canonical_events_written_by_hand(source: str, run: Run) -> None:
    wanted = json.loads((example(source, "canonical.json")).read_text("utf-8"))
    result = run("normalize", example(source))
    assert result.exit_code == 0
    assert events(result.stdout) == [event for event in wanted if event is not None]
    number = len(wanted) - wanted.count(None)
    assert result.stderr.startswith(f"{number} events ({number} {source})")
    assert ("skipped, not an inference call" in result.stderr) == (None in wanted)


def test_output_file_equals_standard_output(run: Run, tmp_path: Path, litellm: Path) -> None:
    output = tmp_path / "events.ndjson"
    result = run("normalize", litellm, "-o", output)
    assert (result.exit_code, result.stdout) == (0, "")
    assert output.read_bytes() == run("normalize", "-", input=litellm.read_bytes()).stdout_bytes


def test_prompts_need_option(run: Run, litellm: Path) -> None:
    # no word of the fixtures' prompts but those that name a field or value too
    assert "Q 19331 from list" not in run("normalize", litellm).output
    assert "Q 19331 from list" in run("normalize", litellm, "--with-text").stdout


@pytest.mark.parametrize(
    ("stem", "source"),
    [
        ("logprobs_with_logit_bias", "litellm"),
        ("logprobs_with_logit_bias", "apim"),
        ("one_template_many_organizations", "litellm"),
        ("short_prompt_long_answer", "bedrock_invocation"),
        ("same_prompt_resampled", "apim"),
    ],
)
def test_detect_finds_same_alerts_in_output(stem: str, source: str, run: Run, tmp_path: Path) -> None:
    native, canonical = tmp_path / "native.ndjson", tmp_path / "canonical.ndjson"
    native.write_bytes(ndjson(attack(stem, source)))
    assert run("normalize", native, "-o", canonical).exit_code == 0
    (rules,) = (file.parent for file in rules_folder().rglob(f"{stem}.yml"))

    def found(path: Path, wanted: str) -> list[dict[str, Any]]:
        result = run("detect", path, "--rules", rules, "--json")
        assert result.exit_code == 0
        assert not result.stderr or result.stderr.startswith("blind spots: ")
        alerts: list[dict[str, Any]] = json.loads(result.stdout)
        assert {alert.pop("source") for alert in alerts} == {wanted}
        return alerts

    expected = found(native, source)
    assert stem in {alert["rule"] for alert in expected}
    assert found(canonical, "canonical") == expected


def test_reject_has_location_reason_and_text(run: Run, tmp_path: Path, litellm: Path) -> None:
    log = tmp_path / "log.ndjson"
    first, *rest = litellm.read_bytes().splitlines()
    lines = [first, b"no JSON", b'{"of": "no source"}', first.replace(b"1786440000.125", b'"soon"'), b"7", *rest]
    log.write_bytes(b"\n".join(lines))
    rejects = tmp_path / "bad.ndjson"
    result = run("normalize", log, "-o", tmp_path / "out.ndjson", "--rejects", rejects)
    assert result.exit_code == 2
    assert f"rejected and written to {rejects}: 4 records" in result.stderr
    kept = sorted(events(rejects.read_text()), key=lambda reject: reject["line"])
    assert [list(reject) for reject in kept] == [["file", "line", "reason", "text"]] * 4
    assert {reject["file"] for reject in kept} == {str(log)}
    assert [(reject["line"], reject["reason"]) for reject in kept] == [
        (2, "not JSON: invalid literal, expected 'null'"),
        (3, "of no known log source"),
        (4, "a litellm record without a time that can be read"),
        (5, "JSON, but no object; a record is an object"),
    ]
    assert [reject["text"] for reject in kept][:2] == ["no JSON", '{"of": "no source"}']
    assert stat.S_IMODE(rejects.stat().st_mode) == 0o600


def test_default_paths_of_rejects(run: Run, tmp_path: Path) -> None:
    log = tmp_path / "log.ndjson"
    log.write_text("no JSON\n")
    run("normalize", log, "-o", tmp_path / "out.ndjson")
    run("normalize", log)
    run("normalize", log, "--rejects", tmp_path / "told")
    assert (tmp_path / "out.ndjson.rejects.ndjson").is_file()
    assert Path("sigmagen.rejects.ndjson").is_file()
    assert (tmp_path / "told").is_file()


def test_rejects_file_without_rejects(run: Run, tmp_path: Path, litellm: Path) -> None:
    output = tmp_path / "out.ndjson"
    run("normalize", litellm, "-o", output)
    rejects = tmp_path / "out.ndjson.rejects.ndjson"
    assert not rejects.exists()
    rejects.write_text("of an earlier run\n")
    run("normalize", litellm, "-o", output)
    assert rejects.read_bytes() == b""
    run("normalize", litellm, "--rejects", tmp_path / "asked.ndjson")
    assert (tmp_path / "asked.ndjson").read_bytes() == b""


@pytest.mark.parametrize("option", ["-o", "--rejects"])
def test_a_log_is_never_overwritten(option: str, run: Run, tmp_path: Path, litellm: Path) -> None:
    log = tmp_path / "logs" / "log.ndjson"
    log.parent.mkdir()
    log.write_bytes(litellm.read_bytes())
    (tmp_path / "link").symlink_to(log)
    for logs, output in ((log, log), (log.parent, log), (log, tmp_path / "link")):
        result = run("normalize", logs, option, output)
        assert result.exit_code == 3
        assert f"{output} is one of the logs: choose another file" in result.stderr
    assert log.read_bytes() == litellm.read_bytes()
    assert list(log.parent.iterdir()) == [log]


def test_records_of_a_chosen_source_are_read_as_it(run: Run, tmp_path: Path, litellm: Path) -> None:
    log = tmp_path / "log.ndjson"
    log.write_bytes(litellm.read_bytes().replace(b'"call_type"', b'"kind"'))
    result = run("normalize", log, "-s", "litellm")
    assert result.exit_code == 0
    assert f"{log}:1: warning[log-unlike]: 8 of 8 records don't look like litellm" in result.stderr
    assert len(events(result.stdout)) == 8


def test_a_device_is_written_to_and_not_replaced(run: Run, litellm: Path) -> None:
    result = run("normalize", litellm, "-o", os.devnull)
    assert result.exit_code == 0
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


def test_repeats_and_reused_ids_are_counted(run: Run, tmp_path: Path, litellm: Path) -> None:
    log = tmp_path / "log.ndjson"
    first = json.loads(litellm.read_text().splitlines()[0])
    log.write_text(litellm.read_text() * 2 + json.dumps({**first, "model": "another"}) + "\n")
    result = run("normalize", log)
    assert len(result.stdout.splitlines()) == 9
    assert (
        "9 events (9 litellm); repeated: 8 records (8 litellm); "
        "kept, although their content differs under the same id: 1 id (1 litellm)" in result.stderr
    )


@pytest.mark.parametrize("name", ["cw-filter-log-events.json", "cw-subscription.json"])
def test_detect_and_normalize_count_the_same_records_of_an_export(name: str, run: Run, tmp_path: Path) -> None:
    records = [json.loads(line) for line in (example("bedrock_invocation")).read_text().splitlines()]
    events = [{"timestamp": 1, "message": json.dumps(record), "id": "1"} for record in records]
    export = {"events": events} if "filter" in name else {"messageType": "DATA_MESSAGE", "logEvents": events}
    log = tmp_path / name
    log.write_text(json.dumps(export, indent=4))
    counted = f"{len(records)} bedrock_invocation"
    assert counted in run("detect", log).stderr
    assert f"{len(records)} events ({counted})" in run("normalize", log).stderr
