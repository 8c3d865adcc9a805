"""Verification cells as JUnit XML: a test suite for each target, a test case for each cell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from sigmagen.display import sanitize
from sigmagen.logs.output import whole_file
from sigmagen.proof.verify import Cell


def write_junit(path: Path, cells: Sequence[Cell]) -> None:
    """Write the cells to a file atomically. Raises SigmagenError if it can't be written."""
    with whole_file(path) as stream:
        stream.write(ElementTree.tostring(_suites(cells), encoding="utf-8", xml_declaration=True))


def _suites(cells: Sequence[Cell]) -> ElementTree.Element:
    root = ElementTree.Element("testsuites", name="sigmagen verify", tests=str(len(cells)))
    for target in dict.fromkeys(cell.target for cell in cells):
        mine = [cell for cell in cells if cell.target == target]
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=target,
            tests=str(len(mine)),
            failures=str(sum(cell.status in ("different", "vacuous") for cell in mine)),
            errors="0",
            skipped=str(sum(cell.status == "not_run" for cell in mine)),
        )
        for cell in mine:
            _case(suite, cell)
    return root


def _case(suite: ElementTree.Element, cell: Cell) -> None:
    name = sanitize(f"{cell.rule} on {cell.source}, {cell.mode}")
    engine = f"{cell.target}.{cell.engine}"
    case = ElementTree.SubElement(suite, "testcase", classname=engine, name=name)
    reason = sanitize(cell.reason or "; ".join(cell.differences))
    if cell.remembered:
        ElementTree.SubElement(case, "system-out").text = f"not executed now: equal since {cell.remembered}"
    if cell.status == "not_run":
        ElementTree.SubElement(case, "skipped", message=reason)
    elif cell.status != "equal":
        ElementTree.SubElement(case, "failure", type=cell.status, message=reason).text = "\n".join(
            sanitize(line) for line in cell.differences
        )
