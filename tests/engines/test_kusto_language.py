"""All generated KQL, read by Microsoft's own parser; and that the parser finds what is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.convert.converter import Converter, Query
from sigmagen.engines.kusto_language import Function, KustoLanguage, Tables
from sigmagen.mapping.sentinel_tables import build_table_schemas
from sigmagen.problems import SigmagenError
from sigmagen.rules.load import load_rules
from sigmagen.rules.model import Threshold
from tests.log_analytics import documented_tables
from tests.rule_builders import base, correlation
from tests.targets.test_hostile_values import HOSTILE, rule_on

pytestmark = pytest.mark.kusto_language

CONVERTER = Converter.load(mappings_folder())
GOLDEN = Path(__file__).parents[1] / "golden" / "sentinel"
TABLE = {"T": {"TimeGenerated": "datetime", "Caller": "string", "Tokens": "long", "Body": "dynamic"}}


def converted() -> list[Query]:
    """Every built-in rule over every source that can feed it, as hunt and as alert."""
    queries = []
    for file in load_rules(None, rules_folder=rules_folder(), mappings_folder=mappings_folder()).files:
        for rule in file.subjects:
            for source in CONVERTER.feeding(rule):
                try:
                    queries += [
                        CONVERTER.convert(rule, source, "sentinel", "hunt"),
                        CONVERTER.convert(rule, source, "sentinel", "alert"),
                    ]
                except SigmagenError:
                    continue
    return queries


QUERIES = converted()


def label(query: Query) -> str:
    return f"{query.rule.title} on {query.source.name}, {query.mode}"


def mapped(query: Query) -> Tables:
    """The tables as the mapping declares them: a column that it lacks is unknown."""
    return build_table_schemas(query.source, CONVERTER.taxonomy)


def whole(query: Query) -> Tables:
    """The tables with every column that they really have, which a name of ours may clash with."""
    return {table: documented_tables().get(table, columns) for table, columns in mapped(query).items()}


def test_all_converted_queries_are_checked() -> None:
    assert len(QUERIES) == 2 * len(list(GOLDEN.rglob("*.kql"))) > 0


@pytest.mark.parametrize("tables", [mapped, whole])
def test_every_generated_query_is_clean(tables: Callable[[Query], Tables], kusto_language: KustoLanguage) -> None:
    offenders = [
        f"{label(query)}: {diagnostic}"
        for query in QUERIES
        for diagnostic in kusto_language.check(query.text, tables(query))
        if diagnostic.severity in ("error", "warning")
    ]
    assert not offenders


def test_every_generated_query_returns_windows_group_and_value(kusto_language: KustoLanguage) -> None:
    offenders = {}
    for query in QUERIES:
        expected = {"window_start": "datetime", "window_end": "datetime", "value": "number"}
        expected |= dict.fromkeys(query.columns, "scalar")
        if query.mode == "alert":
            expected["groups"] = "long"
        found = kusto_language.columns(query.text, mapped(query))
        if found["value"] in ("int", "long", "real"):
            found["value"] = "number"
        found |= {name: "scalar" for name in query.columns if found.get(name) != "dynamic"}
        if found != expected:
            offenders[label(query)] = found
    assert not offenders


DETECTIONS = [
    "gen_ai.request.model: gpt-4o",
    "gen_ai.request.model: [a, 'b*', '*c', '*d*', 'e?f', '*g*h*']",
    "gen_ai.request.model: ['', null]",
    "gen_ai.request.model|cased: GPT",
    "gen_ai.request.model|contains|all: [a\\', b\\]",
    "user_agent.original: ['Mozilla/*', curl]",
    "user_agent.original|startswith|cased: Mozilla",
    "user_agent.original: 5",
    "user_agent.original|re: '^a.*(b|c)$'",
    "user_agent.original|re|i: 'it''s'",
    "user_agent.original|base64offset|contains: secret",
    "source.ip|cidr: [192.0.2.0/24, '2001:db8::/32']",
    "user.id|fieldref: organization.id",
    "source.ip: [192.0.2.7, '198.51.100.*']",
    "gen_ai.prompt.hash|exists: true",
    "gen_ai.request.stream: true",
    "gen_ai.request.stream|exists: false",
    "gen_ai.request.temperature: [0, 1.5, null]",
    "gen_ai.request.temperature|lt: 0.5",
    "gen_ai.usage.output_tokens: [5, '6']",
    "gen_ai.usage.output_tokens|gte: 5",
    "gen_ai.usage.output_input_ratio|gt: 2.5",
    "'@timestamp|exists': true",
]
A, B = base("gen_ai.request.model: '*'", "a"), base("event.outcome: failure", "b")
COUNTED = correlation("event_count", Threshold("gte", 5), A, name="counted")
NUMBERS = ("gen_ai.usage.output_tokens", "gen_ai.usage.output_input_ratio")
CONSTRUCTS = [
    *(
        correlation("event_count", Threshold("gte", 5), base(text), name=text)
        for detection in DETECTIONS
        for text in (
            detection,
            f"{{every: {{gen_ai.request.model: '*'}}, filter: {{{detection}}}, condition: every and not filter}}",
        )
    ),
    *(
        correlation(kind, Threshold(op, 5, (field,), percentile), name=f"{kind} of {field} {op}")
        for kind, percentile in (
            ("value_sum", None),
            ("value_avg", None),
            ("value_median", 50),
            ("value_percentile", 95),
            ("value_count", None),
        )
        for field in NUMBERS
        for op in ("gte", "neq")
    ),
    *(
        correlation("value_count", Threshold("gte", 5, fields), name=f"value_count of {fields}")
        for fields in (("source.ip",), ("gen_ai.request.stream",), ("source.ip", "gen_ai.request.model"))
    ),
    *(
        correlation(kind, None, *rules, name=f"{kind} of {len(rules)}")
        for kind in ("temporal", "temporal_ordered")
        for rules in ((A, B), (A, B, A), (COUNTED, B), (COUNTED, correlation("temporal", None, A, B, name="both")))
    ),
]


def test_every_construct_of_sigma_that_converts_is_clean(kusto_language: KustoLanguage) -> None:
    """What no built-in rule uses yet: modifiers on fields of every type, and all correlations."""
    offenders: list[str] = []
    converted: set[tuple[str, str | None]] = set()
    for rule in CONSTRUCTS:
        for name in ("canonical", "apim"):
            try:
                query = CONVERTER.convert(rule, CONVERTER.source(name), "sentinel")
            except SigmagenError:
                continue
            converted.add((name, rule.name))
            offenders += [f"{label(query)}: {found}" for found in kusto_language.check(query.text, whole(query))]
    assert not offenders
    assert {rule for name, rule in converted if name == "canonical"} == {rule.name for rule in CONSTRUCTS}
    assert len(converted) > 1.5 * len(CONSTRUCTS)


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_value_stays_a_value(value: str, tmp_path: Path, kusto_language: KustoLanguage) -> None:
    query = CONVERTER.convert(rule_on(value, tmp_path), CONVERTER.source("canonical"), "sentinel")
    assert not kusto_language.check(query.text, mapped(query))
    expected = ["window_start", "window_end", "user_id", "value"]
    assert [name for name in kusto_language.columns(query.text, mapped(query)) if name in expected] == expected


def test_every_column_that_a_query_reads_is_needed(kusto_language: KustoLanguage) -> None:
    """Take away one column of the source's table after the other: a query that reads it must be found wrong."""
    overlooked, taken = [], 0
    for query in QUERIES:
        table = query.stored_source.location
        columns = mapped(query)[table]
        read = [name for name in columns if re.search(rf"(?<![\w.]){name}\b(?! =)", query.text)]
        for column in read if query.mode == "hunt" else []:
            rest = {name: kind for name, kind in columns.items() if name != column}
            taken += 1
            if not kusto_language.check(query.text, {**mapped(query), table: rest}):
                overlooked.append(f"{label(query)}: {column}")
    assert not overlooked
    assert taken > len(QUERIES)


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        pytest.param("U | take 1", "KS204", (1, 1), id="unknown table"),
        pytest.param("T\n| where Prompt == 'x'", "KS142", (2, 9), id="unknown column"),
        pytest.param("T | where tokens > 1", "KS142", (1, 11), id="column in other case"),
        pytest.param("T | extend x = hash_md4(Caller)", "KS211", (1, 16), id="unknown function"),
        pytest.param(
            "T\n| summarize n = count() by Caller\n| where Tokens > 1",
            "KS142",
            (3, 9),
            id="column gone after summarize",
        ),
        pytest.param("T | where (Tokens > 1", "KS005", (1, 22), id="syntax"),
        pytest.param("T | where Tokens has 'x'", "KS106", (1, 18), id="text operator on a number"),
        pytest.param("T | where Tokens + TimeGenerated > 1", "KS106", (1, 18), id="number and time added"),
        pytest.param("T | where Tokens", "KS141", (1, 11), id="condition that is none"),
        pytest.param("T | summarize avg(Caller)", "KS127", (1, 15), id="average of texts"),
        pytest.param("T | join (U) on Caller", "KS204", (1, 11), id="unknown joined table"),
    ],
)
def test_error_has_position(text: str, code: str, place: tuple[int, int], kusto_language: KustoLanguage) -> None:
    (found,) = kusto_language.check(text, TABLE)
    assert (found.code, found.severity, (found.line, found.column)) == (code, "error", place)


def test_position_counts_characters_not_utf16_units(kusto_language: KustoLanguage) -> None:
    (found,) = kusto_language.check("T | where Caller == '\U0001f600\u2028' and Prompt == 1", TABLE)
    assert found.column == "T | where Caller == '\U0001f600\u2028' and ".index(" and ") + 6
    assert str(found).startswith(f"1:{found.column}: error[KS142]: ")


def test_columns_of_the_result_come_in_order_with_their_types(kusto_language: KustoLanguage) -> None:
    text = "T | summarize n = count(), mean = avg(Tokens), all = make_set(Body) by Caller, bin(TimeGenerated, 1h)"
    found = kusto_language.columns(text, TABLE)
    assert list(found.items()) == [
        ("Caller", "string"),
        ("TimeGenerated", "datetime"),
        ("n", "long"),
        ("mean", "real"),
        ("all", "dynamic"),
    ]


@pytest.mark.parametrize(
    ("text", "message"), [("T | where Prompt == 1", "KS142"), ("let x = 1;", "returns no table"), ("", "no table")]
)
def test_columns_of_invalid_query_raise(text: str, message: str, kusto_language: KustoLanguage) -> None:
    with pytest.raises(SigmagenError, match=message):
        kusto_language.columns(text, TABLE)


def test_functions_of_the_workspace_can_be_declared(kusto_language: KustoLanguage) -> None:
    text = "_GetWatchlist('partners') | project SearchKey"
    watchlist = Function("_GetWatchlist", "(alias: string)", "{ datatable(SearchKey: string)[] }")
    assert kusto_language.check(text, TABLE)
    assert not kusto_language.check(text, TABLE, [watchlist])
    assert kusto_language.columns(text, TABLE, [watchlist]) == {"SearchKey": "string"}


def test_names_are_passed_unchanged(kusto_language: KustoLanguage) -> None:
    """A name that is code in KQL or JavaScript declares a column of that name and does nothing else."""
    hostile = ["a' : string, b", '");throw 1;("', "__proto__", "\u2028", "\U0001f600", "constructor", "['x']", "a\\"]
    tables = {name: dict.fromkeys(hostile, "string") for name in hostile} | TABLE
    assert kusto_language.columns("T", tables) == TABLE["T"]
    assert kusto_language.columns("['__proto__']", tables) == dict.fromkeys(hostile, "string")
    assert [found.code for found in kusto_language.check("T | where a == 'x'", tables)] == ["KS142"]


def test_an_unknown_type_is_an_error_that_names_the_column(kusto_language: KustoLanguage) -> None:
    with pytest.raises(SigmagenError, match=r"T\.x: unknown type 'keyword'"):
        kusto_language.check("T", {"T": {"x": "keyword"}})


def test_the_parser_can_be_closed_and_used_again() -> None:
    language = KustoLanguage()
    for _ in range(2):
        assert not language.check("T", TABLE)
        language.close()
    language.close()
