"""The pySigma plugin inside this process: what `sigma convert` would get is what `sigmagen convert` writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sigma.backends.test.backend import TextQueryTestBackend
from sigma.collection import SigmaCollection
from sigma.exceptions import SigmaConversionError, SigmaTransformationError
from sigma.processing.pipeline import ProcessingItem, ProcessingPipeline
from sigma.processing.transformations import FieldMappingTransformation

from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.convert.converter import Converter
from sigmagen.convert.many import convert_all
from sigmagen.plan.model import Mode
from sigmagen.pysigma.backend import SigmagenBackend
from sigmagen.pysigma.backends import (
    SigmagenClickHouseBackend,
    SigmagenElasticBackend,
    SigmagenSentinelBackend,
    SigmagenSparkBackend,
    SigmagenSplunkBackend,
    SigmagenTrinoBackend,
)
from sigmagen.pysigma.pipelines import pipelines
from sigmagen.pysigma.renames import source_names
from sigmagen.rules.load import find_rule_files, load_rules

BACKENDS: list[Any] = [SigmagenElasticBackend, SigmagenSentinelBackend, SigmagenSplunkBackend]
LAKES: list[Any] = [SigmagenSparkBackend, SigmagenTrinoBackend, SigmagenClickHouseBackend]
FILES = find_rule_files([rules_folder()])[0]
CONVERTER = Converter.load(mappings_folder())
PLAIN = """\
title: t
logsource: {product: windows, category: process_creation}
detection:
  selection:
    - {Image|endswith: '\\a*\\*b?.exe', 'CommandLine|re|i': '\\\\x\\.exe"', Level: [1, 2.5]}
    - {Signed: true, Other: null, 'Field|contains|all': ['a\\\\', '\\\\\\\\b*'], 'x|base64offset|contains': foo}
  words: [one, two]
  condition: selection or words
"""


def made(backend: Any, *arguments: Any, **options: Any) -> SigmagenBackend:
    """A backend; the base class fills in pySigma's abstract methods in a way that mypy can't see."""
    found: SigmagenBackend = backend(*arguments, **options)
    return found


def ours(path: Path, target: str, mode: Mode) -> list[str]:
    loaded = load_rules([path], rules_folder=rules_folder(), mappings_folder=mappings_folder())
    return [query.text for _, query in convert_all(CONVERTER, loaded.files, [target], [], mode).queries]


@pytest.mark.parametrize("backend", BACKENDS, ids=[backend.target for backend in BACKENDS])
@pytest.mark.parametrize("mode", ["alert", "hunt"])
@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_a_built_in_rule_has_the_same_text(path: Path, mode: Mode, backend: Any) -> None:
    collection = SigmaCollection.load_ruleset([path])
    assert backend().convert(collection, correlation_method=mode) == ours(path, backend.target, mode)


@pytest.mark.parametrize("backend", LAKES, ids=[backend.target for backend in LAKES])
def test_a_built_in_rule_has_the_same_text_for_a_lake(backend: Any) -> None:
    path = rules_folder() / "volume" / "call_count.yml"
    collection = SigmaCollection.load_ruleset([path])
    (text,) = backend().convert(collection, correlation_method="hunt")
    assert [text] == ours(path, backend.target, "hunt")


@pytest.mark.parametrize("backend", BACKENDS, ids=[backend.target for backend in BACKENDS])
def test_a_plain_rule_of_any_log_source_has_the_same_text(backend: Any, tmp_path: Path) -> None:
    path = tmp_path / "rule.yml"
    path.write_text(PLAIN)
    assert backend().convert(SigmaCollection.load_ruleset([path])) == ours(path, backend.target, "alert")


def test_options_select_source_and_location() -> None:
    collection = SigmaCollection.from_yaml(PLAIN)
    (text,) = made(SigmagenElasticBackend, location="logs-mine", source="generic").convert(collection)
    assert text.startswith("FROM logs-mine METADATA")
    rule = SigmaCollection.load_ruleset([rules_folder() / "volume" / "call_count.yml"])
    assert len(made(SigmagenSplunkBackend, source=["litellm", "apim"]).convert(rule)) == 2


def test_location_that_changes_query_is_rejected() -> None:
    collection = SigmaCollection.from_yaml(PLAIN)
    with pytest.raises(SigmaConversionError, match="is not a comma-separated list of index patterns"):
        made(SigmagenElasticBackend, location="logs-* | DROP x", source="generic").convert(collection)


def test_a_pipeline_is_applied_first() -> None:
    pipeline = ProcessingPipeline(items=[ProcessingItem(FieldMappingTransformation({"Image": "process.executable"}))])
    (text,) = made(SigmagenElasticBackend, pipeline).convert(SigmaCollection.from_yaml(PLAIN))
    assert "TO_LOWER(process.executable)" in text


def test_unconvertible_rule_raises_pysigma_error() -> None:
    rule = "title: t\nlogsource: {category: ai_inference}\ndetection: {s: {user.idd: a}, condition: s}\n"
    with pytest.raises(SigmaConversionError, match=r"unknown field user\.idd.*did you mean user\.id"):
        made(SigmagenSplunkBackend).convert(SigmaCollection.from_yaml(rule))
    lenient = made(SigmagenSplunkBackend, collect_errors=True)
    assert lenient.convert(SigmaCollection.from_yaml(rule)) == []
    assert len(lenient.errors) == 1


def test_there_is_a_pipeline_for_each_source_and_siem() -> None:
    assert source_names() == sorted(CONVERTER.sources)
    assert len(pipelines) == 3 * len(CONVERTER.sources)
    assert all(isinstance(make(), ProcessingPipeline) for make in pipelines.values())


def test_pipeline_renames_fields_or_fails() -> None:
    def converted(field: str, source: str, siem: str) -> list[str]:
        rule = f"title: t\nlogsource: {{category: ai_inference}}\ndetection: {{s: {{{field}: a}}, condition: s}}\n"
        backend = TextQueryTestBackend(pipelines[f"sigmagen_{source}_{siem}"]())
        return list(backend.convert(SigmaCollection.from_yaml(rule)))

    assert converted("user.id", "canonical", "sentinel") == ['event_action is null and user_id="a"']
    assert converted("user.id", "canonical", "elastic") == ["'event.action' is null and 'user.id'=\"a\""]
    with pytest.raises(SigmaTransformationError, match="is computed in splunk"):
        converted("gen_ai.prompt.hash", "litellm", "splunk")
    with pytest.raises(SigmaTransformationError, match="no known field"):
        converted("no.such.field", "canonical", "splunk")
    with pytest.raises(SigmaTransformationError, match="only a part"):
        converted("user.id", "apim", "splunk")
