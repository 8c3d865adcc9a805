"""The package for Elastic: importable, the same bytes each time, ids that stay, nothing hostile in it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import sigmagen
from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.content.detections import PackageContent, SourceDetection, collect_content
from sigmagen.content.investigate.pivots import load_playbook
from sigmagen.convert.converter import Converter
from sigmagen.packages import elastic
from sigmagen.packages.elastic.events import group_events
from sigmagen.packages.elastic.formatting import code, markdown, marker, span
from sigmagen.packages.elastic.guide import note, setup
from sigmagen.packages.elastic.rules import checked, detection_rule, schema, silent_rule
from sigmagen.packages.elastic.target import ElasticTarget
from sigmagen.packages.elastic.threat import Frameworks
from sigmagen.problems import SigmagenError
from sigmagen.rules.load import load_rules

CONVERTER = Converter.load(mappings_folder())
FILES = load_rules(None, rules_folder=rules_folder(), mappings_folder=mappings_folder()).files
CONTENT = collect_content(CONVERTER, FILES, "elastic")
TARGET = ElasticTarget.load(mappings_folder())
BOOK = load_playbook(mappings_folder())
FRAMEWORKS = Frameworks.load(mappings_folder())
HOSTILE = 'a\n\x1b[2J"}\u202e ``` | [x](javascript:1) <script> !{investigate{"a":1}} $x$ {{y}}'

Json = dict[str, Any]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("package")
    elastic.write(CONTENT, folder, CONVERTER, {})
    return folder


def lines(file: Path) -> list[Json]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def rules(package: Path) -> list[Json]:
    return lines(package / elastic.RULES)


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def find(name: str) -> SourceDetection:
    return next(detection for detection in CONTENT.detections if detection.name == name)


def rule_of(detection: SourceDetection) -> Json:
    return detection_rule(detection, CONVERTER.taxonomy, TARGET, FRAMEWORKS, BOOK)


def milliseconds(period: str) -> int:
    return int(period[:-1]) * {"s": 1_000, "m": 60_000, "h": 3_600_000}[period[-1]]


def test_every_rule_is_valid_under_the_import_schema(package: Path) -> None:
    found = {rule["name"]: [error.message for error in schema().iter_errors(rule)] for rule in rules(package)}
    assert found
    assert not {name: errors for name, errors in found.items() if errors}


@pytest.mark.parametrize(
    "fault",
    [
        {"index": ["logs-*"]},
        {"filters": []},
        {"enabled": "false"},
        {"severity": "informational"},
        {"risk_score": 101},
        {"interval": "10 min"},
        {"from": "now"},
        {"investigation_fields": {}},
        {"alert_suppression": {"group_by": ["a", "b", "c", "d"]}},
        {"rule_id": "no-uuid"},
        {"name": "two\nlines"},
        {"references": ["javascript:alert(1)"]},
        {"required_fields": [{"name": "a", "type": "keyword", "ecs": True}]},
        {"threat": [{"framework": "OWASP", "tactic": {"id": "TA0001", "name": "x", "reference": "y"}}]},
    ],
    ids=lambda fault: next(iter(fault)),
)
def test_a_rule_that_kibana_would_refuse_is_refused_here(fault: Json) -> None:
    rule = rule_of(find("call_count.litellm"))
    with pytest.raises(SigmagenError) as caught:
        checked({**rule, **fault})
    assert {problem.code for problem in caught.value.problems} == {"rule-not-importable"}


def test_every_detection_has_its_query_byte_for_byte_in_a_disabled_rule(package: Path) -> None:
    by_id = {rule["rule_id"]: rule for rule in rules(package)}
    for detection in CONTENT.detections:
        rule = by_id.pop(detection.id)
        assert rule["query"] == detection.alert.text
        assert rule["enabled"] is False
    assert {rule["name"].partition(":")[0] for rule in by_id.values()} == {"No events from a model's log"}
    assert len(by_id) == len(CONTENT.sources)


def test_a_rule_runs_as_often_and_looks_back_as_far_as_its_window_needs(package: Path) -> None:
    by_id = {rule["rule_id"]: rule for rule in rules(package)}
    for detection in CONTENT.detections:
        schedule, rule = detection.alert.schedule, by_id[detection.id]
        assert schedule is not None
        assert milliseconds(rule["interval"]) == schedule.interval
        assert milliseconds(rule["from"].removeprefix("now-")) == schedule.lookback
        timespan = sum(window.timespan for window in detection.alert.windows)
        assert schedule.lookback > timespan + 2 * schedule.interval + schedule.ingest_delay
        assert "timestamp_override" not in rule


def test_a_group_is_suppressed_while_a_run_can_see_one_burst(package: Path) -> None:
    by_id = {rule["rule_id"]: rule for rule in rules(package)}
    for detection in CONTENT.detections:
        suppression = by_id[detection.id]["alert_suppression"]
        duration = f"{suppression['duration']['value']}{suppression['duration']['unit']}"
        assert suppression["group_by"] == list(detection.alert.columns)
        assert duration == by_id[detection.id]["from"].removeprefix("now-")


@pytest.mark.parametrize("groups", [(), ("a", "b", "c", "d")])
def test_a_rule_that_can_not_be_suppressed_by_group_has_no_suppression(groups: tuple[str, ...]) -> None:
    detection = find("call_count.litellm")
    changed = replace(detection, alert=replace(detection.alert, columns={name: name for name in groups}))
    assert "alert_suppression" not in rule_of(changed)


def test_two_runs_write_the_same_bytes(package: Path, tmp_path: Path) -> None:
    again = Converter.load(mappings_folder())
    loaded = load_rules(None, rules_folder=rules_folder(), mappings_folder=mappings_folder())
    elastic.write(collect_content(again, loaded.files, "elastic"), tmp_path, again, {})
    assert files(tmp_path) == files(package)


def test_ids_stay_when_version_title_and_threshold_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    new.mkdir()
    elastic.write(CONTENT, old, CONVERTER, {})
    monkeypatch.setattr(sigmagen, "__version__", "99.0.0")
    changed = [
        replace(
            item, rule=replace(item.rule, title=f"New: {item.rule.title}"), alert=replace(item.alert, text="ROW a=1")
        )
        for item in CONTENT.detections
    ]
    elastic.write(replace(CONTENT, detections=tuple(changed)), new, CONVERTER, {})
    assert [rule["rule_id"] for rule in rules(new)] == [rule["rule_id"] for rule in rules(old)]
    objects = [[item["id"] for item in lines(folder / elastic.SAVED_OBJECTS)] for folder in (old, new)]
    assert objects[0] == objects[1]
    assert files(new) != files(old)


def test_nothing_of_this_machine_is_in_a_package(package: Path) -> None:
    assert not [name for name, data in files(package).items() if str(Path.cwd()).encode() in data]


def test_all_ids_differ(package: Path) -> None:
    found = [rule["rule_id"] for rule in rules(package)]
    found += [item["id"] for item in lines(package / elastic.SAVED_OBJECTS)]
    assert len(set(found)) == len(found)
    assert len({identity[:8] for identity in found}) == len(found)


def test_each_rule_has_a_hunt_and_a_readiness_session_and_each_source_one(package: Path) -> None:
    titles = [
        item["attributes"]["title"] for item in lines(package / elastic.SAVED_OBJECTS) if item["type"] == "search"
    ]
    wanted = [f"Readiness: all of {source.title}" for source in CONTENT.sources]
    for detection in CONTENT.detections:
        wanted += [f"Hunt: {detection.title}", f"Readiness: {detection.title}"]
    assert sorted(titles) == sorted(wanted)


def test_sessions_refer_to_the_tag_that_comes_first(package: Path) -> None:
    tag, *sessions = lines(package / elastic.SAVED_OBJECTS)
    assert tag["type"] == "tag"
    assert {(ref["type"], ref["id"]) for item in sessions for ref in item["references"]} == {("tag", tag["id"])}
    for item in (tag, *sessions):
        assert marker(item["id"]) in item["attributes"]["description"]


def test_no_query_asks_the_clock(package: Path) -> None:
    queries = [rule["query"] for rule in rules(package)]
    queries += [json.dumps(item["attributes"]) for item in lines(package / elastic.SAVED_OBJECTS)[1:]]
    assert queries
    assert not [query for query in queries if re.search(r"(?i)\bnow\s*\(", query)]


def test_threat_blocks_hold_both_frameworks_and_no_tactic_twice(package: Path) -> None:
    for detection in CONTENT.detections:
        blocks = FRAMEWORKS.threat(detection.rule)
        names = [block["tactic"]["name"] for block in blocks]
        assert len(set(names)) == len(names)
        assert "MITRE ATT&CK" in {block["framework"] for block in blocks}
        shown = {technique["id"] for block in blocks for technique in block["technique"]}
        shown |= {
            sub["id"] for block in blocks for technique in block["technique"] for sub in technique["subtechnique"]
        }
        assert shown, detection.name
        for block in blocks:
            ids = {block["tactic"]["id"], *(technique["id"] for technique in block["technique"])}
            assert {identity.startswith("AML.") for identity in ids} == {block["framework"] == "MITRE ATLAS"}
        tags = rule_of(detection)["tags"]
        assert {f"MITRE ATLAS: {identity}" for identity in detection.rule.frameworks["atlas"]} <= set(tags)


def test_model_extraction_stands_under_exfiltration() -> None:
    block = next(
        block for block in FRAMEWORKS.threat(find("call_count.litellm").rule) if block["tactic"]["id"] == "AML.TA0010"
    )
    assert block["framework"] == "MITRE ATLAS"
    (technique,) = block["technique"]
    assert technique["id"] == "AML.T0024"
    assert technique["subtechnique"] == [
        {
            "id": "AML.T0024.002",
            "name": "Extract AI Model",
            "reference": "https://atlas.mitre.org/techniques/AML.T0024.002/",
        }
    ]


def test_a_sub_technique_of_attack_has_a_path_of_its_own() -> None:
    blocks = FRAMEWORKS.threat(find("bedrock_probe_logging_check_invoke.cloudtrail").rule)
    found = [sub["reference"] for block in blocks for item in block["technique"] for sub in item["subtechnique"]]
    assert "https://attack.mitre.org/techniques/T1078/004/" in found


def test_what_both_frameworks_call_discovery_is_the_block_of_attack() -> None:
    blocks = FRAMEWORKS.threat(find("bedrock_probe_logging_check_invoke.cloudtrail").rule)
    (discovery,) = [block for block in blocks if block["tactic"]["name"] == "Discovery"]
    assert discovery["tactic"]["id"] == "TA0007"


def test_every_technique_of_our_frameworks_has_a_tactic() -> None:
    assert {identity.partition(".")[0] for identity in FRAMEWORKS.attack} == set(FRAMEWORKS.attack_uses)
    techniques = {identity for identity in FRAMEWORKS.atlas if re.fullmatch(r"AML\.T\d{4}", identity)}
    assert techniques == set(FRAMEWORKS.atlas_uses)
    used = {tactic for tactics in FRAMEWORKS.atlas_uses.values() for tactic in tactics}
    assert used <= set(FRAMEWORKS.atlas)
    assert {name for names in FRAMEWORKS.attack_uses.values() for name in names} <= set(FRAMEWORKS.attack_tactics)


def test_required_fields_are_the_columns_that_the_query_reads() -> None:
    required = {item["name"]: item["type"] for item in rule_of(find("call_count.litellm"))["required_fields"]}
    assert required == {
        "@timestamp": "date",
        "litellm.metadata.user_api_key_hash": "keyword",
        "litellm.metadata.user_api_key_user_id": "keyword",
        "litellm.model": "keyword",
        "litellm.status": "keyword",
    }


def test_a_source_with_an_integration_names_it() -> None:
    assert rule_of(find("call_count.cloudtrail"))["related_integrations"] == [
        {"package": "aws", "version": ">=2.0.0", "integration": "cloudtrail"}
    ]
    assert rule_of(find("call_count.litellm"))["related_integrations"] == []


def test_templates_map_every_required_field(package: Path) -> None:
    mapped: dict[str, str] = {}
    for file in (package / elastic.COMPONENT_TEMPLATES).glob("sigmagen-*.json"):
        body = json.loads(file.read_text())["template"]["mappings"]
        assert body["dynamic"] is False
        mapped |= dict(leaves(body["properties"]))
    needed = {item["name"]: item["type"] for rule in rules(package) for item in rule["required_fields"]}
    assert needed
    assert {name: mapped.get(name) for name in needed} == needed
    assert mapped["event.ingested"] == "date"


def leaves(properties: Json, prefix: str = "") -> list[tuple[str, str]]:
    found = []
    for name, definition in properties.items():
        if "type" in definition:
            found.append((prefix + name, definition["type"]))
        found += leaves(definition.get("properties", {}), f"{prefix}{name}.")
    return found


def test_integrations_stay_in_charge_of_their_own_streams(package: Path) -> None:
    for name in TARGET.integrations.keys() & {source.name for source in CONTENT.sources}:
        index = json.loads((package / elastic.INDEX_TEMPLATES / f"sigmagen-{name}.json").read_text())
        assert 100 < index["priority"] < 200
    for file in (package / elastic.COMPONENT_TEMPLATES).glob("*@custom.json"):
        body = json.loads(file.read_text())["template"]["mappings"]
        # What is dynamic there is the integration's own decision, and so are the fields of ECS.
        assert "dynamic" not in body
        assert not {"event", "user", "source", "cloud", "user_agent", "@timestamp"} & set(body["properties"])


def test_sources_in_one_data_stream_share_its_index_template(package: Path) -> None:
    bodies = {path.stem: json.loads(path.read_text()) for path in (package / elastic.INDEX_TEMPLATES).iterdir()}
    patterns = [pattern for body in bodies.values() for pattern in body["index_patterns"]]
    assert len(patterns) == len(set(patterns))
    shared = bodies["sigmagen-apim"]
    assert shared["index_patterns"] == ["logs-azure_openai.logs-*"]
    assert shared["composed_of"] == ["sigmagen-apim@mappings", "sigmagen-azure_openai@mappings"]
    custom = json.loads((package / elastic.COMPONENT_TEMPLATES / "logs-azure_openai.logs@custom.json").read_text())
    fields = dict(leaves(custom["template"]["mappings"]["properties"]))
    assert fields["azure.open_ai.properties.apim_subscription_id"] == "keyword"
    assert fields["azure.ai_foundry.category"] == "keyword"


def test_package_of_one_source_brings_the_templates_of_those_in_its_data_stream(tmp_path: Path) -> None:
    only = tuple(item for item in CONTENT.detections if item.source.name == "azure_openai")
    elastic.write(replace(CONTENT, detections=only), tmp_path, CONVERTER, {})
    written = {path.stem for path in (tmp_path / elastic.INDEX_TEMPLATES).iterdir()}
    assert written == {"sigmagen-apim", "sigmagen-azure_openai"}
    assert (tmp_path / elastic.COMPONENT_TEMPLATES / "sigmagen-apim@mappings.json").exists()


def hostile(detection: SourceDetection) -> SourceDetection:
    rule = replace(
        detection.rule,
        title=HOSTILE,
        description=HOSTILE,
        falsepositives=(HOSTILE,),
        references=(HOSTILE, "https://example.com/a"),
        raw={"author": HOSTILE, "license": HOSTILE},
        frameworks={"atlas": (HOSTILE, "AML.T0024.002"), "owasp_llm": (HOSTILE,)},
        tags=(f"attack.{HOSTILE}", "attack.t9999", "attack.t1119"),
        status=HOSTILE,
    )
    return replace(detection, rule=rule)


def test_hostile_text_stays_text_in_a_rule() -> None:
    detection = hostile(find("call_count.litellm"))
    rule = rule_of(detection)
    assert rule["references"] == ["https://example.com/a"]
    assert all("\n" not in text and "\x1b" not in text for text in (rule["name"], *rule["tags"], *rule["author"]))
    assert "[x](" not in rule["note"]
    assert "<script>" not in rule["note"]
    assert '{"a":1}' not in rule["note"]
    assert rule["note"].count("!{investigate{") == 2
    assert json.dumps(rule, ensure_ascii=False).count("\n") == 0


def test_hostile_text_stays_text_in_a_package(tmp_path: Path) -> None:
    detection = hostile(find("call_count.litellm"))
    elastic.write(PackageContent("elastic", (detection,)), tmp_path, CONVERTER, {"x": HOSTILE})
    assert len(lines(tmp_path / elastic.RULES)) == 2
    assert "[x](" not in (tmp_path / "README.md").read_text()


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(3_600_000, "1h"), (4_500_000, "75m"), (86_400_000, "24h"), (1_500, "2s"), (61_000, "61s"), (60_001, "61s")],
)
def test_a_period_is_in_units_of_kibana_and_never_too_short(milliseconds: int, text: str) -> None:
    assert span(milliseconds) == text


def test_a_code_block_can_not_be_ended_by_its_text() -> None:
    assert code("a\n```\nb").startswith("````")
    assert markdown("`x` [a](b)") == r"\`x\` \[a\](b)"


def test_a_query_that_asks_for_its_range_is_left_out_with_the_reason(tmp_path: Path) -> None:
    one, other = find("call_count.litellm"), find("call_count.canonical")
    ranged = replace(one, alert=replace(one.alert, ranged=True))
    elastic.write(PackageContent("elastic", (ranged, other)), tmp_path, CONVERTER, {})
    assert one.id not in [rule["rule_id"] for rule in rules(tmp_path)]
    manifest = json.loads((tmp_path / elastic.MANIFEST).read_text())
    assert [problem["code"] for problem in manifest["left_out"]] == ["not-schedulable"]


def test_the_guide_names_the_group_and_its_pivot() -> None:
    detection = find("call_count.litellm")
    events = group_events(detection.rule, detection.source, CONVERTER.taxonomy)
    text = note(detection, events, CONVERTER.taxonomy, BOOK, dashboard=True)
    assert "`user.id` and `gen_ai.request.model`" in text
    assert '| WHERE user.id == "VALUE"' in text


def test_the_setup_says_what_a_basic_licence_does() -> None:
    text = setup(find("call_count.litellm"), [])
    assert "up to 9 times for one short burst" in text
    assert "Basic licence" in text


def test_source_is_silent_after_a_day_without_events() -> None:
    for source in CONTENT.sources:
        rule = silent_rule(source, CONVERTER.taxonomy)
        assert rule["from"] == "now-24h"
        assert "WHERE events == 0" in rule["query"]


def test_the_manifest_records_the_overlay(tmp_path: Path) -> None:
    elastic.write(CONTENT, tmp_path, CONVERTER, {"thresholds": {"call_count": 100}})
    manifest = json.loads((tmp_path / elastic.MANIFEST).read_text())
    assert manifest["overlay"] == {"thresholds": {"call_count": 100}}
    assert manifest["version"] == sigmagen.__version__


def test_samples_in_an_alert_do_not_lie_below_its_fields() -> None:
    """Elasticsearch refuses a document with both `user.id` and `user.id.values`."""
    detection = find("call_count.litellm")
    rule = replace(detection.rule, fields=("user.id", "source.ip"))
    alert = CONVERTER.convert(rule, detection.source, "elastic", "alert")
    query = rule_of(replace(detection, rule=rule, alert=alert))["query"]
    assert query == (
        f"{alert.text}\n| RENAME source.ip.values AS sigmagen.source.ip.values, "
        "source.ip.distinct AS sigmagen.source.ip.distinct"
    )


def test_an_index_of_the_tenants_own_gets_no_index_template(tmp_path: Path) -> None:
    sources = dict(CONVERTER.sources)
    litellm = sources["litellm"]
    moved = replace(litellm.stored["elastic"], location="ours-*,theirs-*")
    sources["litellm"] = replace(litellm, stored={**litellm.stored, "elastic": moved})
    converter = replace(CONVERTER, sources=sources)
    elastic.write(collect_content(converter, FILES, "elastic"), tmp_path, converter, {})
    written = {file.stem for file in (tmp_path / elastic.INDEX_TEMPLATES).iterdir()}
    assert written == {f"sigmagen-{source.name}" for source in CONTENT.sources if source.name != "litellm"}
    assert (tmp_path / elastic.COMPONENT_TEMPLATES / "sigmagen-litellm@mappings.json").exists()


def test_a_rule_is_on_only_where_the_overlay_says_so() -> None:
    detection = find("call_count.litellm")
    assert rule_of(replace(detection, enabled=True))["enabled"] is True
    assert rule_of(detection)["enabled"] is False


def test_the_readme_never_puts_ours_over_a_custom_template(package: Path) -> None:
    text = (package / "README.md").read_text()
    assert "never PUT ours over it" in text
    # The one PUT of such a template sends what was merged.
    for block in text.split("```")[1::2]:
        if "@custom" in block:
            assert "--data-binary @merged.json" in block
            assert "--data-binary @templates" not in block
    assert "| `logs-aws_bedrock.invocation@custom` | nothing |" in text


@pytest.mark.skipif(shutil.which("jq") is None, reason="needs jq")
def test_the_merge_of_the_readme_keeps_what_is_there(package: Path, tmp_path: Path) -> None:
    (block,) = [block for block in (package / "README.md").read_text().split("```") if "jq --slurpfile" in block]
    (merge,) = re.findall(r"jq --slurpfile.*?(?= > merged)", block, re.DOTALL)
    name = "logs-aws.cloudtrail@custom"
    shutil.copytree(package / "templates", tmp_path / "templates")
    theirs = {
        "template": {"mappings": {"dynamic": "strict", "properties": {"mine": {"type": "keyword"}}}},
        "version": 7,
    }
    there = {"component_templates": [{"name": name, "component_template": theirs}]}
    (tmp_path / "there.json").write_text(json.dumps(there))
    command = merge.replace("NAME@custom", name)
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True)
    merged = json.loads(done.stdout)
    assert merged["version"] == 7
    assert merged["template"]["mappings"]["dynamic"] == "strict"
    assert set(merged["template"]["mappings"]["properties"]) == {"mine", "aws"}
