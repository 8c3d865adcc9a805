"""Whatever a rule or an overlay says, the app's files keep their shape."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from sigmagen.bundled import mappings_folder
from sigmagen.content.detections import collect_content
from sigmagen.engines.splunk_local import SplunkLocalEngine
from sigmagen.packages.splunk import app_files
from sigmagen.packages.splunk.conf import prose, render
from sigmagen.packages.splunk.target import SplunkTarget
from sigmagen.problems import SigmagenError
from sigmagen.rules.load import load_rules
from sigmagen.rules.model import RuleFile
from tests.native_logs import attack
from tests.packages.splunk.app import CONVERTER, expand, macros, package, read_conf, unpack

EVIL = (
    "x] \\\n[evil]\nsearch = | delete\naction.script = 1\n$result.user$ $(rm) `evil` ```| delete``` \"quoted\" 'single'"
    " </query></search><script>alert(1)</script> ]]> &amp; {{x}} \u202e\u2028 \x7f é 漢 = , ; # | \\"
)


def rule_file(tmp_path: Path, value: str = EVIL, **changes: Any) -> RuleFile:
    """A rule with hostile text wherever it has text."""
    tmp_path.mkdir(exist_ok=True)
    base = {
        "title": EVIL,
        "name": "base",
        "logsource": {"category": "ai_inference"},
        "detection": {"selection": {"gen_ai.request.model": value}, "condition": "selection"},
    }
    correlation: dict[str, Any] = {
        "title": EVIL,
        "name": EVIL,
        "id": "f51db6a9-9ea4-4d0d-a1e1-511d7d3637f1",
        "level": "high",
        "author": EVIL,
        "description": EVIL,
        "references": [EVIL],
        "falsepositives": [EVIL],
        "tags": [f"attack.t{EVIL}"],
        "frameworks": {"atlas": [EVIL], "owasp_llm": [EVIL]},
        "correlation": {
            "type": "event_count",
            "rules": ["base"],
            "group-by": ["user.id"],
            "timespan": "1h",
            "condition": {"gte": 1},
        },
    }
    path = tmp_path / "rule.yml"
    path.write_text(yaml.safe_dump_all([base, correlation | changes]))
    (file,) = load_rules([path], rules_folder=tmp_path, mappings_folder=mappings_folder()).files
    return file


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An app of a hostile rule with a hostile overlay."""
    folder = tmp_path_factory.mktemp("hostile")
    overlaid = {"rules": {EVIL: {"threshold": {"value": 1, "because": EVIL}}}, "allow_lists": {EVIL: [EVIL]}}
    # A value can't be in a .conf file with these; the other tests are about all of the rest.
    value = EVIL.replace("\x7f", "").replace("\u2028", "").replace("\\\n", "\n")
    return unpack(package(folder / "out", [rule_file(folder / "rules", value)], ["litellm"], overlaid=overlaid))


def test_no_text_makes_a_stanza_or_a_setting(files: dict[str, str], tmp_path: Path) -> None:
    plain = rule_file(tmp_path / "rules", "m", title="t", name="n", author="a", description="d", references=[])
    benign = unpack(package(tmp_path / "out", [plain], ["litellm"]))
    for name in (name for name in benign if name.endswith(".conf")):
        found, expected = read_conf(files[name]), read_conf(benign[name])
        assert len(found) == len(expected), name
        assert [list(stanza) for stanza in found.values()] == [list(stanza) for stanza in expected.values()], name
        for stanza in found:
            assert re.fullmatch(r"[A-Za-z0-9_.+:=/ -]+", stanza), stanza


def test_settings_that_are_json_hold_json(files: dict[str, str]) -> None:
    (alert,) = [
        stanza for name, stanza in read_conf(files["default/savedsearches.conf"]).items() if name.endswith("Rule")
    ]
    for key in (
        "action.correlationsearch.annotations",
        "action.correlationsearch.metadata",
        "action.notable.param.drilldown_searches",
        "action.risk.param._risk",
    ):
        json.loads(alert[key])
    story = read_conf(files["default/analyticstories.conf"])["analytic_story://Model Extraction"]
    for key in ("references", "maintainers", "searches"):
        json.loads(story[key])


def test_the_only_tokens_are_those_of_the_group(files: dict[str, str]) -> None:
    for name, conf in files.items():
        if name.endswith("savedsearches.conf"):
            for stanza in read_conf(conf).values():
                for key, value in stanza.items():
                    if key != "search":
                        known = {"$user_id$", "$group_hash$", "$info_min_time$", "$info_max_time$"}
                        assert set(re.findall(r"\$[^$]*\$?", value)) <= known, (key, value)
        elif name.endswith(".conf"):
            assert "$" not in conf


def test_prose_is_one_line_that_ends_with_no_backslash(files: dict[str, str]) -> None:
    for stanza in read_conf(files["default/savedsearches.conf"]).values():
        assert "\n" not in stanza["description"]
        assert "\u202e" not in stanza["description"]
    assert prose("a \\\n[b]\n$c$ d\\") == "a \\ [b] c d"


def test_a_hostile_value_is_searched_for_as_it_is(files: dict[str, str]) -> None:
    (search,) = [
        stanza["search"]
        for name, stanza in read_conf(files["default/savedsearches.conf"]).items()
        if name.endswith("Hunt")
    ]
    value = EVIL.replace("\x7f", "").replace("\u2028", "").replace("\\\n", "\n")
    native = [dict(record) for record in attack("call_count", "litellm")[:3]]
    native[0]["model"] = value
    with SplunkLocalEngine() as engine:
        engine.load(CONVERTER.sources["litellm"], native)
        rows = engine.execute(expand(search, macros(files)), 0, 4_000_000_000_000)
    assert {row["value"] for row in rows} == {1}


def test_a_value_that_no_conf_file_can_hold_leaves_the_detection_out(tmp_path: Path) -> None:
    found = collect_content(CONVERTER, [rule_file(tmp_path, "a\\\nb")], "splunk", ["litellm"])
    with pytest.raises(SigmagenError) as error:
        app_files(found, CONVERTER, {}, SplunkTarget.load(CONVERTER.mappings))
    assert [problem.code for problem in error.value.problems] == ["not-packageable"]
    assert error.value.problems[0].file == str(tmp_path / "rule.yml")


@pytest.mark.parametrize("name", ["a]b", "a\nb", "[a", "", " a", "a\\"])
def test_a_name_that_is_no_stanza_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a stanza's name"):
        render({name: {"a": 1}})


@pytest.mark.parametrize("key", ["a b", "a=b", "", "a\nb", "[x]"])
def test_a_key_that_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="not a key"):
        render({"stanza": {key: 1}})


def test_two_rules_whose_names_differ_only_in_what_is_left_out_keep_apart(tmp_path: Path) -> None:
    files = [
        rule_file(tmp_path / name, "m", name=text, id=identifier)
        for name, text, identifier in (
            ("one", "a b", "f51db6a9-9ea4-4d0d-a1e1-511d7d3637f2"),
            ("two", "a/b", "f51db6a9-9ea4-4d0d-a1e1-511d7d3637f3"),
            ("three", "a_b", "f51db6a9-9ea4-4d0d-a1e1-511d7d3637f4"),
        )
    ]
    saved = read_conf(unpack(package(tmp_path / "out", files, ["litellm"]))["default/savedsearches.conf"])
    names = [name for name in saved if name.endswith("Rule")]
    assert len(names) == 3
    assert "Sigmagen - a_b.litellm - Rule" in names


def test_the_lookup_and_the_overlay_keep_their_form(files: dict[str, str]) -> None:
    rows = list(csv.DictReader(io.StringIO(files["lookups/sigmagen_detections.csv"])))
    assert len(rows) == 1
    assert None not in rows[0]
    assert orjson.loads(files["overlay.json"])["allow_lists"] == {EVIL: [EVIL]}
    assert "<script>" not in files["README.md"].replace("\\<script\\>", "").split("## Overlay")[0]
    overlay = files["README.md"].split("## Overlay")[1].splitlines()[4:]
    assert all(not line or line.startswith("    ") for line in overlay)


@pytest.mark.parametrize("value", ["a\rb", "a\x7fb", "a\x1b[2Jb", "a\u2028b"])
def test_a_control_character_is_packaged_as_a_pattern(tmp_path: Path, value: str) -> None:
    files = unpack(package(tmp_path / "out", [rule_file(tmp_path / "rules", value)], ["litellm"]))
    conf = files["default/savedsearches.conf"]
    assert value not in conf
    (search,) = [stanza["search"] for name, stanza in read_conf(conf).items() if name.endswith("Hunt")]
    native = [dict(record) for record in attack("call_count", "litellm")[:3]]
    native[0]["model"] = value
    with SplunkLocalEngine() as engine:
        engine.load(CONVERTER.sources["litellm"], native)
        rows = engine.execute(expand(search, macros(files)), 0, 4_000_000_000_000)
    assert {row["value"] for row in rows} == {1}
