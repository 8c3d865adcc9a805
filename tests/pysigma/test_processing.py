"""Rules that are processed by pySigma's pipelines before they are converted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.convert.converter import Converter, Query
from sigmagen.convert.many import convert_all
from sigmagen.problems import SigmagenError
from sigmagen.pysigma.processing import load_processor, load_schemas
from sigmagen.rules.load import LoadedRules, load_rules
from sigmagen.targets import registry

CONVERTER = Converter.load(mappings_folder())
Load = Callable[..., LoadedRules]
RULES = """\
title: Process
name: process
logsource: {product: windows, category: process_creation}
detection:
  selection: {Image|endswith: '\\whoami.exe', CommandLine|contains|all: [' /all', x]}
  filter: {ParentImage: 'C:\\ok.exe'}
  condition: selection and not filter
---
title: Logon
name: logon
logsource: {product: windows, service: security}
detection: {selection: {EventID: 4624}, condition: selection}
"""
MANY = """\
---
title: Many
correlation:
  type: value_count
  rules: [process]
  group-by: [Computer, User]
  timespan: 1h
  condition: {field: CommandLine, gte: 5}
"""
NEAR = """\
---
title: Near
correlation: {type: temporal, rules: [process, logon], group-by: [User], timespan: 1h}
"""
RENAMING = """\
name: Own fields
priority: 10
transformations:
  - id: fields
    type: field_name_mapping
    mapping: {Image: exe, CommandLine: args, ParentImage: parent, Computer: host, User: account}
    rule_conditions: [{type: logsource, category: process_creation}]
"""


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """A function that loads rules with a pipeline, both given as text."""

    def loaded(rules: str, pipeline: str, target: str = "elastic") -> LoadedRules:
        (tmp_path / "pipeline.yml").write_text(pipeline)
        (tmp_path / "rules").mkdir()
        (tmp_path / "rules" / "rule.yml").write_text(rules)
        processor, _ = load_processor(registry.get(target), [str(tmp_path / "pipeline.yml")], [], mappings_folder())
        assert processor is not None
        return load_rules(
            [tmp_path / "rules"],
            rules_folder=rules_folder(),
            mappings_folder=mappings_folder(),
            processor=processor,
        )

    return loaded


def convert(loaded: LoadedRules, target: str = "elastic") -> list[Query]:
    """The queries of loaded rules for the generic source."""
    assert not loaded.problems
    result = convert_all(CONVERTER, loaded.files, [target], ["generic"], "hunt")
    assert not result.failed
    return [query for _, query in result.queries]


def rejection(loaded: LoadedRules) -> str:
    """The one problem of the rules."""
    (problem,) = loaded.problems
    assert (problem.code, Path(str(problem.file)).name) == ("pipeline-rejected", "rule.yml")
    assert problem.line is not None
    return problem.message


@pytest.mark.parametrize("target", ["splunk", "elastic", "sentinel", "duckdb"])
def test_renamed_rule_converts_like_rule_with_these_names(load: Load, target: str, tmp_path: Path) -> None:
    names = {"Image": "exe", "CommandLine": "args", "ParentImage": "parent", "Computer": "host", "User": "account"}
    by_hand = RULES + MANY
    for name, new in reversed(names.items()):
        by_hand = by_hand.replace(name, new)
    by_hand = by_hand.replace("Parentexe", "parent")
    (tmp_path / "by_hand.yml").write_text(by_hand)
    expected = load_rules([tmp_path / "by_hand.yml"], rules_folder=rules_folder(), mappings_folder=mappings_folder())
    found = [query.text for query in convert(load(RULES + MANY, RENAMING, target), target)]
    assert found == [query.text for query in convert(expected, target)]
    assert "account" in found[-1]


def test_field_with_other_name_in_each_rule_becomes_alias(load: Load) -> None:
    (query,) = convert(load(RULES + NEAR, RENAMING))
    assert query.columns == {"User": "User"}
    assert "account" in query.text


def test_condition_of_pipeline_is_added(load: Load) -> None:
    pipeline = """\
name: Channel
transformations:
  - {id: channel, type: add_condition, conditions: {Channel: Security}}
"""
    texts = [query.text for query in convert(load(RULES, pipeline))]
    assert all('TO_LOWER(Channel) == "security"' in text for text in texts)


def test_pipeline_sets_location_for_its_target(load: Load) -> None:
    pipeline = "name: Index\ntransformations:\n  - {id: index, type: set_state, key: index, val: 'logs-own-*'}\n"
    assert all(query.text.startswith("FROM logs-own-*") for query in convert(load(RULES, pipeline)))


def test_location_that_would_change_query_is_rejected(load: Load) -> None:
    pipeline = (
        "name: Index\ntransformations:\n  - {id: index, type: set_state, key: index, val: 'logs | DROP @timestamp'}\n"
    )
    problems = load(RULES, pipeline).problems
    assert len(problems) == 2
    assert all("unusable location" in problem.message for problem in problems)


def test_rules_of_one_log_source_in_two_places_are_rejected(load: Load) -> None:
    pipeline = """\
name: Tables
transformations:
  - {id: a, type: set_state, key: query_table, val: First}
  - id: b
    type: set_state
    key: query_table
    val: Second
    rule_conditions: [{type: contains_field, field: OriginalFileName}]
"""
    second = RULES.split("---")[0].replace("name: process", "name: other")
    second = second.replace("{Image", "{OriginalFileName: a, Image")
    both = NEAR.replace("logon", "other")
    assert "into First and Second" in rejection(load(f"{RULES}---\n{second}{both}", pipeline, "sentinel"))


def test_rule_that_pipeline_fails_is_rejected_with_its_reason(load: Load) -> None:
    pipeline = """\
name: Failure
transformations:
  - {id: failure, type: rule_failure, message: "no such log here",
     rule_conditions: [{type: logsource, service: security}]}
"""
    assert rejection(load(RULES, pipeline)) == "no such log here"


def test_group_by_field_with_several_names_is_rejected(load: Load) -> None:
    pipeline = "name: Two\ntransformations:\n  - {id: f, type: field_name_mapping, mapping: {User: [a, b]}}\n"
    assert rejection(load(RULES + MANY, pipeline)) == ("a correlation needs one name for 'User', but Process has: a, b")


def test_detection_field_with_several_names_matches_any_of_them(load: Load) -> None:
    pipeline = "name: Two\ntransformations:\n  - {id: f, type: field_name_mapping, mapping: {EventID: [a, b]}}\n"
    text = convert(load(RULES, pipeline))[-1].text
    assert "TO_DOUBLE(a) == 4624 OR TO_DOUBLE(b) == 4624" in text


@pytest.mark.parametrize(
    ("condition", "kept"),
    [("selection and dropped", True), ("selection or dropped", False), ("selection and not dropped", False)],
)
def test_part_that_pipeline_drops_is_only_left_out_of_and(load: Load, condition: str, kept: bool) -> None:
    rule = f"""\
title: Dropped
logsource: {{product: windows, service: security}}
detection: {{selection: {{a: b}}, dropped: {{EventID: 1}}, condition: {condition}}}
"""
    pipeline = """\
name: Drop
transformations:
  - {id: drop, type: drop_detection_item, field_name_conditions: [{type: include_fields, fields: [EventID]}]}
"""
    loaded = load(rule, pipeline)
    if kept:
        assert "EventID" not in convert(loaded)[0].text
    else:
        assert "drops a part" in rejection(loaded)


def test_filters_are_processed_like_rules(load: Load) -> None:
    rule_filter = """\
---
title: Exception
logsource: {product: windows, category: process_creation}
filter: {rules: any, selection: {Image: 'C:\\good.exe'}, condition: not selection}
"""
    text = convert(load(RULES + rule_filter, RENAMING))[0].text
    assert 'TO_LOWER(exe) != "c:\\\\good.exe"' in text


def test_unknown_pipeline_and_schema_are_usage_errors() -> None:
    for pipelines, schemas in ((["no-such-pipeline"], []), ([], ["no-such-schema"])):
        with pytest.raises(SigmagenError) as error:
            load_processor(registry.get("elastic"), pipelines, schemas, mappings_folder())
        assert error.value.exit_code == 3
        assert error.value.problems[0].hint


@pytest.mark.parametrize("text", ["{", "transformations: [{type: nonsense}]\n", "- 1\n", "transformations: 3\n"])
def test_broken_pipeline_file_is_an_error_with_its_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / "pipeline.yml"
    file.write_text(text)
    with pytest.raises(SigmagenError) as error:
        load_processor(registry.get("elastic"), [str(file)], [], mappings_folder())
    assert error.value.problems[0].file == str(file)


def test_postprocessing_of_queries_is_a_warning(tmp_path: Path) -> None:
    file = tmp_path / "pipeline.yml"
    file.write_text("name: Post\npostprocessing:\n  - {id: p, type: embed, prefix: 'x | '}\n")
    _, (warning,) = load_processor(registry.get("elastic"), [str(file)], [], mappings_folder())
    assert (warning.code, warning.severity) == ("pipeline-postprocessing", "warning")


def test_all_pipelines_of_the_schemas_are_installed_by_the_extra() -> None:
    for name, entry in load_schemas(mappings_folder()).items():
        for siem in set(entry) & set(registry.siems()):
            processor, warnings = load_processor(registry.get(siem), [], [name], mappings_folder())
            assert processor is not None
            assert not warnings


@pytest.mark.parametrize(
    ("target", "schema", "place", "column"),
    [
        ("splunk", "cim", "tag=process tag=report ", "process_path="),
        ("splunk", "sysmon", 'index=* source="WinEventLog:Microsoft-Windows-Sysmon/Operational" EventCode=1', "Image="),
        ("elastic", "ecs", "FROM logs-*", "process.executable"),
        ("sentinel", "asim", "imProcessCreate", "TargetProcessName endswith"),
        ("sentinel", "xdr", "DeviceProcessEvents", "FolderPath endswith"),
        ("sentinel", "windows", "SecurityEvent", "NewProcessName endswith"),
    ],
)
def test_schema_sets_table_and_fields(tmp_path: Path, target: str, schema: str, place: str, column: str) -> None:
    (tmp_path / "rule.yml").write_text(RULES.split("---")[0])
    processor, _ = load_processor(registry.get(target), [], [schema], mappings_folder())
    loaded = load_rules(
        [tmp_path / "rule.yml"], rules_folder=rules_folder(), mappings_folder=mappings_folder(), processor=processor
    )
    (query,) = convert(loaded, target)
    assert query.text.startswith(place)
    assert column in query.text
