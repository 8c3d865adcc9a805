"""The functions that ask the pivots of an alert, called with one: each answers what `sigmagen investigate` does.

kusto-local, an emulation, knows no functions of a workspace: a call is its body with the arguments in `let` statements.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from sigmagen.content.detections import PackageContent
from sigmagen.content.investigate.build import pivots_for
from sigmagen.content.investigate.subject import Subject
from sigmagen.durations import iso
from sigmagen.engines.kusto_language import Function, KustoLanguage
from sigmagen.engines.kusto_local import KustoLocalEngine
from sigmagen.packages.sentinel.function import Function as Packaged
from sigmagen.packages.sentinel.package import Package
from sigmagen.plan.model import Plan
from sigmagen.sources import render
from sigmagen.sources.call import Call
from sigmagen.targets.sentinel.printer import KustoPrinter
from tests.canonical_events import EVER
from tests.content.investigate.answers import PLACES, alert
from tests.native_logs import converter
from tests.packages.sentinel.conftest import Documents
from tests.packages.sentinel.test_content import resources
from tests.packages.sentinel.test_kql import tables
from tests.targets.test_hostile_values import HOSTILE

QUICK = [
    ("one_template_many_fillings", "canonical", ("own_history", "calls", "template_spread")),
    ("bedrock_probe_logging_check_invoke", "cloudtrail", ()),
]
START = 1_786_440_000_000


@pytest.fixture(scope="module")
def engine() -> Iterator[KustoLocalEngine]:
    with KustoLocalEngine(converter().taxonomy) as engine:
        yield engine


@pytest.fixture(scope="module")
def functions(templates: Documents) -> dict[str, dict[str, Any]]:
    """The functions of all detections, as ARM has them, by name."""
    return {found["properties"]["functionAlias"]: found["properties"] for found in investigation(templates).values()}


def investigation(templates: Documents) -> dict[str, dict[str, Any]]:
    return resources(templates, "investigation")


def literal(value: str) -> str:
    source = converter().source("canonical")
    return KustoPrinter(Plan(None, source, source.stored["sentinel"], "hunt")).string(value)


def arguments(properties: dict[str, Any], subject: Subject) -> list[str]:
    """An alert's values in the order in which a function declares them."""
    filled = {f"alert_{re.sub('[^A-Za-z0-9]', '_', field)}": literal(value) for field, value in subject.group.items()}
    filled |= {"window_start": f"datetime({iso(subject.start)})", "window_end": f"datetime({iso(subject.end)})"}
    return [filled[part.split(":")[0]] for part in properties["functionParameters"].split(", ")]


def called(properties: dict[str, Any], values: list[str]) -> str:
    """A call with the body in its place."""
    names = [part.split(":")[0] for part in properties["functionParameters"].split(", ")]
    lets = [f"let {name} = {value};\n" for name, value in zip(names, values, strict=True)]
    return "".join(lets) + str(properties["query"])


def unequal(
    engine: KustoLocalEngine,
    functions: dict[str, dict[str, Any]],
    name: str,
    source_name: str,
    only: tuple[str, ...] = (),
) -> list[str]:
    """The pivots to which a function gives another answer than the query that `sigmagen investigate` prints."""
    scene, stem = alert(name, source_name), f"sigmagen_{name}_{source_name}"
    if scene is None:
        pytest.skip("the log lacks a field of the rule")
    assert f"{stem}_alerts" in functions
    rule, source, subject, native = scene
    engine.load(source, native)
    engine.select(*EVER)
    queries, _ = pivots_for(converter(), rule, source, "sentinel", subject)
    assert {f"{stem}_{query.pivot.id}" for query in queries} == {
        known for known in functions if known.startswith(f"{stem}_") and not known.endswith("_alerts")
    }
    found, filled = [], 0
    for query in (query for query in queries if not only or query.pivot.id in only):
        properties = functions[f"{stem}_{query.pivot.id}"]
        expected = engine.execute(query.text, source)
        got = engine.execute(called(properties, arguments(properties, subject)), source)
        filled += bool(expected[1])
        if expected != got:
            found.append(f"{query.pivot.id}: {expected[1][:3]} but {got[1][:3]}")
    assert filled > 2
    return found


@pytest.mark.sampled(2)
@pytest.mark.parametrize(("name", "source", "only"), QUICK)
def test_functions_answer_as_the_printed_queries_do(
    engine: KustoLocalEngine, functions: dict[str, dict[str, Any]], name: str, source: str, only: tuple[str, ...]
) -> None:
    assert unequal(engine, functions, name, source, only) == []


@pytest.mark.thorough
@pytest.mark.parametrize(("name", "source"), PLACES)
def test_all_functions_answer_as_the_printed_queries_do(
    engine: KustoLocalEngine, functions: dict[str, dict[str, Any]], name: str, source: str
) -> None:
    assert unequal(engine, functions, name, source) == []


@pytest.mark.parametrize(("name", "source_name"), [("bedrock_probe_logging_check_invoke", "cloudtrail")])
def test_the_alerts_come_with_a_call_that_answers(
    engine: KustoLocalEngine,
    functions: dict[str, dict[str, Any]],
    built_in: PackageContent,
    name: str,
    source_name: str,
) -> None:
    scene = alert(name, source_name)
    assert scene
    _, source, subject, native = scene
    engine.load(source, native)
    item = next(item for item in built_in.detections if item.name == f"{name}.{source_name}")
    expected = engine.run(item.alert, *EVER)
    columns, rows = engine.execute(functions[f"sigmagen_{name}_{source_name}_alerts"]["query"], source)
    assert len(rows) == len(expected) > 0
    row = dict(zip(columns, rows[0], strict=True))
    call = re.fullmatch(r"(\w+)\((datetime\([^)]+\)), (datetime\([^)]+\)), (.*)\)", row["investigate"], re.DOTALL)
    assert call
    assert json.loads(f"[{call[4]}]") == list(dict(expected[0].group).values())
    properties = functions[call[1]]
    _, found = engine.execute(called(properties, [call[2], call[3], *_split(call[4])]), source)
    assert found
    assert set(subject.group.values()) == set(json.loads(f"[{call[4]}]"))


def _split(text: str) -> list[str]:
    return [json.dumps(value) for value in json.loads(f"[{text}]")]


def test_whatever_an_argument_is_a_function_finds_it_and_nothing_else(
    engine: KustoLocalEngine, functions: dict[str, dict[str, Any]]
) -> None:
    values = [*HOSTILE, "user_id", "innocent"]
    native = [
        record
        for number, value in enumerate(values)
        if (record := render("canonical", Call(time=START + number, id=f"c{number}", principal=value, model="m")))
    ]
    source = converter().source("canonical")
    engine.load(source, native)
    engine.select(*EVER)
    properties = functions["sigmagen_call_count_canonical_who_is_it"]
    for value in values:
        subject = Subject({"user.id": value, "gen_ai.request.model": "m"}, START, START + 3_600_000)
        columns, rows = engine.execute(called(properties, arguments(properties, subject)), source)
        found = [dict(zip(columns, row, strict=True)) for row in rows]
        assert [(row["user_id"], row["calls"]) for row in found] == [(value, 1)], value


@pytest.mark.kusto_language
def test_a_value_that_is_filled_in_as_json_is_one_argument(kusto_language: KustoLanguage) -> None:
    """`investigate` writes the values of a group as JSON, and KQL has to read one text of each."""
    for value in HOSTILE:
        query = f"print a = {json.dumps(value, ensure_ascii=False)}, b = 1"
        assert [str(found) for found in kusto_language.check(query, {})] == [], value
        assert list(kusto_language.columns(query, {})) == ["a", "b"]


def test_no_column_is_called_like_a_parameter(package: Package) -> None:
    """In a function's body the column would be meant, and the condition would always be true."""
    columns = {column for known in tables(whole=True).values() for column in known}
    columns |= {name.replace(".", "_") for name in converter().taxonomy.fields}
    for part in package.parts:
        for function in part.pivots:
            names = {text.split(":")[0] for text in function.parameters.split(", ") if text}
            assert not names & columns
            assert not re.search(rf"\b({'|'.join(names) or '-'}) = ", function.query), function.name


SAMPLES = {"string": '"x"', "datetime": "datetime(2026-08-11T09:00:00.000Z)", "long": "1", "real": "1.0"}


def offenders(language: KustoLanguage, functions: list[Packaged], *, whole: bool) -> list[str]:
    """What Microsoft's parser finds in functions, read as a call and as a query of their own."""
    known, found = tables(whole=whole), []
    for function in functions:
        declared = [text.split(":") for text in function.parameters.split(", ") if text]
        own = Function(function.name, f"({function.parameters})", f"{{ {function.query} }}")
        call = f"{function.name}({', '.join(SAMPLES[kind] for _, kind in declared)})"
        lets = "".join(f"let {name} = {SAMPLES[kind]};\n" for name, kind in declared)
        diagnostics = [*language.check(call, known, [own]), *language.check(lets + function.query, known)]
        found += [f"{function.name}: {item}" for item in diagnostics if item.severity in ("error", "warning")]
    return found


@pytest.mark.kusto_language
def test_microsofts_parser_takes_the_functions_of_a_rule(package: Package, kusto_language: KustoLanguage) -> None:
    chosen = [item for part in package.parts for item in part.pivots if "sigmagen_call_count_litellm" in item.name]
    assert len(chosen) > 10
    assert not offenders(kusto_language, chosen, whole=True)
    broken = replace(chosen[0], parameters=chosen[0].parameters.replace("window_end:datetime", "window_end:string"))
    assert offenders(kusto_language, [broken], whole=True)


@pytest.mark.thorough
@pytest.mark.kusto_language
@pytest.mark.parametrize("whole", [False, True], ids=["as mapped", "as documented"])
def test_microsofts_parser_takes_every_function(package: Package, kusto_language: KustoLanguage, whole: bool) -> None:
    chosen = [item for part in package.parts for item in part.pivots]
    assert len(chosen) > 300
    assert not offenders(kusto_language, chosen, whole=whole)


def test_every_alert_says_where_its_pivots_are(rule_files: Documents, functions: dict[str, dict[str, Any]]) -> None:
    for name, rule in rule_files.items():
        if name.startswith("silent."):
            continue
        for text in (rule["description"], rule["alertDetailsOverride"]["alertDescriptionFormat"]):
            found = re.search(
                r"Investigate: (\w+)_alerts\(\) lists .* the functions (\w+)_\.\.\. are ([\w, ]+)\.", text
            )
            assert found, name
            assert {f"{found[1]}_alerts", *(f"{found[2]}_{pivot}" for pivot in found[3].split(", "))} <= set(functions)


def test_no_function_asks_for_the_time_or_shows_a_prompt(functions: dict[str, dict[str, Any]]) -> None:
    private = {name.replace(".", "_") for name, field in converter().taxonomy.fields.items() if field.private}
    for name, properties in functions.items():
        assert not re.search(r"\b(now|ago)\s*\(", properties["query"]), name
        assert properties["category"] == "sigmagen investigation"
        assert re.fullmatch(r"\w+", name, re.ASCII)
        declared = properties.get("functionParameters", "")
        assert re.fullmatch(
            r"window_start:datetime, window_end:datetime(, alert_\w+:(string|long|real|bool))*|", declared
        )
        assert bool(declared) is not name.endswith("_alerts")
        shown = re.findall(r"\| project ([^|]+)", properties["query"])
        assert not private & set(re.split(r"[,\s]+", shown[-1] if shown else "")), name
