"""What a rule says stays text: in YAML, in ARM, in the alert's name, in a watchlist, in a file's name."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from sigmagen.bundled import mappings_folder
from sigmagen.content.detections import collect_content
from sigmagen.convert.converter import Converter
from sigmagen.packages.sentinel import arm, write
from sigmagen.packages.sentinel.community import to_yaml
from sigmagen.packages.sentinel.formatting import file_name
from sigmagen.packages.sentinel.watchlist import Watchlist
from sigmagen.rules.load import load_rules
from tests.packages.sentinel.conftest import yaml_files

HOSTILE = [
    "[concat('a', subscription().id)]",
    "[[already escaped]]",
    "[a] b",
    "{{user_id}} {{gen_ai_prompt}}",
    "{{{{value}}}}",
    "quote \" and \\ and '",
    "- item: [a, b] # comment",
    "key: value",
    "!!python/object/apply:os.system [id]",
    "&anchor *alias",
    "yes",
    "=cmd|' /C calc'!A0",
    "]]> </script> <b>",
    "trailing space ",
    "\u2028 \u202e turned",
    "| cell | cell |",
    "[link](http://example.com)",
]


def arm_value(text: str) -> str:
    """What Azure Resource Manager makes of a text: an expression is evaluated, `[[` at its start is one bracket."""
    if text.startswith("[") and text.endswith("]"):
        assert text.startswith("[["), f"{text} would be evaluated"
        return text[1:]
    return text


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [found for item in value.values() for found in strings(item)]
    if isinstance(value, list):
        return [found for item in value for found in strings(item)]
    return [value] if isinstance(value, str) else []


def packaged(text: str, folder: Path) -> dict[str, Any]:
    """A package of one rule that says `text` wherever it can; returns its only detection's YAML."""
    detection = {"selection": {"gen_ai.request.model": text or "x"}, "condition": "selection"}
    documents = [
        {"title": "base", "name": "base", "logsource": {"category": "ai_inference"}, "detection": detection},
        {
            "title": text,
            "name": "hostile",
            "id": "11111111-2222-4333-8444-555555555555",
            "level": "critical",
            "description": text,
            "falsepositives": [text],
            "tags": ["attack.t9999", "attack.no-such-tactic", "attack.exfiltration"],
            "correlation": {
                "type": "event_count",
                "rules": ["base"],
                "group-by": ["user.id"],
                "timespan": "1h",
                "condition": {"gte": 5},
            },
        },
    ]
    path = folder / "rule.yml"
    path.write_text(yaml.safe_dump_all(documents, allow_unicode=True), encoding="utf-8")
    loaded = load_rules([path], rules_folder=folder, mappings_folder=mappings_folder())
    assert loaded.files, loaded.problems
    converter = Converter.load(mappings_folder())
    found = collect_content(converter, loaded.files, "sentinel", ["canonical"])
    write(found, folder / "out", converter, {})
    return yaml_files(folder / "out" / "yaml" / "analytic-rules")["hostile.canonical"]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_rule_s_text_stays_text_everywhere(text: str, tmp_path: Path) -> None:
    rule = packaged(text, tmp_path)
    (path,) = (tmp_path / "out" / "repositories" / "canonical" / "analytics-rules").glob("hostile.*")
    resource = json.loads(path.read_text("utf-8"))["resources"][0]["properties"]
    pairs = {"displayName": "name", "description": "description", "query": "query"}
    for ours, theirs in pairs.items():
        assert arm_value(resource[ours]) == rule[theirs]
    # Placeholders in the alert's texts are the package's own.
    shown = rule["alertDetailsOverride"]
    assert re.findall(r"\{\{(.*?)\}\}", shown["alertDisplayNameFormat"]) == ["user_id"]
    assert re.findall(r"\{\{(.*?)\}\}", shown["alertDescriptionFormat"]) == ["value", "window_start", "window_end"]
    assert rule["severity"] == "High"
    assert rule["tactics"] == ["Exfiltration"]
    assert "relevantTechniques" not in rule


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_arm_evaluates_only_the_package_s_own_expressions(text: str, tmp_path: Path) -> None:
    packaged(text, tmp_path)
    own = re.compile(
        r"\[(concat\(parameters\('workspace'\), '/[\w./-]+'\)|parameters\('location'\)|resource\w+\(.*\).*)\]"
    )
    for path in sorted((tmp_path / "out").rglob("*.json")):
        document = json.loads(path.read_text("utf-8"))
        for value in strings(document.get("resources", [])):
            if value.startswith("[") and value.endswith("]") and not value.startswith("[["):
                assert own.fullmatch(value), (path.name, value)


@pytest.mark.parametrize(
    "text", [*HOSTILE, "two\nlines", "ends with newline\n", " \n\tx", "", "tab\tand\r\ncr", "\x07bell", "---"]
)
def test_yaml_reads_back_as_it_was(text: str) -> None:
    document = {"name": text, "list": [text, {"key": text}]}
    assert yaml.safe_load(to_yaml(document)) == document


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_arm_gives_back_what_was_put_in(text: str) -> None:
    template = json.loads(arm.template([arm.search_resource("id", text, text, text, {"description": text})], "1.2.3"))
    said = template["resources"][0]["properties"]
    assert [arm_value(said[key]) for key in ("category", "displayName", "query")] == [text] * 3
    assert arm_value(said["tags"][0]["value"]) == text


def test_a_watchlist_keeps_every_value_apart() -> None:
    values = (*HOSTILE, "a,b", 'say "x"', "two\nlines")
    reader = csv.reader(Watchlist("sigmagen_list", "list", values).csv.splitlines(keepends=True))
    assert list(reader) == [["Value"], *([value] for value in values)]


def test_a_rule_s_name_leads_to_no_other_folder_and_overwrites_no_other_file() -> None:
    names = ["../../etc/passwd", "..", ".", "a/b", "a_b", "a\\b", "a b", "x" * 300, "x" * 301, "\u00e4", "con\x00"]
    files = [file_name(name) for name in names]
    assert len(set(files)) == len(names)
    for name in files:
        assert re.fullmatch(r"[A-Za-z0-9_.+-]{1,120}", name)
        assert name not in (".", "..")
