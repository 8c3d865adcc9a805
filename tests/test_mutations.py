"""Every condition of every rule matters to its test file: a rule with one of them taken away or moved turns it red."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.convert.converter import Converter
from sigmagen.proof.cases import run_tests
from sigmagen.rules.load import find_rule_files, load_rules
from sigmagen.rules.testfile import get_test_path

CONVERTER = Converter.load(mappings_folder())
RULES = sorted(find_rule_files([rules_folder()])[0])

Mutant = tuple[str, list[dict[str, Any]]]
Place = tuple[int, tuple[Any, ...]]


def edited(
    documents: list[dict[str, Any]], place: Place, value: Any = None, *, delete: bool = False
) -> list[dict[str, Any]]:
    """A copy of the documents with one place changed or deleted."""
    copy = deepcopy(documents)
    node: Any = copy[place[0]]
    *parents, last = place[1]
    for key in parents:
        node = node[key]
    if delete:
        del node[last]
    else:
        node[last] = value
    return copy


def mutants(documents: list[dict[str, Any]]) -> Iterator[Mutant]:
    for index, document in enumerate(documents):
        if "detection" in document:
            yield from detection_mutants(documents, index, document["detection"])
        if "correlation" in document:
            yield from correlation_mutants(documents, index, document["correlation"])


def detection_mutants(documents: list[dict[str, Any]], index: int, detection: dict[str, Any]) -> Iterator[Mutant]:
    name = documents[index]["name"]
    condition = detection["condition"]
    for part in condition.split(" and ")[1:] if " and " in condition else []:
        yield (
            f"{name}: without {part!r}",
            edited(documents, (index, ("detection", "condition")), condition.replace(f" and {part}", "")),
        )
    filters = [selection for selection in detection if selection.startswith("filter_")]
    for selection, items in detection.items():
        if selection == "condition":
            continue
        if selection in filters and len(filters) > 1:
            yield f"{name}: without {selection}", edited(documents, (index, ("detection", selection)), delete=True)
        for field, value in items.items():
            place = (index, ("detection", selection, field))
            if len(items) > 1:
                yield f"{name}: without {selection}.{field}", edited(documents, place, delete=True)
            if isinstance(value, list) and len(value) > 1:
                for position, element in enumerate(value):
                    yield (
                        f"{name}: {field} without {element}",
                        edited(documents, (index, (*place[1], position)), delete=True),
                    )
            if isinstance(value, int) and not isinstance(value, bool):
                for moved in (value - 1, value + 1) if "|" in field else (value + 1,):
                    yield f"{name}: {field} {moved}", edited(documents, place, moved)


def correlation_mutants(documents: list[dict[str, Any]], index: int, correlation: dict[str, Any]) -> Iterator[Mutant]:
    name = documents[index]["name"]
    for operator, value in correlation.get("condition", {}).items():
        if operator != "field":
            for moved in (value - 1, value + 1):
                place = (index, ("correlation", "condition", operator))
                yield f"{name}: {operator} {moved}", edited(documents, place, moved)
    number, unit = int(correlation["timespan"][:-1]), correlation["timespan"][-1]
    smaller = {"d": (24, "h"), "h": (60, "m"), "m": (60, "s")}[unit]
    for text in (f"{number * smaller[0] // 2}{smaller[1]}", f"{number * 2}{unit}"):
        if not set(correlation["rules"]) <= {other["name"] for other in documents if "correlation" in other}:
            yield f"{name}: timespan {text}", edited(documents, (index, ("correlation", "timespan")), text)
    group_by = correlation["group-by"]
    if len(group_by) == 1:
        yield f"{name}: not by {group_by[0]}", edited(documents, (index, ("correlation", "group-by")), delete=True)
    else:
        for position, field in enumerate(group_by):
            yield (
                f"{name}: not by {field}",
                edited(documents, (index, ("correlation", "group-by", position)), delete=True),
            )
    parts = correlation["rules"]
    if correlation["type"] in ("temporal", "temporal_ordered"):
        for position, part in enumerate(parts):
            yield f"{name}: without {part}", edited(documents, (index, ("correlation", "rules", position)), delete=True)
    if correlation["type"] == "temporal_ordered":
        for position in range(len(parts) - 1):
            swapped = list(parts)
            swapped[position], swapped[position + 1] = swapped[position + 1], swapped[position]
            yield f"{name}: order {swapped}", edited(documents, (index, ("correlation", "rules")), swapped)


def cases() -> list[Any]:
    found = []
    for path in RULES:
        documents = [document for document in yaml.safe_load_all(path.read_text()) if document]
        found += [pytest.param(path, mutant, id=f"{path.stem}: {text}") for text, mutant in mutants(documents)]
    return found


def survives(path: Path, documents: list[dict[str, Any]], folder: Path) -> bool:
    """Whether every case on every source is still as expected."""
    changed = folder / path.name
    changed.write_text(yaml.safe_dump_all(documents, sort_keys=False))
    get_test_path(changed).write_text(get_test_path(path).read_text())
    loaded = load_rules([changed], rules_folder=folder, mappings_folder=mappings_folder())
    assert loaded.files, [str(problem) for problem in loaded.problems]
    # The canonical source carries all fields, so most mutants die there, quickly.
    names = ["canonical", *(name for name in CONVERTER.sources if name != "canonical")]
    played = 0
    for name in names:
        for result in run_tests(CONVERTER, loaded.files, [name]):
            if result.status != "passed":
                return False
            played += 1
    return played > 0  # a mutant that no source can feed any more is as red as can be


@pytest.mark.parametrize(("path", "documents"), cases())
def test_a_mutated_rule_turns_its_test_red(path: Path, documents: list[dict[str, Any]], tmp_path: Path) -> None:
    assert not survives(path, documents, tmp_path)
