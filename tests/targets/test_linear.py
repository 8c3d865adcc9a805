"""Work that grows with the length of a rule, counted in calls: four times the rule, four times the work."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import yaml

from sigmagen.bundled import mappings_folder
from sigmagen.convert.converter import Converter
from sigmagen.convert.many import convert_all
from sigmagen.lint import lint
from sigmagen.rules.load import load_rules
from sigmagen.targets import registry
from tests.targets.modifier_table import section

SIZES = (20, 80)
CONVERTER = Converter.load(mappings_folder())


def numbered(form: str) -> Callable[[int], list[str]]:
    return lambda size: [form.format(number) for number in range(size)]


def listed(key: str, form: str, *, negated: bool) -> Callable[[int], dict[str, Any]]:
    """A list of values of a field, or of keywords without one."""
    values = numbered(form)
    condition = "not sel" if negated else "sel"
    return lambda size: {"sel": {key: values(size)} if key else values(size), "condition": condition}


def many(word: str) -> Callable[[int], dict[str, Any]]:
    """Many selections, joined by a word."""

    def detection(size: int) -> dict[str, Any]:
        names = numbered("s{}")(size)
        return {**{name: {"ua": name, "err": name} for name in names}, "condition": f" {word} ".join(names)}

    return detection


DETECTIONS: dict[str, Callable[[int], dict[str, Any]]] = {
    "values": listed("ua", "v{}", negated=False),
    "negated values": listed("ua", "v{}", negated=True),
    "negated keywords": listed("", "v{}", negated=True),
    "wildcards": listed("ua", "v{}*w?", negated=False),
    "all": listed("ua|contains|all", "v{}", negated=False),
    "networks": listed("ip|cidr", "10.0.{}.0/24", negated=True),
    "expressions": listed("ua|re", "^v{}[ab]+", negated=False),
    "selections by or": many("or"),
    "selections by and": many("and not"),
    "a pattern of selections": lambda size: {**many("or")(size), "condition": "1 of s*"},
}


def calls(work: Callable[[], object]) -> int:
    """How many functions are called, comparisons of expressions among them."""
    number = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal number
        number += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return number


def steps(detection: dict[str, Any], folder: Path) -> int:
    """The work of loading, checking and converting a rule for all targets, over the canonical source."""
    path = folder / "rule.yml"
    rule = {"title": "t", "name": "t", "logsource": {"category": "ai_inference"}, "detection": section(detection)}
    path.write_text(yaml.safe_dump(rule), encoding="utf-8")

    def work() -> None:
        loaded = load_rules([path], rules_folder=folder, mappings_folder=mappings_folder())
        lint(loaded, mappings_folder=mappings_folder())
        convert_all(CONVERTER, loaded.files, list(registry.targets()), ["canonical"])

    return calls(work)


@pytest.mark.parametrize("name", DETECTIONS)
def test_the_work_grows_with_the_rule_and_no_faster(name: str, tmp_path: Path) -> None:
    small, large = SIZES
    detection = DETECTIONS[name]
    steps(detection(4), tmp_path)  # what is done once and kept
    few, more = (steps(detection(size), tmp_path) for size in (small, large))
    assert more < 1.5 * (large / small) * few, f"{few:,} calls for {small}, {more:,} for {large}"
