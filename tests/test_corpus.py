"""A sample of the public Sigma rules: everything loads and converts, but for what a target really can't say.

SIGMAGEN_CORPUS names a tar file of the rules of SigmaHQ/sigma. `make bench` runs all of them.
"""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest

from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.convert.converter import Converter
from sigmagen.convert.many import Conversion, convert_all
from sigmagen.engines.kusto_language import KustoLanguage
from sigmagen.lint import lint
from sigmagen.lint.catalogue import apply_profile, load_catalogue
from sigmagen.mapping.generic import GENERIC, field_types
from sigmagen.rules.load import load_rules
from sigmagen.targets import registry

ROOT = Path(__file__).resolve().parents[1]
ARCHIVE = Path(os.environ.get("SIGMAGEN_CORPUS") or ROOT / "build" / "sigmahq-rules.tar.gz")
EVERY = 12
CANT = ("too complex for Elasticsearch", "which Lucene does not support")
KQL_TYPES = {"float": "long", "boolean": "bool", "timestamp": "datetime"}


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Conversion:
    """Every twelfth rule for all SIEMs."""
    if not ARCHIVE.exists():
        pytest.skip("needs the public Sigma rules: set SIGMAGEN_CORPUS to a tar file of them")
    folder = tmp_path_factory.mktemp("corpus")
    with tarfile.open(ARCHIVE) as archive:
        members = [member for member in archive.getmembers() if member.name.endswith(".yml")]
        archive.extractall(folder, members[::EVERY], filter="data")
    loaded = load_rules([folder], rules_folder=rules_folder(), mappings_folder=mappings_folder())
    assert not loaded.problems
    assert len(loaded.files) == len(members[::EVERY])
    return convert_all(Converter.load(mappings_folder()), loaded.files, registry.siems(), [])


def test_nothing_is_refused_that_could_be_said(converted: Conversion) -> None:
    errors = [str(problem) for problem in converted.problems if problem.severity == "error"]
    assert not [error for error in errors if not any(reason in error for reason in CANT)]
    by_target = {summary.target: summary for summary in converted.summaries}
    assert by_target["splunk"].refused == by_target["sentinel"].refused == 0
    assert by_target["elastic"].refused <= 3


def test_every_query_has_its_rule_s_values(converted: Conversion) -> None:
    assert all(len(query.text) > len(query.stored_source.location) + 5 for _, query in converted.queries)


def test_public_rules_have_no_errors_under_profile_sigma(converted: Conversion, tmp_path: Path) -> None:
    files = {file.path for file, _ in converted.queries}
    loaded = load_rules(sorted(files), rules_folder=rules_folder(), mappings_folder=mappings_folder())
    problems = lint(loaded, mappings_folder=mappings_folder())
    found = apply_profile(problems, load_catalogue(mappings_folder()), "sigma")
    assert {problem.severity for problem in found} <= {"info"}


@pytest.mark.kusto_language
def test_microsoft_s_parser_accepts_every_kql_query(converted: Conversion, kusto_language: KustoLanguage) -> None:
    wrong = []
    for _, query in converted.queries:
        if query.target != "sentinel" or query.source.name != GENERIC:
            continue
        columns = {"TimeGenerated": "datetime"}
        for name, kind in field_types(query.rule).items():
            first, dot, _ = name.partition(".")
            columns[first] = "dynamic" if dot else KQL_TYPES.get(kind, "string")
        found = kusto_language.check(query.text, {query.stored_source.location: columns})
        wrong += [f"{query.rule.file}: {one}" for one in found if one.severity in ("error", "warning")]
    assert not wrong, "\n".join(wrong)
