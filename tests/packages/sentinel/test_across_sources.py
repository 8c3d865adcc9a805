"""A rule across two log sources: a part of its own, with the readiness of each source."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sigmagen.bundled import mappings_folder
from sigmagen.content.detections import collect_content
from sigmagen.engines.kusto_language import KustoLanguage
from sigmagen.packages.sentinel import write
from sigmagen.rules.load import load_rules
from tests.native_logs import converter
from tests.packages.sentinel.conftest import yaml_files
from tests.packages.sentinel.test_kql import tables
from tests.test_across_sources import RULE

NAME = "denied_then_long.cloudtrail+bedrock_invocation"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "rule.yml"
    path.write_text(RULE)
    loaded = load_rules([path], rules_folder=tmp_path, mappings_folder=mappings_folder())
    found = collect_content(converter(), loaded.files, "sentinel", ["cloudtrail+bedrock_invocation"])
    assert [item.name for item in found.detections] == [NAME]
    assert not write(found, tmp_path / "out", converter(), {})
    return tmp_path / "out"


def test_it_has_a_template_of_its_own_and_maps_its_alias_to_an_entity(folder: Path) -> None:
    rule = yaml_files(folder / "yaml" / "analytic-rules")[NAME]
    assert rule["entityMappings"] == [
        {"entityType": "Account", "fieldMappings": [{"identifier": "Name", "columnName": "account"}]}
    ]
    own = json.loads((folder / "arm" / "cloudtrail+bedrock_invocation.json").read_text("utf-8"))
    kinds = [resource["type"].rpartition("/")[2] for resource in own["resources"]]
    assert kinds.count("alertRules") == 1
    searches = [resource["properties"] for resource in own["resources"] if resource["type"].endswith("/savedSearches")]
    assert len(searches) == len(kinds) - 1
    asked = {item["functionAlias"] for item in searches if "functionAlias" in item}
    assert len(searches) - len(asked) == 3, "a hunt, and for each part a readiness query"
    stem = "sigmagen_denied_then_long_cloudtrail_bedrock_invocation"
    parts = ("cloudtrail", "bedrock_invocation")
    assert {f"{stem}_alerts", *(f"{stem}_who_is_it_{part}" for part in parts)} <= asked
    for source in ("cloudtrail", "bedrock_invocation"):
        assert (folder / "arm" / f"{source}.json").exists()
        assert (folder / "readiness" / f"{NAME}.{source}.kql").exists()


@pytest.mark.kusto_language
def test_its_queries_are_clean(folder: Path, kusto_language: KustoLanguage) -> None:
    texts = [
        document["query"]
        for kind in ("analytic-rules", "hunting-queries")
        for document in yaml_files(folder / "yaml" / kind).values()
    ]
    texts += [path.read_text("utf-8") for path in (folder / "readiness").iterdir()]
    assert len(texts) > 5
    assert not [found for text in texts for found in kusto_language.check(text, tables(whole=True))]
