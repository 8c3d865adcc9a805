"""Every query of the package, read by Microsoft's own parser with the tables' schemas."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from sigmagen.engines.kusto_language import Function, KustoLanguage
from sigmagen.mapping.sentinel_tables import build_table_schemas
from sigmagen.packages.sentinel.package import Package
from sigmagen.packages.sentinel.workbook import queries
from tests.log_analytics import documented_tables
from tests.native_logs import converter
from tests.packages.sentinel.conftest import Documents

pytestmark = pytest.mark.kusto_language

WATCHLIST = Function("_GetWatchlist", "(alias: string)", "{ datatable(SearchKey: string, Value: string)[] }")
SECURITY_ALERT = {
    "TimeGenerated": "datetime",
    "AlertName": "string",
    "AlertSeverity": "string",
    "AlertType": "string",
    "Entities": "string",
    "ExtendedProperties": "string",
    "ProviderName": "string",
    "SystemAlertId": "string",
}


def tables(*, whole: bool) -> dict[str, Mapping[str, str]]:
    """All tables, as the mappings declare them or with every column that Microsoft documents."""
    found: dict[str, Mapping[str, str]] = {"SecurityAlert": SECURITY_ALERT}
    for source in converter().sources.values():
        for name, columns in build_table_schemas(source, converter().taxonomy).items():
            found[name] = documented_tables().get(name, columns) if whole else columns
    return found


@pytest.fixture
def functions(function_files: Documents) -> list[Function]:
    """The workspace's functions: the package's own, and Sentinel's for watchlists."""
    own = [Function(item["FunctionAlias"], "()", f"{{ {item['FunctionQuery']} }}") for item in function_files.values()]
    return [*own, WATCHLIST]


def texts(folder: Path, package: Package, *files: Documents) -> Iterator[tuple[str, str]]:
    """(where, KQL) of every query in the package."""
    for documents in files:
        for name, document in documents.items():
            yield name, document.get("query") or document["FunctionQuery"]
    for path in sorted((folder / "readiness").iterdir()):
        yield path.name, path.read_text("utf-8")
    for number, query in enumerate(queries(package.workbook)):
        yield f"workbook {number}", query


@pytest.mark.parametrize("whole", [False, True], ids=["as mapped", "as documented"])
def test_every_query_is_clean(
    folder: Path,
    package: Package,
    rule_files: Documents,
    watchlist_rule_files: Documents,
    hunt_files: Documents,
    function_files: Documents,
    functions: list[Function],
    kusto_language: KustoLanguage,
    whole: bool,
) -> None:
    known, checked, offenders = tables(whole=whole), 0, []
    for where, text in texts(folder, package, rule_files, watchlist_rule_files, hunt_files, function_files):
        checked += 1
        called = functions if "sigmagen_" in text else []
        found = kusto_language.check(text, known, called)
        offenders += [f"{where}: {item}" for item in found if item.severity in ("error", "warning")]
    assert not offenders
    assert checked > 140


def test_entities_and_custom_details_are_columns_of_the_result(
    rule_files: Documents,
    watchlist_rule_files: Documents,
    hunt_files: Documents,
    functions: list[Function],
    kusto_language: KustoLanguage,
) -> None:
    offenders, checked = [], 0
    for documents in (rule_files, watchlist_rule_files, hunt_files):
        for name, document in documents.items():
            columns = kusto_language.columns(document["query"], tables(whole=False), functions)
            named = {
                field["columnName"] for item in document.get("entityMappings", []) for field in item["fieldMappings"]
            }
            named |= set(document.get("customDetails", {}).values())
            named |= set(re.findall(r"\{\{(.+?)\}\}", str(document.get("alertDetailsOverride", ""))))
            checked += len(named)
            offenders += [f"{name}: {column}" for column in named if columns.get(column) in (None, "dynamic")]
    assert not offenders
    assert checked > 200


def test_a_parser_function_yields_time_and_canonical_columns_and_nothing_else(
    function_files: Documents, functions: list[Function], kusto_language: KustoLanguage
) -> None:
    public = {name.replace(".", "_") for name, field in converter().taxonomy.fields.items() if not field.private}
    for name in function_files:
        columns = list(kusto_language.columns(name, tables(whole=True), functions))
        assert columns[0] == "TimeGenerated"
        assert len(columns) > 5
        assert set(columns[1:]) <= public


def test_a_query_that_reads_a_watchlist_needs_the_function(
    watchlist_rule_files: Documents, kusto_language: KustoLanguage
) -> None:
    for document in watchlist_rule_files.values():
        assert [found.code for found in kusto_language.check(document["query"], tables(whole=False))] == ["KS211"]
