"""KQL over columns of unknown type: numbers written as text, and what a string column can't tell apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from sigmagen.bundled import mappings_folder
from sigmagen.convert.converter import Query
from sigmagen.engines.kusto_language import KustoLanguage
from sigmagen.rules.load import load_rules
from sigmagen.rules.model import BaseRule
from tests.native_logs import converter

HEAD = "title: T\nlogsource: {product: windows, service: security}\ndetection:\n"


def converted(detection: str, folder: Path, siem: str = "sentinel") -> Query:
    path = folder / "rule.yml"
    path.write_text(HEAD + "".join(f"  {line}\n" for line in detection.splitlines()))
    (file,) = load_rules([path], rules_folder=folder, mappings_folder=mappings_folder()).files
    (rule,) = file.subjects
    assert isinstance(rule, BaseRule)
    source = converter().fallback(rule)
    assert source is not None
    return converter().convert(rule, source, siem)


@pytest.mark.parametrize(
    ("item", "text"),
    [
        ("Port: '443'", 'tostring(Port) =~ "443"'),
        ("Port: ['3', '10']", 'tostring(Port) in~ ("3", "10")'),
        ("Port: ['3', x]", 'tostring(Port) in~ ("3", "x")'),
        ("Port|cased: '443'", 'tostring(Port) == "443"'),
        ("Port|startswith: '44'", 'tostring(Port) startswith "44"'),
        ("Port|endswith: '43'", 'tostring(Port) endswith "43"'),
        ("Port|contains: '4'", 'tostring(Port) contains "4"'),
        ("Port: '4*3'", "tolower(tostring(Port)) matches regex @'^4(?s:.)*3\\z'"),
        ("Port|re: '^5\\d\\d'", "tostring(Port) matches regex @'^5[0-9][0-9]'"),
        ("Port: '-1.5'", 'tostring(Port) =~ "-1.5"'),
        ("Name: svchost.exe", 'Name =~ "svchost.exe"'),
        ("Name|re: 'a5'", "Name matches regex @'a5'"),
        ("Port: 443", "todouble(Port) == 443"),
    ],
)
def test_a_number_written_as_text_is_compared_as_text(item: str, text: str, tmp_path: Path) -> None:
    assert converted(f"s: {{{item}}}\ncondition: s", tmp_path).text.endswith(f"| where {text}")


@pytest.mark.parametrize(
    ("item", "text"),
    [
        ("Port: '443'", 'tostring(Port) !~ "443"'),
        ("Port: ['3', '10']", 'tostring(Port) !in~ ("3", "10")'),
        ("Port|startswith: '44'", 'not(tostring(Port) startswith "44")'),
    ],
)
def test_so_is_one_that_is_negated(item: str, text: str, tmp_path: Path) -> None:
    assert converted(f"s: {{{item}}}\ncondition: not s", tmp_path).text.endswith(f"| where {text}")


@pytest.mark.kusto_language
def test_microsofts_parser_takes_them_for_a_column_of_numbers(kusto_language: KustoLanguage, tmp_path: Path) -> None:
    schema = {"SecurityEvent": {"TimeGenerated": "datetime", "Port": "long"}}
    assert kusto_language.check('SecurityEvent | where Port =~ "443"', schema)
    for item in ("Port: '443'", "Port: ['3', '10']", "Port|contains: '4'", "Port: '4*3'", "Port|re: '^5\\d\\d'"):
        for condition in ("s", "not s"):
            text = converted(f"s: {{{item}}}\ncondition: {condition}", tmp_path).text
            assert not kusto_language.check(text, schema), text


@pytest.mark.parametrize("item", ["Name: null", "Name|exists: true", "Name|exists: false", "Name: [x, null]"])
def test_warns_that_missing_and_empty_strings_are_indistinguishable(item: str, tmp_path: Path) -> None:
    query = converted(f"s: {{{item}}}\ncondition: s", tmp_path)
    (warning,) = query.warnings[:1]
    assert warning.code == "detection-approximated"
    assert "Name is tested for null or for its existence" in warning.message
    assert "can't be distinguished" in warning.message
    for siem in ("splunk", "elastic"):
        assert not [
            found
            for found in converted(f"s: {{{item}}}\ncondition: s", tmp_path, siem).warnings
            if "null or" in found.message
        ]
