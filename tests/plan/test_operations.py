"""Every operation and step is declared once, and every dialect has it or says why not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import get_args

import duckdb
import pytest

from sigmagen.bundled import mappings_folder
from sigmagen.convert.converter import Converter
from sigmagen.expr.operations import OPERATIONS, OperationError
from sigmagen.expr.tree import Call, Column, Expr, Literal, UnsupportedDetectionError, call
from sigmagen.mapping.source import Source, load_sources
from sigmagen.plan.model import Plan
from sigmagen.plan.steps import Step
from sigmagen.problems import SigmagenError
from sigmagen.rules.load import load_rules
from sigmagen.rules.model import BaseRule, Correlation
from sigmagen.targets import registry
from sigmagen.targets.duckdb.printer import DuckDBPrinter
from sigmagen.targets.printer import Printer, step_name

STEPS = frozenset(step_name(step) for step in get_args(Step))
PRINTERS: dict[str, type[Printer]] = {name: target.load_printer() for name, target in registry.targets().items()}
DIALECTS = PRINTERS


def implemented(printer: type[Printer], prefix: str) -> set[str]:
    functions = set(printer.functions) if prefix == "op_" else set()
    return functions | {name.removeprefix(prefix) for name in dir(printer) if name.startswith(prefix)}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_operation_and_step_is_implemented_or_declared_lacking(dialect: str) -> None:
    printer = DIALECTS[dialect]
    present = implemented(printer, "op_") | implemented(printer, "step_")
    assert {*OPERATIONS, *STEPS} - present - set(printer.lacking) == set()
    assert all(printer.lacking.values())


@pytest.mark.parametrize("dialect", DIALECTS)
def test_nothing_undeclared_is_implemented(dialect: str) -> None:
    printer = DIALECTS[dialect]
    assert implemented(printer, "op_") - set(OPERATIONS) == set()
    assert implemented(printer, "step_") - STEPS == set()
    assert set(printer.lacking) - set(OPERATIONS) - STEPS == set()


@pytest.mark.parametrize("dialect", sorted(set(DIALECTS) - {"lucene"}))
def test_nothing_implemented_is_declared_lacking(dialect: str) -> None:
    printer = DIALECTS[dialect]
    # Lucene inherits arithmetic that it can't use. Of `last_text`, Splunk and Kusto print commands as well.
    present = implemented(printer, "op_") | implemented(printer, "step_")
    assert present & set(printer.lacking) == set()


@pytest.mark.parametrize(
    ("name", "args", "message"),
    [
        ("lowr", (Column("a"),), "unknown operation 'lowr'; available: add, "),
        ("lower", (), "'lower' takes 1 argument, not 0"),
        ("eq", (Column("a"),), "'eq' takes 2 arguments, not 1"),
        ("eq", (Column("a"), Literal(1), Literal(2)), "'eq' takes 2 arguments, not 3"),
        ("in", (Column("a"),), "'in' takes 2 or more arguments, not 1"),
    ],
)
def test_a_wrong_call_is_refused_when_it_is_built(name: str, args: tuple[Expr, ...], message: str) -> None:
    with pytest.raises(OperationError, match=f"^{message}"):
        Call(name, args)
    with pytest.raises(OperationError):
        call(name, *args)


# Types that a column may have in a sample, with a value in SQL and what DuckDB calls the type.
SQL = {
    "string": ("'a,b'", "VARCHAR"),
    "integer": ("CAST(7 AS BIGINT)", "BIGINT"),
    "float": ("CAST(7.5 AS DOUBLE)", "DOUBLE"),
    "boolean": ("true", "BOOLEAN"),
    "timestamp": ("TIMESTAMP '2026-08-11 12:34:56.789'", "TIMESTAMP"),
    "ip": ("'192.0.2.7'", "VARCHAR"),
    "json": ('CAST(\'["a", "b"]\' AS JSON)', "JSON"),
}
KINDS = {
    "BIGINT": "integer",
    "INTEGER": "integer",
    "UBIGINT": "integer",
    "HUGEINT": "integer",
    "DOUBLE": "float",
    "VARCHAR": "string",
    "BOOLEAN": "boolean",
    "TIMESTAMP": "timestamp",
    "JSON": "json",
    "VARCHAR[]": "json",
}
CONSTANTS: dict[str, tuple[Expr, ...]] = {
    "starts_with": (Literal("a"),),
    "ends_with": (Literal("a"),),
    "contains": (Literal("a"),),
    "like": (Literal("a"), Literal(0)),
    "like_ignoring_case": (Literal("a"), Literal(0)),
    "matches": (Literal("a"), Literal("")),
    "in_network": (Literal("192.0.2.0/24"),),
    "cast": (Literal("integer"),),
    "left": (Literal(1),),
    "extract": (Literal("(a)"),),
    "replace": (Literal("a"), Literal("c")),
    "last_text": (Literal("user"), Literal("text")),
    "time_part": (Literal("hour"),),
    "pane": (Literal(60_000),),
    "tick": (Column("integer", "integer"), Literal(60_000)),
    "shift": (Literal(-60_000),),
    "head": (Literal(2),),
    "percentile": (Literal(50),),
}
"""The arguments after the first that must be constants of a certain form."""


def column(kind: str) -> Column:
    kind = {"any": "string", "number": "integer"}.get(kind, kind)
    name = f"list_{kind}" if kind == "json" else kind
    return Column(name, kind)


def sample(name: str) -> Call:
    operation = OPERATIONS[name]
    if name in ("not", "differs"):
        return call(name, call("eq", column("string"), "a"))
    if name == "moment":
        return call(name, 1_786_440_000_000)
    first = tuple(column(kind) for kind in operation.arguments[:1])
    if name in ("is_json_string", "json_text", "elements", "last_text"):
        first = (Column("json", "json"),)
    return Call(name, first + CONSTANTS.get(name, tuple(column(kind) for kind in operation.arguments[1:])))


@pytest.fixture(scope="module")
def printer() -> DuckDBPrinter:
    source = load_sources(mappings_folder())["canonical"]
    return DuckDBPrinter(Plan(None, source, source.stored["duckdb"], "hunt"))


def evaluated(text: str, *, missing: bool = False) -> tuple[str, object]:
    """What DuckDB calls the type of an expression over one row, and its value."""
    values = {name: (value, kind) for name, (value, kind) in SQL.items()}
    values["list_json"] = ("['b', 'a']", "VARCHAR[]")
    columns = ", ".join(
        f'{f"CAST(NULL AS {kind})" if missing else value} AS "{name}"' for name, (value, kind) in values.items()
    )
    query = f"SELECT typeof(result), result FROM (SELECT {text} AS result FROM (SELECT {columns}))"
    with duckdb.connect() as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return str(row[0]), row[1]


EVALUATED = sorted(set(OPERATIONS) - set(DuckDBPrinter.lacking))


@pytest.mark.parametrize("name", EVALUATED)
def test_result_types_are_those_of_duckdb(name: str, printer: DuckDBPrinter) -> None:
    expression = sample(name)
    kind, _ = evaluated(printer.expr(expression))
    declared = printer.type_of(expression)
    assert KINDS[kind.replace("DECIMAL(38,0)", "HUGEINT")] == declared


@pytest.mark.parametrize("name", EVALUATED)
def test_a_missing_argument_gives_what_is_declared(name: str, printer: DuckDBPrinter) -> None:
    null = OPERATIONS[name].null
    _, value = evaluated(printer.expr(sample(name)), missing=True)
    if null == "missing":
        assert value is None
    elif null == "unknown":
        assert not value
    elif null == "decided" and OPERATIONS[name].result == "boolean":
        assert value is not None


def test_every_result_type_is_declared() -> None:
    types = {"string", "integer", "float", "boolean", "timestamp", "json"}
    assert {operation.result for operation in OPERATIONS.values()} <= {*types, "same", "last", "named"}


RULE = """\
title: Many calls to one model
name: calls
logsource: {category: ai_inference}
detection:
  selection: {gen_ai.request.model: example-model}
  condition: selection
level: low
status: test
"""


@pytest.fixture
def joining(tmp_path: Path) -> Callable[[str], tuple[BaseRule | Correlation, Source]]:
    """A rule over a source whose records get the model from a second table, in a SIEM."""

    def made(siem: str) -> tuple[BaseRule | Correlation, Source]:
        source = load_sources(mappings_folder())["apim"]
        sentinel, target = source.stored["sentinel"], source.stored[siem]
        fields = {"gen_ai.request.model": "ModelName"}
        changed = replace(target, join=sentinel.join, fields={**target.fields, **fields}, unavailable={})
        path = tmp_path / "calls.yml"
        path.write_text(RULE)
        loaded = load_rules([path], rules_folder=tmp_path, mappings_folder=mappings_folder())
        (rule,) = loaded.files[0].subjects
        return rule, replace(source, stored={**source.stored, siem: changed})

    return made


@pytest.mark.parametrize("siem", ["splunk", "elastic", "lucene"])
def test_a_join_in_a_dialect_without_one_is_a_located_refusal(
    siem: str, joining: Callable[[str], tuple[BaseRule | Correlation, Source]]
) -> None:
    rule, source = joining(registry.get(siem).stored_in)
    with pytest.raises(SigmagenError) as refused:
        Converter.load(mappings_folder()).convert(rule, source, siem)
    (problem,) = refused.value.problems
    assert problem.code == "not-convertible"
    assert problem.file == rule.file
    assert problem.line == 1
    assert PRINTERS[siem].lacking["join"] in problem.message


def test_mappings_may_join_only_where_a_language_of_the_siem_can() -> None:
    schema = json.loads((mappings_folder() / "schema" / "source.schema.json").read_text())
    targets = {siem: schema["$defs"][siem] for siem in schema["properties"]["targets"]["properties"]}
    allowed = {siem for siem, target in targets.items() if "join" in target["properties"]}
    able = {registry.get(name).stored_in for name, printer in PRINTERS.items() if "join" not in printer.lacking}
    assert allowed == able


def test_an_operation_that_a_dialect_lacks_is_refused_by_name(printer: DuckDBPrinter) -> None:
    with pytest.raises(UnsupportedDetectionError, match=r"^it needs 'share': only a readiness query"):
        printer.expr(call("share", Column("a", "integer"), Column("b", "integer")))
