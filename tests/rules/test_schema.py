"""The JSON schemas, and what is said when a document doesn't follow them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from sigmagen.bundled import mappings_folder
from sigmagen.rules.schema import check_schema, find_schema
from sigmagen.rules.yaml import load_documents, parse_documents

RULE = find_schema("rule", None)
TEST = find_schema("test", None)


def said(text: str, schema: Path) -> list[tuple[int | None, str]]:
    (document,) = parse_documents(text.encode(), Path("file.yml")).documents
    return [(problem.line, problem.message) for problem in check_schema(document, schema, "code")]


@pytest.mark.parametrize("schema", [RULE, TEST], ids=lambda path: path.name)
def test_schemas_are_valid(schema: Path) -> None:
    assert schema.parent == mappings_folder() / "schema"
    content = json.loads(schema.read_text(encoding="utf-8"))
    assert content["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(content)


def test_a_mappings_folder_without_schemas_gets_the_built_in_ones(tmp_path: Path) -> None:
    assert find_schema("rule", tmp_path) == RULE
    own = tmp_path / "schema" / "rule.schema.json"
    own.parent.mkdir()
    own.write_text("{}", encoding="utf-8")
    assert find_schema("rule", tmp_path) == own


def test_valid_files_match_and_name_their_schemas(files: Path) -> None:
    for name, schema in (("probe.yml", RULE), ("probe.test.yml", TEST)):
        path = files / "valid" / name
        for document in load_documents(path).documents:
            assert check_schema(document, schema, "code") == []
        header = path.read_text(encoding="utf-8").splitlines()[0]
        prefix = "# yaml-language-server: $schema="
        assert header.startswith(prefix)
        assert (path.parent / header.removeprefix(prefix)).resolve() == schema.resolve()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "title: x\n",
            {(1, "missing key 'logsource' in the document"), (1, "missing key 'detection' in the document")},
        ),
        (
            "title: x\ncorrelation: {type: event_count}\nlogsource: {category: x}\n",
            {
                (2, "missing key 'rules' in 'correlation'"),
                (2, "missing key 'timespan' in 'correlation'"),
                (2, "missing key 'condition' in 'correlation'"),
                (3, "'logsource' is not allowed here"),
            },
        ),
        (
            "title: x\ncorrelation: {type: value_sum, rules: [a], timespan: 1h, condition: {gte: 5}}\n",
            {(2, "missing key 'field' in 'condition'")},
        ),
        (
            "title: 5\nlevel: severe\ntags:\n  - Attack\n  - a.b\n  - a.b\nlogsource: {category: x}\n"
            "detection: {a: {b: c}, condition: a}\nframework: {}\n",
            {
                (1, "'title' must be text, not a number"),
                (2, "'level' can't be 'severe'"),
                (3, "'tags' has duplicate items"),
                (4, "item 1 of 'tags' can't be 'Attack'"),
                (9, "unknown key 'framework' in the document"),
            },
        ),
    ],
)
def test_messages_for_rules(text: str, expected: set[tuple[int, str]]) -> None:
    assert set(said(text, RULE)) == expected


def test_unknown_key_has_suggestion() -> None:
    (document,) = parse_documents(b"rule: x\ncase: []\ncases: [{}]\n", Path("file.yml")).documents
    problems = check_schema(document, TEST, "code")
    assert problems[0].hint == "did you mean 'cases'?"
    assert [problem.line for problem in problems] == [2, 3, 3, 3, 3]
