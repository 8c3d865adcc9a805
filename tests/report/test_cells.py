"""Cells as a matrix and as JUnit XML: nothing that was not run looks passed, and hostile text stays text."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from sigmagen.problems import SigmagenError
from sigmagen.proof.verify import Cell
from sigmagen.report.junit import write_junit
from sigmagen.report.matrix import print_matrix

EQUAL = Cell("one", "apim", "splunk", "splunk-local", "hunt", "equal", "emulated", rows=7)
DIFFERENT = Cell(
    "one",
    "apim",
    "splunk",
    "splunk-local",
    "alert",
    "different",
    "emulated",
    differences=("missing: a", "unexpected: b"),
)
VACUOUS = Cell("two", "apim", "splunk", "splunk-local", "hunt", "vacuous", "emulated", "no group alerts")
NOT_RUN = Cell("two", "apim", "elastic", "none", "hunt", "not_run", None, "ES|QL needs an Elasticsearch")
REFUSED = Cell("two", "apim", "sentinel", "sentinel", "hunt", "different", "real", "sentinel refuses the query: x")
HOSTILE = Cell("a\x1b[31m<b>&\"'", "s", "splunk", "e", "hunt", "different", "real", differences=("]]>\x00\u202e",))
CELLS = [EQUAL, DIFFERENT, VACUOUS, NOT_RUN, REFUSED]


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def test_junit_suites_count_cells_of_each_target(tmp_path: Path) -> None:
    write_junit(tmp_path / "cells.xml", CELLS)
    root = ElementTree.parse(tmp_path / "cells.xml").getroot()
    assert (root.tag, root.get("tests")) == ("testsuites", "5")
    suites = {suite.get("name"): suite for suite in root}
    counted = {
        name: tuple(suite.get(key) for key in ("tests", "failures", "errors", "skipped"))
        for name, suite in suites.items()
    }
    assert counted == {
        "splunk": ("3", "2", "0", "0"),
        "elastic": ("1", "0", "0", "1"),
        "sentinel": ("1", "1", "0", "0"),
    }
    for suite in root:
        assert len(suite.findall("testcase")) == int(suite.get("tests", ""))
        assert len(suite.findall(".//failure")) == int(suite.get("failures", ""))
        assert len(suite.findall(".//skipped")) == int(suite.get("skipped", ""))


def test_junit_case_has_location_and_reason(tmp_path: Path) -> None:
    write_junit(tmp_path / "cells.xml", CELLS)
    cases = list(ElementTree.parse(tmp_path / "cells.xml").iter("testcase"))
    assert [(case.get("classname"), case.get("name")) for case in cases[:2]] == [
        ("splunk.splunk-local", "one on apim, hunt"),
        ("splunk.splunk-local", "one on apim, alert"),
    ]
    assert list(cases[0]) == []
    failure = cases[1].find("failure")
    assert failure is not None
    assert (failure.get("type"), failure.text) == ("different", "missing: a\nunexpected: b")
    assert [child.get("message") for case in cases[2:] for child in case] == [
        "no group alerts",
        "ES|QL needs an Elasticsearch",
        "sentinel refuses the query: x",
    ]


def test_junit_without_cells_is_valid(tmp_path: Path) -> None:
    write_junit(tmp_path / "cells.xml", [])
    assert ElementTree.parse(tmp_path / "cells.xml").getroot().get("tests") == "0"


def test_unwritable_junit_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(SigmagenError):
        write_junit(tmp_path / "no" / "such" / "cells.xml", CELLS)


def test_hostile_text_is_escaped_in_junit(tmp_path: Path) -> None:
    write_junit(tmp_path / "cells.xml", [HOSTILE])
    (case,) = ElementTree.parse(tmp_path / "cells.xml").iter("testcase")
    assert "<b>&\"'" in str(case.get("name"))
    assert "\x1b" not in (tmp_path / "cells.xml").read_text()


def test_the_matrix_names_the_engine_and_whether_it_is_real(capsys: pytest.CaptureFixture[str]) -> None:
    print_matrix(CELLS)
    said = capsys.readouterr().out
    for text in ("splunk-local", "emulated", "sentinel", "real", "hunt equal alert different", "vacuous", "not run"):
        assert text in said
    assert "different: missing: a; unexpected: b (one on apim in splunk)" in said
    assert "not run: ES|QL needs an Elasticsearch (two on apim in elastic)" in said
    assert "different: sentinel refuses the query: x (two on apim in sentinel)" in said
    assert said.splitlines()[-1] == "2 different, 1 equal, 1 vacuous, 1 not run"


def test_an_equal_cell_shows_the_rows_of_the_hunt(capsys: pytest.CaptureFixture[str]) -> None:
    print_matrix([EQUAL, Cell("one", "apim", "splunk", "splunk-local", "alert", "equal", "emulated", rows=2)])
    assert "equal 7" in capsys.readouterr().out


def test_shared_reason_is_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    cells = [Cell("r", f"s{n}", "elastic", "none", "hunt", "not_run", reason="no server") for n in range(9)]
    print_matrix(cells)
    assert "(r on s0 in elastic, r on s1 in elastic, 7 more)" in capsys.readouterr().out
    print_matrix(cells, everything=True)
    assert "r on s8 in elastic" in capsys.readouterr().out


def test_hostile_text_is_escaped_in_matrix(capsys: pytest.CaptureFixture[str]) -> None:
    print_matrix([HOSTILE])
    said = capsys.readouterr().out
    assert not set("\x1b\x00\u202e") & set(said)
