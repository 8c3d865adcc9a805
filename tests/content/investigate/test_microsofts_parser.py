"""All KQL of all pivots, read by Microsoft's own parser with the tables' columns and types."""

from __future__ import annotations

import pytest

from sigmagen.content.investigate.build import PivotQuery, pivots_for
from sigmagen.content.investigate.pivots import BUCKET
from sigmagen.content.investigate.subject import Subject
from sigmagen.engines.kusto_language import KustoLanguage
from sigmagen.mapping.sentinel_tables import build_table_schemas
from tests.content.investigate.answers import CONVERTER, PLACES, RULES
from tests.content.investigate.test_conversion import group_of
from tests.log_analytics import documented_tables

pytestmark = pytest.mark.kusto_language


def converted() -> list[tuple[str, PivotQuery]]:
    found = []
    for name, source in PLACES:
        rule, _ = RULES[name]
        subject = Subject(group_of(rule), 1_786_440_000_000, 1_786_443_600_000)
        queries, _ = pivots_for(CONVERTER, rule, CONVERTER.source(source), "sentinel", subject, with_text=True)
        found += [(f"{name} {source} {query.pivot.id}", query) for query in queries]
    return found


@pytest.mark.thorough
def test_every_query_is_clean_and_returns_its_columns(kusto_language: KustoLanguage) -> None:
    offenders = []
    for label, query in converted():
        mapped = build_table_schemas(query.source, CONVERTER.taxonomy)
        whole = {table: documented_tables().get(table, columns) for table, columns in mapped.items()}
        offenders += [
            f"{label}: {diagnostic}"
            for tables in (mapped, whole)
            for diagnostic in kusto_language.check(query.text, tables)
            if diagnostic.severity in ("error", "warning")
        ]
        found = kusto_language.columns(query.text, mapped)
        if list(found) != list(query.columns):
            offenders.append(f"{label}: {found}")
        if BUCKET in found and found[BUCKET] != "datetime":
            offenders.append(f"{label}: {BUCKET} is a {found[BUCKET]}")
    assert not offenders
