"""What Splunk's own checks say of app and add-on; skipped, and said so, where they are not installed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sigmagen.packages.splunk.archive import tgz
from tests.conftest import VALIDATORS
from tests.packages.splunk.app import ADDON, APP, FILES, package, read_conf, unpack
from tests.packages.splunk.test_hostile import EVIL, rule_file

pytestmark = pytest.mark.validators

MODES = {"precert": (), "cloud": ("--included-tags", "cloud")}
FINDINGS = ("error", "failure", "future_failure", "warning")


def inspected(archive: Path, folder: Path, *tags: str) -> dict[str, Any]:
    """AppInspect's report."""
    report = folder / "report.json"
    command = [
        *(str(VALIDATORS / "splunk-appinspect"), "inspect", str(archive), "--skip-trusted-libraries-update"),
        *("--mode", "precert", "--ci", "--data-format", "json", "--output-file", str(report), *tags),
    ]
    subprocess.run(command, capture_output=True, check=False, cwd=folder)
    found: dict[str, Any] = json.loads(report.read_text())
    return found


def said(report: dict[str, Any]) -> list[str]:
    """Every check that failed or warned, with what it says."""
    return [
        f"{check['name']}: {message['message']}"
        for part in report["reports"]
        for group in part["groups"]
        for check in group["checks"]
        if check["result"] in FINDINGS
        for message in check["messages"]
    ]


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("apps")
    value = EVIL.replace("\x7f", "").replace("\u2028", "").replace("\\\n", "\n")
    plain = package(folder / "plain")
    (collecting,) = plain.parent.glob(f"{ADDON}-*.tgz")
    return {
        "built-in": plain,
        "add-on": collecting,
        "hostile": package(folder / "hostile", [*FILES, rule_file(folder / "rules", value)]),
    }


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("built-in", "precert"),
        ("add-on", "precert"),
        # The checks of the cloud are among those of precert, and ksconf reads the hostile text.
        pytest.param("built-in", "cloud", marks=pytest.mark.thorough),
        pytest.param("add-on", "cloud", marks=pytest.mark.thorough),
        pytest.param("hostile", "precert", marks=pytest.mark.thorough),
        pytest.param("hostile", "cloud", marks=pytest.mark.thorough),
    ],
)
def test_appinspect_has_no_failure_and_no_warning(
    archives: dict[str, Path], name: str, mode: str, tmp_path: Path
) -> None:
    report = inspected(archives[name], tmp_path, *MODES[mode])
    assert said(report) == []
    assert [report["summary"][finding] for finding in FINDINGS] == [0, 0, 0, 0]
    assert report["summary"]["success"] > 70


def test_appinspect_would_notice(tmp_path: Path, archives: dict[str, Path]) -> None:
    files = unpack(archives["built-in"])
    saved = files["default/savedsearches.conf"]
    bad = files | {"default/savedsearches.conf": saved.replace("dispatch.earliest_time = -", "x = -", 1)}
    bad["default/app.conf"] = files["default/app.conf"].replace("reload.analyticstories", "reload.other")
    archive = tmp_path / "bad.tgz"
    archive.write_bytes(tgz(APP, bad))
    assert inspected(archive, tmp_path)["summary"]["failure"] == 2


@pytest.mark.parametrize("name", ["built-in", "add-on", "hostile"])
def test_ksconf_reads_what_we_read(archives: dict[str, Path], name: str, tmp_path: Path) -> None:
    """A second reader of .conf files, of which every setting is the same."""
    files = {
        path: text
        for path, text in unpack(archives[name], ADDON if name == "add-on" else APP).items()
        if path.endswith(".conf")
    }
    for path, text in files.items():
        (tmp_path / Path(path).name).write_text(text)
    paths = sorted(str(path) for path in tmp_path.glob("*.conf"))
    ksconf = str(VALIDATORS / "ksconf")
    checked = subprocess.run([ksconf, "check", *paths], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    result = subprocess.run([ksconf, "snapshot", *paths], capture_output=True, text=True, check=True)
    records = json.loads(result.stdout)["records"]
    assert len(records) == len(files)
    for record in records:
        stanzas = {stanza["stanza"]: stanza["attributes"] for stanza in record["conf"]}
        assert stanzas == read_conf(files[f"default/{Path(record['file']['path']).name}"])
