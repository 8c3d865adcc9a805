"""A plan becomes text, the result's columns and notes in one place, and the printer says what a column is called."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import sigmagen
from sigmagen.content.investigate.build import PivotQuery, pivots_for
from sigmagen.content.investigate.pivots import load_playbook
from sigmagen.content.investigate.subject import Subject
from sigmagen.convert.render import render
from sigmagen.engines.duckdb import DuckDBEngine
from sigmagen.expr.tree import Column, Get, call
from sigmagen.plan.model import Plan
from sigmagen.plan.steps import Aggregate, CountRows, Derive, Filter, Project, Scan, Step
from sigmagen.report.investigation import format_lines
from sigmagen.rules.load import load_rules
from sigmagen.targets import registry
from tests.native_logs import attack, converter

ODD = ("select", 'a"b', "c`d", "e.f")


def plan(siem: str, *steps: Step) -> Plan:
    source = converter().sources["canonical"]
    return Plan(None, source, source.stored[siem], "hunt", (Scan(), *steps))


def counted(siem: str) -> Plan:
    derived = tuple((name, Get(("user.id",), "string")) for name in ODD)
    return plan(siem, Derive(derived), Aggregate(ODD, (("value", call("count")),)), CountRows("groups"))


def test_columns_are_those_that_duckdb_returns() -> None:
    rendered = render(counted("duckdb"), "duckdb")
    with DuckDBEngine() as engine:
        engine.load(converter().sources["canonical"], attack("call_count", "canonical")[:3])
        engine.select(converter().sources["canonical"], 0, 4_000_000_000_000)
        found = [column[0] for column in engine.connection.execute(rendered.text).description or ()]
    assert found == list(rendered.columns)
    assert list(rendered.columns) == [*ODD, "value", "groups"]


@pytest.mark.parametrize(
    ("siem", "columns"),
    [
        (
            "splunk",
            {"select": "select", "a_b": 'a"b', "c_d": "c`d", "e_f": "e.f", "value": "value", "groups": "groups"},
        ),
        ("elastic", {name: name for name in (*ODD, "value")}),
        (
            "sentinel",
            {"select": "select", "a_b": 'a"b', "c_d": "c`d", "e_f": "e.f", "value": "value", "groups": "groups"},
        ),
    ],
)
def test_columns_have_the_names_of_the_siem_without_quotes(siem: str, columns: dict[str, str]) -> None:
    assert render(counted(siem), siem).columns == columns


def test_a_projection_leaves_only_its_columns() -> None:
    steps = (Derive((("made", Get(("user.id",), "string")),)), Project(("made",)))
    assert render(plan("splunk", *steps), "splunk").columns == {"made": "made"}


def test_documents_have_no_columns() -> None:
    condition = call("eq", Get(("user.id",), "string"), "x")
    assert render(plan("elastic", Filter(condition)), "lucene").columns == {}


def test_notes_are_given_once() -> None:
    empty = call("is_empty", Column("user.id", "string"))
    rendered = render(plan("sentinel", Filter(empty), Filter(empty)), registry.get("sentinel"))
    (note,) = rendered.notes
    assert note.startswith("user.id is compared with the empty text")


def test_an_investigation_shows_the_notes_of_its_queries(monkeypatch: pytest.MonkeyPatch) -> None:
    printer = registry.get("splunk").load_printer()
    text = printer.text

    def noted(self: object) -> str:
        self.notes.append("only approximately")  # type: ignore[attr-defined]
        return str(text(self))

    monkeypatch.setattr(printer, "text", noted)
    mappings = converter().mappings
    files = load_rules(None, rules_folder=mappings.parent / "rules", mappings_folder=mappings).files
    rule = next(rule for file in files for rule in file.subjects if rule.name == "call_count")
    subject = Subject({"user.id": "u-07"}, 1_786_440_000_000, 1_786_443_600_000)
    queries, left_out = pivots_for(converter(), rule, converter().sources["litellm"], "splunk", subject)
    assert queries
    assert all(isinstance(query, PivotQuery) and query.notes == ("only approximately",) for query in queries)
    shown = list(format_lines(load_playbook(mappings), queries, left_out, (), ()))
    assert shown.count("Approximate: only approximately.") == len(queries)


def test_only_render_prints_plans() -> None:
    """Another place would forget the notes, or guess the columns."""
    root = Path(sigmagen.__file__).parent
    found = [
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        if path.relative_to(root).parts[0] != "targets"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "load_printer"
    ]
    assert set(found) == {"convert/render.py"}
