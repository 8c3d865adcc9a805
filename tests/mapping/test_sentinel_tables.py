"""The tables that the mappings name in Log Analytics are the ones that are there."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from sigmagen.bundled import mappings_folder
from sigmagen.mapping.sentinel_tables import build_table_schemas
from sigmagen.mapping.source import load_sources
from sigmagen.mapping.taxonomy import load_taxonomy
from tests.log_analytics import documented_tables

SOURCES = {name: source for name, source in load_sources(mappings_folder()).items() if "sentinel" in source.stored}
MAPPED: dict[str, Mapping[str, str]] = {
    table: columns
    for source in SOURCES.values()
    for table, columns in build_table_schemas(source, load_taxonomy(mappings_folder())).items()
}
CUSTOM = [table for table in MAPPED if table.endswith("_CL") and table not in documented_tables()]
# Limits of a custom table: https://learn.microsoft.com/azure/azure-monitor/service-limits and
# https://learn.microsoft.com/azure/azure-monitor/logs/create-custom-table
LONGEST_COLUMN = 45
RESERVED = {"_ResourceId", "id", "_SubscriptionId", "TenantId", "Type", "UniqueId", "Title"}


def test_each_table_is_documented_or_a_custom_one() -> None:
    assert MAPPED.keys() - documented_tables().keys() == set(CUSTOM)
    assert documented_tables().keys() <= MAPPED.keys()


@pytest.mark.parametrize("table", documented_tables())
def test_mapped_columns_are_documented_with_the_same_type(table: str) -> None:
    documented = documented_tables()[table]
    wrong = {name: kind for name, kind in MAPPED[table].items() if documented.get(name) != kind}
    assert not wrong


@pytest.mark.parametrize("table", CUSTOM)
def test_custom_table_columns_are_valid_in_log_analytics(table: str) -> None:
    assert MAPPED[table]["TimeGenerated"] == "datetime"
    refused = [
        name
        for name in MAPPED[table]
        if name in RESERVED or not re.fullmatch(rf"[A-Za-z][A-Za-z0-9_]{{0,{LONGEST_COLUMN - 1}}}", name)
    ]
    assert not refused
