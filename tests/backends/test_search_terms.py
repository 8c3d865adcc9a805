"""Search terms find at least what the condition beside them finds; what search reads otherwise is left to `where`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.backends.engines import CONVERTER
from tests.backends.hostile import rule_with


@pytest.mark.parametrize(
    ("item", "value", "term"),
    [
        ("gen_ai.conversation.id", "plain", ' gen_ai.conversation.id="plain"'),
        ("gen_ai.conversation.id|cased", "été", ' gen_ai.conversation.id="été"'),
        # How search folds the case of other letters is not documented.
        ("gen_ai.conversation.id", "été", ""),
        # A network, whose addresses it would look for.
        ("gen_ai.conversation.id", "10.0.0.0/8", ""),
        ("gen_ai.conversation.id|cased", "2001:db8::/32", ""),
        # A wildcard, also between quotes.
        ("gen_ai.conversation.id|cased", "a\\*b", ""),
    ],
)
def test_a_value_that_search_reads_otherwise_is_no_term(item: str, value: str, term: str, tmp_path: Path) -> None:
    rule = rule_with({"selection": {item: value}, "condition": "selection"}, tmp_path)
    source = CONVERTER.source("canonical")
    first, *rest = CONVERTER.convert(rule, source, "splunk").text.splitlines()
    assert first == source.targets["splunk"].location + term
    assert any("where" in line for line in rest)
