"""The app as a whole: the same bytes, the same names, and searches that are the converted ones."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
import tarfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from sigmagen.packages.splunk import app as app_module
from sigmagen.problems import SigmagenError
from sigmagen.rules.model import Correlation
from tests.native_logs import example
from tests.packages.splunk.app import (
    ADDON,
    APP,
    CONVERTER,
    FED,
    FILES,
    LISTS,
    expand,
    macros,
    package,
    read_conf,
    unpack,
)

ROOT = Path(__file__).parents[3]

DRILLDOWN = re.compile(r'\| savedsearch "([^"]+)" nosubstitution=true \| where (md5\([^=|]+\))="\$group_hash\$"')


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return package(tmp_path_factory.mktemp("app") / "out")


@pytest.fixture(scope="module")
def files(archive: Path) -> dict[str, str]:
    return unpack(archive)


@pytest.fixture(scope="module")
def saved(files: dict[str, str]) -> dict[str, dict[str, str]]:
    return read_conf(files["default/savedsearches.conf"])


def test_two_runs_in_two_processes_give_the_same_bytes(tmp_path: Path) -> None:
    packages = []
    for seed in ("1", "2"):
        command = [sys.executable, "-m", "sigmagen", "package", "splunk", "-o", str(tmp_path / seed)]
        environment = os.environ | {"PYTHONHASHSEED": seed, "TZ": f"UTC-{seed}", "SOURCE_DATE_EPOCH": seed}
        subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
        packages.append({path.name: path.read_bytes() for path in (tmp_path / seed).glob("*.tgz")})
    assert packages[0] == packages[1]
    assert {name.rsplit("-", 1)[0] for name in packages[0]} == {APP, ADDON}


def test_the_archive_has_one_folder_and_no_owner_time_or_odd_rights(archive: Path) -> None:
    with tarfile.open(archive) as tar:
        members = tar.getmembers()
    assert {member.name.split("/")[0] for member in members} == {APP}
    assert {(member.mtime, member.uid, member.gid, member.uname) for member in members} == {(0, 0, 0, "")}
    assert {(member.isdir(), member.mode) for member in members} == {(True, 0o755), (False, 0o644)}


def test_every_detection_has_an_alert_a_hunt_its_events_and_readiness(saved: dict[str, dict[str, str]]) -> None:
    kinds = Counter(name.split(" - ")[-1] for name in saved)
    expected = 0
    for file in FILES:
        for rule in file.subjects:
            for source in CONVERTER.feeding(rule):
                try:
                    CONVERTER.convert(rule, source, "splunk")
                except SigmagenError:
                    continue
                expected += 1
    assert kinds["Rule"] == kinds["Hunt"] == kinds["Events"] == kinds["Readiness"] == expected
    assert kinds["Source silent"] == len(FED)


def test_with_its_macros_expanded_each_search_is_the_converted_one(
    files: dict[str, str], saved: dict[str, dict[str, str]]
) -> None:
    definitions = macros(files) | LISTS
    compared = 0
    for file in FILES:
        for rule in file.subjects:
            for source in CONVERTER.feeding(rule):
                for mode, kind in (("alert", "Rule"), ("hunt", "Hunt"), ("events", "Events")):
                    name = f"Sigmagen - {rule.name}.{source.name} - {kind}"
                    if name in saved:
                        text = CONVERTER.convert(rule, source, "splunk", mode).text  # type: ignore[arg-type]
                        search = expand(saved[name]["search"], definitions)
                        # One line more names the group of an alert for the drill-downs.
                        body, _, _ = search.rpartition("\n| eval group_hash=")
                        assert (body if kind == "Rule" else search) == text
                        compared += 1
    assert compared > 90


def test_the_example_values_of_the_lists_let_nobody_pass(files: dict[str, str]) -> None:
    """They are public, and an attacker can call a principal so."""
    definitions = macros(files)
    assert {definitions[name] for name in LISTS} == {'"(nobody)"'}
    assert "svc-batch-summariser" not in "".join(files.values())


def test_no_search_depends_on_the_clock_or_names_a_place(saved: dict[str, dict[str, str]]) -> None:
    for name, stanza in saved.items():
        assert not re.search(r"\bnow\(|\btime\(|relative_time", stanza["search"]), name
        assert "sourcetype=" not in stanza["search"], name
        assert re.match(r"`sigmagen_\w+`", stanza["search"]), name


def test_every_macro_is_defined_and_every_definition_used(
    files: dict[str, str], saved: dict[str, dict[str, str]]
) -> None:
    used = {name for stanza in saved.values() for name in re.findall(r"`(\w+)`", stanza["search"])}
    assert used == set(macros(files))


def test_nothing_is_on_by_default(saved: dict[str, dict[str, str]]) -> None:
    scheduled = {name for name, stanza in saved.items() if stanza["enableSched"] == "1"}
    assert scheduled
    assert all(saved[name]["disabled"] == "1" for name in scheduled)
    assert all(stanza["enableSched"] == "0" for name, stanza in saved.items() if name not in scheduled)


def test_an_upgrade_keeps_names_and_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = package(tmp_path / "old")
    monkeypatch.setattr(app_module, "__version__", "9.9.9")
    changed = []
    for file in FILES:
        subjects = tuple(
            replace(rule, title=f"New {rule.title}", description="New.", level="low", timespan=rule.timespan * 2)
            for rule in file.subjects
            if isinstance(rule, Correlation)
        )
        changed.append(replace(file, subjects=subjects))
    new = package(tmp_path / "new", changed)
    before, after = (read_conf(unpack(archive)["default/savedsearches.conf"]) for archive in (old, new))
    assert list(before) == list(after)
    key = "action.correlationsearch.metadata"
    for name, stanza in before.items():
        if key in stanza:
            assert json.loads(stanza[key])["detection_id"] == json.loads(after[name][key])["detection_id"]
    assert '"9.9.9"' in unpack(new)["app.manifest"]
    assert read_conf(unpack(new)["default/app.conf"])["id"] == {"name": APP, "version": "9.9.9"}
    assert set(macros(unpack(old))) == set(macros(unpack(new)))


def test_the_frameworks_of_a_rule_are_its_annotations(saved: dict[str, dict[str, str]]) -> None:
    stanza = saved["Sigmagen - call_count.litellm - Rule"]
    assert json.loads(stanza["action.correlationsearch.annotations"]) == {
        "mitre_attack": ["T1119"],
        "mitre_atlas": ["AML.T0024.002", "AML.T0034.000"],
        "owasp_llm": ["LLM06:2026", "LLM10:2025"],
        "analytic_story": ["Model Extraction"],
    }


def test_what_is_said_of_a_group_names_only_columns_of_the_result(saved: dict[str, dict[str, str]]) -> None:
    rules = {name: stanza for name, stanza in saved.items() if name.endswith("- Rule")}
    assert len(rules) > 30
    for name, stanza in rules.items():
        columns = set(stanza["alert.suppress.fields"].split(","))
        shown = stanza["search"].rpartition(" BY ")[2].split("\n")[0].split(", ")
        assert columns == set(shown), name
        title = stanza["action.notable.param.rule_title"]
        assert set(re.findall(r"\$(\w+)\$", title)) == columns
        assert set(stanza["action.notable.param.nes_fields"].split(",")) == columns
        risk = json.loads(stanza.get("action.risk.param._risk", "[]"))
        assert {entry.get("risk_object_field") or entry["threat_object_field"] for entry in risk} <= columns
        drilldowns = json.loads(stanza["action.notable.param.drilldown_searches"])
        assert [item["name"] for item in drilldowns] == ["Windows of this group", "Events of this group"]
        for drilldown in drilldowns:
            # No value that an attacker chose is put into a search: only their hash is.
            assert re.findall(r"\$([^$]*)\$", drilldown["search"]) == ["group_hash"]
            called = DRILLDOWN.fullmatch(drilldown["search"])
            assert called, drilldown
            assert called[1] in saved


def test_the_analytic_story_holds_every_alert(files: dict[str, str], saved: dict[str, dict[str, str]]) -> None:
    stories = read_conf(files["default/analyticstories.conf"])
    alerts = [name for name in saved if name.endswith("- Rule")]
    assert json.loads(stories["analytic_story://Model Extraction"]["searches"]) == alerts
    assert {f"savedsearch://{name}" for name in alerts} == set(stories) - {"analytic_story://Model Extraction"}


def test_the_dashboard_is_xml_and_calls_saved_searches_by_keys_of_the_lookup(
    files: dict[str, str], saved: dict[str, dict[str, str]]
) -> None:
    ElementTree.fromstring(files["default/data/ui/nav/default.xml"])
    view = ElementTree.fromstring(files["default/data/ui/views/model_extraction.xml"])
    patterns = [
        found for query in view.iter("query") for found in re.findall(r'savedsearch "([^"]+)"', query.text or "")
    ]
    assert len(patterns) == 3
    rows = list(csv.DictReader(io.StringIO(files["lookups/sigmagen_detections.csv"])))
    for row in rows:
        assert re.fullmatch(r"[A-Za-z0-9_.+-]+", row["detection"])
        assert all(pattern.replace("$key$", row["detection"]) in saved for pattern in patterns)


def test_the_sourcetypes_of_this_project_are_read_as_the_mappings_presume(files: dict[str, str]) -> None:
    props = read_conf(files["default/props.conf"])
    # Others belong to their add-ons.
    assert set(props) == {name for source in FED for name in source.stored["splunk"].props}
    for stanza in props.values():
        assert (stanza["KV_MODE"], stanza["TRUNCATE"]) == ("json", "0")


@pytest.mark.parametrize("source", ["litellm", "kong", "canonical"])
def test_the_time_of_a_record_is_found_where_props_look(files: dict[str, str], source: str) -> None:
    record, expected = '{"event.id":"a","@timestamp":"2026-08-11T09:14:03.000Z"}', "2026-08-11T09:14:03.000Z"
    if source != "canonical":
        record = example(source).read_text().splitlines()[0]
        expected = str(json.loads(record)[{"litellm": "startTime", "kong": "started_at"}[source]])
    location = CONVERTER.sources[source].stored["splunk"].props
    ((_, settings),) = location.items()
    found = re.search(str(settings["TIME_PREFIX"]), record)
    assert found
    assert record[found.end() :].startswith(expected)
