"""The generic source on every engine: what it finds by the rule's own names is what the reference finds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sigmagen.convert.converter import Query
from sigmagen.engines.alert import Engine
from sigmagen.engines.elasticsearch import ElasticsearchEngine
from sigmagen.engines.kusto_local import KustoLocalEngine
from sigmagen.engines.splunk_local import SplunkLocalEngine
from sigmagen.expr.tree import NUMERIC, TEXTUAL
from sigmagen.mapping.generic import field_types
from sigmagen.mapping.source import Source
from sigmagen.problems import SigmagenError
from sigmagen.rules.model import BaseRule, Correlation
from tests.canonical_events import EVER
from tests.sampling import sample
from tests.targets.engines import CONVERTER, expected, found, rule_of
from tests.targets.modifier_events import EVENTS, Held
from tests.targets.modifier_table import FIELDS, INDISTINCT, TABLE, Row, named


def fits(kind: str, stored: str) -> bool:
    """Whether a type that was inferred is the one of the stored column."""
    if stored == "ip":
        return kind == "ip"
    return kind == stored or (kind in TEXTUAL and stored in TEXTUAL) or (kind in NUMERIC and stored in NUMERIC)


def agreed(row: Row, folder: Path) -> bool:
    """Whether a row has fields only, and reads them as what they are stored as.

    A value without a field is looked for in the whole event, which is no field's text; in another type, a SIEM would
    refuse the query.
    """
    (base,) = rule_of(row.detection, folder).rules
    assert isinstance(base, BaseRule)
    keywords = "ConditionValueExpression" in repr(base.condition)
    return not keywords and all(fits(kind, CONVERTER.taxonomy[name].type) for name, kind in field_types(base).items())


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    folder = tmp_path_factory.mktemp("rows")
    chosen = [row for row in TABLE if agreed(row, folder)]
    assert len(chosen) > 120
    return sample(chosen, 40)


def generic(rule: BaseRule | Correlation, source: Source, siem: str) -> Source:
    """The generic source, looking where `source` keeps its events."""
    located = CONVERTER.with_locations({siem: source.stored[siem].location})
    assert located.generic is not None
    return located.generic.source(rule)


def underscored(part: Any) -> Any:
    """A detection over the columns of a Sentinel table, whose names have no dots."""
    if isinstance(part, list):
        return [underscored(item) for item in part]
    if not isinstance(part, dict):
        return part
    renamed = {}
    for key, value in part.items():
        field, *modifiers = named(key).split("|")
        column = field.replace(".", "_") if field in FIELDS.values() else field
        other = str(FIELDS.get(value)).replace(".", "_") if "fieldref" in modifiers else underscored(value)
        renamed["|".join([column, *modifiers])] = other
    return renamed


def users(engine: Engine, query: Query, source: Source, group: str) -> set[str]:
    """The users of the rows that a query returns; a plain rule's rows are the events themselves."""
    if isinstance(query.rule, Correlation):
        # The emulator knows the tables by the source.
        return found(engine, replace(query, source=source), group)
    if isinstance(engine, SplunkLocalEngine):
        return {str(row[group]) for row in engine.execute(query.text, *EVER)}
    if isinstance(engine, KustoLocalEngine):
        engine.select(*EVER)
        columns, rows = engine.execute(query.text, source)
    else:
        assert isinstance(engine, ElasticsearchEngine)
        result = engine.client.esql.query(query=f"{query.text}\n| LIMIT 10000")
        columns, rows = [column["name"] for column in result["columns"]], result["values"]
        assert {"_id", "_index", "_version"} <= set(columns)
    return {row[columns.index(group)] for row in rows}


def differing(held: Held, rows: list[Row], folder: Path, *, plain: bool) -> list[str]:
    """The rows for which the generic source finds other users than the reference, and those refused for no reason."""
    engine, source = held
    group = "user_id" if engine.siem == "sentinel" else "user.id"
    wrong = []
    for row in rows:
        detection = underscored(row.detection) if engine.siem == "sentinel" else row.detection
        correlation = rule_of(detection, folder, group)
        rule = correlation.rules[0] if plain else correlation
        try:
            query = CONVERTER.convert(rule, generic(rule, source, engine.siem), engine.siem)
        except SigmagenError as error:
            if engine.siem not in row.refused:
                wrong.append(f"{row.name}: {error}")
            continue
        if row.noted.get(engine.siem) == INDISTINCT:
            continue
        if users(engine, query, source, group) != expected(rule_of(row.detection, folder), EVENTS, engine.siem):
            wrong.append(f"{row.name}: {query.text}")
    return wrong


PLAIN = pytest.mark.parametrize("plain", [True, False], ids=["rule", "correlation"])


@PLAIN
def test_spl_finds_the_same(plain: bool, rows: list[Row], splunk: Held, tmp_path: Path) -> None:
    wrong = differing(splunk, [row for row in rows if "time|" not in str(row.detection)], tmp_path, plain=plain)
    assert not wrong, "\n".join(wrong)


def test_spl_has_no_part_of_a_time_in_an_unknown_form(splunk: Held, tmp_path: Path) -> None:
    rule = rule_of({"time|hour": 9}, tmp_path)
    with pytest.raises(SigmagenError, match="in an unknown format"):
        CONVERTER.convert(rule, generic(rule, splunk[1], "splunk"), "splunk")


@PLAIN
def test_kql_finds_the_same(plain: bool, rows: list[Row], kusto: Held, tmp_path: Path) -> None:
    wrong = differing(kusto, [row for row in rows if "time|" not in str(row.detection)], tmp_path, plain=plain)
    assert not wrong, "\n".join(wrong)


@pytest.mark.elasticsearch
@PLAIN
def test_esql_finds_the_same(plain: bool, rows: list[Row], elasticsearch: Held, tmp_path: Path) -> None:
    wrong = differing(elasticsearch, rows, tmp_path, plain=plain)
    assert not wrong, "\n".join(wrong)
