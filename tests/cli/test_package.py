"""`sigmagen package`: whole packages or none, and why something is not in one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.content.detections import collect_content
from sigmagen.convert.converter import Converter
from sigmagen.rules.load import load_rules
from tests.cli.conftest import Run
from tests.packages.splunk.app import APP, read_conf, unpack

CALLS = rules_folder() / "volume" / "call_count.yml"


def test_an_app_is_written_and_counted(run: Run, tmp_path: Path) -> None:
    result = run("package", "splunk", CALLS, "-o", tmp_path / "new" / "folder")
    assert result.exit_code == 0
    converter = Converter.load(mappings_folder())
    files = load_rules([CALLS], rules_folder=rules_folder(), mappings_folder=mappings_folder()).files
    count = len(collect_content(converter, files, "splunk").detections)
    assert f"{count} detections packaged for splunk" in result.stderr
    assert result.stdout == ""
    app = f"{APP}-0.1.0.tgz"
    assert {path.name for path in (tmp_path / "new" / "folder").glob("*.tgz")} == {app, f"TA-{app}"}


def test_package_of_selected_sources(run: Run, tmp_path: Path) -> None:
    assert run("package", "splunk", CALLS, "-s", "apim", "-o", tmp_path / "out").exit_code == 0
    (archive,) = (tmp_path / "out").glob(f"{APP}-*.tgz")
    saved = read_conf(unpack(archive)["default/savedsearches.conf"])
    assert {name.split(" - ")[1].split(".")[-1] for name in saved} == {"apim"}


def test_verbose_shows_missing_fields(run: Run, tmp_path: Path) -> None:
    churn = rules_folder() / "output" / "logit_bias_churn.yml"
    quiet = run("package", "splunk", churn, "-o", tmp_path / "quiet")
    told = run("package", "splunk", churn, "-v", "-o", tmp_path / "told")
    assert "field-unavailable" not in quiet.stderr
    assert "source cloudtrail in splunk has no" in told.stderr


def test_empty_package_is_an_error_with_reason(run: Run, tmp_path: Path) -> None:
    churn = rules_folder() / "output" / "logit_bias_churn.yml"
    result = run("package", "splunk", churn, "-s", "cloudtrail", "-o", tmp_path / "out")
    assert result.exit_code == 3
    assert "field-unavailable" in result.stderr
    assert "empty-package" in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_broken_rule_stops_the_package(run: Run, tmp_path: Path) -> None:
    (tmp_path / "rule.yml").write_text(CALLS.read_text().replace("timespan: 1h", "timespan: soon"))
    result = run("package", "splunk", tmp_path / "rule.yml", "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert "timespan 'soon'" in result.stderr
    assert not (tmp_path / "out").exists()


def test_unpackageable_rule_is_reported_and_others_are_packaged(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "good.yml").write_text(CALLS.read_text())
    bad = CALLS.read_text().replace("event.outcome: success", 'event.outcome: "a\\\\\\nb"')
    for old, new in (("call_count", "bad_count"), ("answered_call", "bad_call"), ("872c55d8", "872c55d9")):
        bad = bad.replace(old, new)
    (folder / "bad.yml").write_text(bad)
    result = run("package", "splunk", folder, "-s", "litellm", "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert "not-packageable" in result.stderr
    assert "bad.yml" in result.stderr
    assert "1 detection packaged" in result.stderr


def test_rule_without_source_is_reported(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "good.yml").write_text(CALLS.read_text())
    single = "title: Single\nname: single\nlogsource: {category: ai_inference}\n"
    (folder / "single.yml").write_text(single + "detection: {s: {user.id: a}, condition: s}\n")
    unfed = CALLS.read_text().replace("category: ai_inference", "product: nothing")
    for old, new in (("call_count", "unfed_count"), ("answered_call", "unfed_call"), ("872c55d8", "872c55d9")):
        unfed = unfed.replace(old, new)
    (folder / "unfed.yml").write_text(unfed)
    result = run("package", "splunk", folder, "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert "single.yml:1: error[not-packaged]: Single: it is not a correlation" in result.stderr
    assert "no source feeds it" in result.stderr
    assert (tmp_path / "out").exists()


@pytest.mark.parametrize("arguments", [(), ("qradar", "-o", "x"), ("splunk",)])
def test_a_wrong_call_is_refused(run: Run, arguments: tuple[str, ...]) -> None:
    assert run("package", *arguments).exit_code == 3


def test_an_unknown_source_is_refused(run: Run, tmp_path: Path) -> None:
    result = run("package", "splunk", "-s", "nothing", "-o", tmp_path / "out")
    assert result.exit_code == 3
    assert "unknown source 'nothing'" in result.stderr


def test_the_overlay_may_stand_before_the_command(run: Run, tmp_path: Path) -> None:
    overlay = tmp_path / "overlay.yml"
    overlay.write_text("rules: {call_count: {threshold: 800}}")
    assert run("--overlay", overlay, "package", "splunk", CALLS, "-o", tmp_path / "out").exit_code == 0
    (archive,) = (tmp_path / "out").glob(f"{APP}-*.tgz")
    assert json.loads(unpack(archive)["overlay.json"]) == {"rules": {"call_count": {"threshold": 800}}}


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("siem", ["splunk", "elastic", "sentinel"])
def test_repackaging_gives_same_files(run: Run, tmp_path: Path, siem: str) -> None:
    out = tmp_path / "out"
    for _ in range(2):
        assert run("package", siem, CALLS, "-s", "litellm", "-o", out).exit_code == 0
    assert run("package", siem, CALLS, "-s", "litellm", "-o", tmp_path / "new").exit_code == 0
    assert {name: (out / name).read_bytes() for name in files(out)} == {
        name: (tmp_path / "new" / name).read_bytes() for name in files(tmp_path / "new")
    }


def test_two_packages_do_not_share_a_folder(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run("package", "elastic", CALLS, "-s", "litellm", "-o", out).exit_code == 0
    before = {name: (out / name).read_bytes() for name in files(out)}
    result = run("package", "sentinel", CALLS, "-s", "litellm", "-o", out)
    assert result.exit_code == 3
    assert "error[output-taken]: the folder holds a package for elastic" in result.stderr
    assert {name: (out / name).read_bytes() for name in files(out)} == before


def test_obsolete_files_are_removed_or_reported(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run("package", "sentinel", CALLS, "-o", out).exit_code == 0
    changed = out / "arm" / "apim.json"
    changed.write_text(changed.read_text() + "\n")
    (out / "notes.txt").write_text("mine")
    result = run("package", "sentinel", CALLS, "-s", "litellm", "-o", out)
    assert result.exit_code == 0
    assert run("package", "sentinel", CALLS, "-s", "litellm", "-o", tmp_path / "new").exit_code == 0
    assert files(out) == files(tmp_path / "new") | {"arm/apim.json", "notes.txt"}
    assert not (out / "repositories" / "apim").exists()
    assert f"{changed}: warning[package-leftover]" in result.stderr
    assert "cloudtrail.json: info[package-leftover]: removed" in result.stderr


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("README.md", "mine", "no sigmagen-files.json"),
        ("sigmagen-files.json", "{", "can't be read"),
        ("sigmagen-files.json", "[]", "can't be read"),
        ("sigmagen-files.json", '{"siem": "sentinel", "files": {"../x": ""}}', "outside of the folder"),
        ("sigmagen-files.json", '{"siem": "sentinel", "files": {"/etc/x": ""}}', "outside of the folder"),
    ],
)
def test_a_folder_with_other_files_is_refused(run: Run, tmp_path: Path, name: str, text: str, message: str) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / name).write_text(text)
    (tmp_path / "x").write_text("mine")
    result = run("package", "sentinel", CALLS, "-s", "litellm", "-o", out)
    assert result.exit_code == 3
    assert message in result.stderr
    assert files(tmp_path) == {f"out/{name}", "x"}


def test_foreign_file_is_not_overwritten(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run("package", "sentinel", CALLS, "-s", "litellm", "-o", out).exit_code == 0
    (out / "arm" / "apim.json").write_text("mine")
    result = run("package", "sentinel", CALLS, "-s", "litellm", "-s", "apim", "-o", out)
    assert result.exit_code == 3
    assert "files of somebody else: arm/apim.json" in result.stderr
    assert (out / "arm" / "apim.json").read_text() == "mine"


@pytest.mark.parametrize("siem", ["splunk", "elastic", "sentinel"])
def test_unknown_level_is_rejected_with_line(run: Run, tmp_path: Path, siem: str) -> None:
    text = CALLS.read_text().replace("level: low", "level: Low")
    (tmp_path / "rule.yml").write_text(text)
    line = text.splitlines().index("level: Low") + 1
    result = run("package", siem, tmp_path / "rule.yml", "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert f"rule.yml:{line}:1: error[level-invalid]: 'Low' is not a level" in result.stderr
    assert not (tmp_path / "out").exists()
