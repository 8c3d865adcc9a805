"""SPL has no escape for a control character, which a terminal would obey: patterns say it, or the rule is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from sigmagen.engines.splunk_local import SplunkLocalEngine
from sigmagen.expr.tree import UnsupportedDetectionError
from sigmagen.plan.model import Plan
from sigmagen.targets.splunk.printer import SplunkPrinter
from tests.targets.engines import CONVERTER, event, found
from tests.targets.hostile import rule_with

ESCAPE = "a\x1b[31mX\x07\x9b2J"
RAW = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@pytest.mark.parametrize(
    "item",
    [
        {"user_agent.original": ESCAPE},
        {"user_agent.original|cased": ESCAPE},
        {"user_agent.original": [ESCAPE, "other"]},
        {"user_agent.original|cased": [ESCAPE, "other"]},
        {"user_agent.original|startswith": ESCAPE[:5]},
        {"user_agent.original|endswith|cased": ESCAPE[-5:]},
        {"user_agent.original|contains": ESCAPE[1:4]},
    ],
)
@pytest.mark.parametrize("condition", ["selection", "not selection"])
def test_a_value_with_one_is_found_and_never_written_as_it_is(
    item: dict[str, Any], condition: str, tmp_path: Path
) -> None:
    rule = rule_with({"selection": item, "condition": condition}, tmp_path)
    query = CONVERTER.convert(rule, CONVERTER.source("canonical"), "splunk")
    assert not RAW.search(query.text)
    with SplunkLocalEngine() as engine:
        engine.load(CONVERTER.source("canonical"), [event("ann", {"ua": ESCAPE}), event("bob", {"ua": "a[31mX2J"})])
        assert found(engine, query) == {"ann" if condition == "selection" else "bob"}


def test_what_no_pattern_can_say_is_refused_with_its_value() -> None:
    source = CONVERTER.source("canonical")
    printer = SplunkPrinter(Plan(None, source, source.stored["splunk"], "hunt"))
    with pytest.raises(UnsupportedDetectionError, match=r"'a\\x1b\[31mX.*U\+001B"):
        printer.string(ESCAPE)
