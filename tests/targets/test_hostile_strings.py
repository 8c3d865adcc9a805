"""Hostile strings wherever a rule can put them: a query matches the literal or is refused with a code.

80 strings per engine, 300 in `make thorough`; SIGMAGEN_HOSTILE_STRINGS=10000 runs more.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pytest

from sigmagen.convert.converter import Query
from sigmagen.engines import spl
from sigmagen.engines.kusto_language import KustoLanguage
from sigmagen.problems import SigmagenError
from sigmagen.report.header import format_header
from sigmagen.targets import registry
from tests.lakes import THOROUGH_ON_SPARK
from tests.sampling import size
from tests.targets.engines import CONVERTER, event, found, running
from tests.targets.hostile import POSITIONS, Trial, commands, names, naming, rule_with, strings, titled

SEED = 20_260_811
STRINGS = strings(SEED, int(os.environ.get("SIGMAGEN_HOSTILE_STRINGS", size(80, 300))))
NAMES = names(SEED + 1, len(STRINGS) // 2)
SIEMS = ["duckdb", "sentinel", "splunk", pytest.param("elastic", marks=pytest.mark.elasticsearch), *THOROUGH_ON_SPARK]
PLACES = {"duckdb": "generic", "splunk": "index=x", "sentinel": "T", "elastic": "nothing-*"}
AT = "2026-08-11T09:20:00"
each_siem = pytest.mark.parametrize("siem", SIEMS)


@pytest.fixture
def trial(siem: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Trial]:
    url = request.getfixturevalue("elasticsearch_url") if siem == "elastic" else ""
    with running(siem, url, []) as (engine, source):
        yield Trial(engine, source, tmp_path)


@each_siem
def test_values_in_lists_match_only_themselves(trial: Trial) -> None:
    trial.run(STRINGS, list(POSITIONS))
    print(trial.engine.name, trial.tally)
    assert few_refused(trial)
    assert not trial.tally.different, "\n\n".join(trial.tally.different[:20])


@each_siem
def test_a_value_alone_matches_only_itself(trial: Trial) -> None:
    trial.run_singly(STRINGS[:: max(1, len(STRINGS) // 12)])
    print(trial.engine.name, trial.tally)
    assert few_refused(trial)
    assert not trial.tally.different, "\n\n".join(trial.tally.different[:20])


def few_refused(trial: Trial) -> bool:
    """Whether nearly all strings could be said. One in six has a control character, which patterns can't escape."""
    refused, literal = (sum(part.values()) for part in (trial.tally.refused, trial.tally.literal))
    allowed = 0.3 if trial.engine.siem in ("splunk", "elastic") else 0.1
    return literal > 0 and refused <= allowed * (literal + refused)


@each_siem
def test_a_title_stays_in_its_comment(trial: Trial) -> None:
    """Titles, ids, authors and names; twenty headers over one query, which finds what it finds without them."""
    rule = rule_with({"selection": {"user_agent.original": "needle"}, "condition": "selection"}, trial.folder)
    query = CONVERTER.convert(rule, trial.source, trial.engine.siem)
    trial.engine.load(trial.source, [event("ann", {"ua": "needle"}), event("bob", {"ua": "hay"})])
    assert found(trial.engine, query) == {"ann"}
    plain = commands(query.target, query.text)
    for start in range(0, len(STRINGS), 20):
        headers = [format_header(replace(query, rule=titled(rule, text))) for text in STRINGS[start : start + 20]]
        for one in headers:
            assert commands(query.target, one + query.text) == plain, one[:500]
            assert one.count("\n") == format_header(replace(query, rule=titled(rule, "innocent"))).count("\n"), one[
                :500
            ]
        assert found(trial.engine, replace(query, text="".join(headers) + query.text)) == {"ann"}, headers


def named(siem: str, name: str, folder: Path, *, alias: bool = False) -> Query:
    """The query of a rule with a hostile name over the generic source. Raises SigmagenError."""
    rule = naming(name, folder, alias=alias)
    located = CONVERTER.with_locations({siem: PLACES[siem]})
    assert located.generic is not None
    return located.convert(rule, located.generic.source(rule), siem)


def accepted(siem: str, folder: Path, *, alias: bool = False) -> dict[str, Query]:
    """The queries of all names that can be said; the others are refused with a code. None has more commands."""
    refused: Counter[str] = Counter()
    queries: dict[str, Query] = {}
    for name in NAMES:
        try:
            queries[name] = named(siem, name, folder, alias=alias)
        except SigmagenError as error:
            refused[error.problems[0].code] += 1
    # A name that SPL and KQL can't write as it is becomes a column first, in one command more.
    usual = {commands(siem, named(siem, name, folder, alias=alias).text) for name in ("user", "us-er")}
    assert {name for name, query in queries.items() if commands(siem, query.text) not in usual} == set()
    print(siem, "alias" if alias else "field", len(queries), "accepted, refused:", dict(refused))
    assert "" not in refused
    assert len(queries) > len(NAMES) / 4
    return queries


def nested(name: str, value: str) -> dict[str, Any]:
    """A record with a field; the dots of its name are objects."""
    first, _, rest = name.partition(".")
    return {first: nested(rest, value) if rest else value}


@pytest.mark.parametrize("alias", [False, True], ids=["field", "alias"])
def test_a_name_is_one_column_in_sql(alias: bool, tmp_path: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("CREATE TABLE generic (timestamp TIMESTAMP, record JSON)")
        for name, query in accepted("duckdb", tmp_path, alias=alias).items():
            own, other = ("user", "user1") if alias else (name, f"{name}1")
            records = [{**nested(own, "needle"), "other": "here"}, {**nested(other, "needle"), "other": "elsewhere"}]
            connection.execute("DELETE FROM generic")
            for record in records:
                connection.execute("INSERT INTO generic VALUES (?, ?)", [AT, orjson.dumps(record).decode()])
            rows = connection.execute(query.text).fetchall()
            assert {("here" in row, "elsewhere" in row) for row in rows} == {(True, False)}, (name, query.text)


@pytest.mark.parametrize("alias", [False, True], ids=["field", "alias"])
def test_a_name_is_one_field_in_spl(alias: bool, tmp_path: Path) -> None:
    for name, query in accepted("splunk", tmp_path, alias=alias).items():
        own = "user" if alias else name
        events = [
            {"_time": 1e9, "index": "x", own: "needle", "other": "here"},
            {"_time": 1e9, "index": "x", f"{own}1": "needle", "other": "elsewhere"},
        ]
        rows = spl.parse(query.text).run(spl.Context(events, 0.0, 1e12))
        assert {row["other"] for row in rows} == {"here"}, (name, query.text)


@pytest.mark.kusto_language
@pytest.mark.parametrize("alias", [False, True], ids=["field", "alias"])
def test_a_name_is_one_column_in_kql(alias: bool, tmp_path: Path, kusto_language: KustoLanguage) -> None:
    for name, query in accepted("sentinel", tmp_path, alias=alias).items():
        own = "user" if alias else name
        column, *inside = own.split(".")
        kinds = {"TimeGenerated": "datetime", "other": "string", "more": "string", column: "dynamic"}
        tables = {"T": kinds if inside else {**kinds, column: "string"}}
        assert not kusto_language.check(query.text, tables), (name, query.text)


@pytest.mark.elasticsearch
@pytest.mark.parametrize("alias", [False, True], ids=["field", "alias"])
def test_a_name_is_one_column_in_esql(alias: bool, tmp_path: Path, elasticsearch_url: str) -> None:
    """Elasticsearch says which columns an index doesn't have: the name, as a whole."""
    from elasticsearch import BadRequestError, Elasticsearch

    index = f"sigmagen-hostile-{os.getpid()}"
    with Elasticsearch(elasticsearch_url) as client:
        properties = {"@timestamp": {"type": "date"}, "other": {"type": "keyword"}, "more": {"type": "keyword"}}
        client.indices.create(index=index, mappings={"properties": properties})
        try:
            for name, query in accepted("elastic", tmp_path, alias=alias).items():
                with pytest.raises(BadRequestError) as error:
                    client.esql.query(query=query.text.replace("nothing-*", index, 1))
                reason = str(error.value.body["error"]["reason"])
                assert f"Unknown column [{'user' if alias else name}]" in reason, (name, reason, query.text)
        finally:
            client.indices.delete(index=index)


@each_siem
def test_a_field_that_no_mapping_has_is_refused_with_a_code(siem: str, tmp_path: Path) -> None:
    for name in NAMES[::5]:
        detection = {"selection": {name: "needle"}, "condition": "selection"}
        with pytest.raises(SigmagenError) as error:
            CONVERTER.convert(rule_with(detection, tmp_path), CONVERTER.source("canonical"), siem)
        assert error.value.problems[0].code


@pytest.mark.parametrize("siem", ["splunk", "elastic", "sentinel"])
def test_a_location_of_an_overlay_that_is_taken_is_one_command(siem: str) -> None:
    """Locations are put into queries as they are: what could end or change one is refused."""
    taken = [text for text in STRINGS if registry.get(siem).find_location_fault(text) is None]
    print(siem, len(taken), "of", len(STRINGS), "taken")
    # A back-slash outside of quotes is left to Splunk, which the counting below does not read.
    texts = [f"{text} | head 1" for text in taken if "\\" not in text]
    assert texts
    assert [text for text in texts if commands(siem, text) != 1] == []
