"""Search terms find at least what the condition beside them finds; what search reads otherwise is left to `where`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.targets.engines import CONVERTER
from tests.targets.hostile import loaded, rule_with


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
    assert first == source.stored["splunk"].location + term
    assert any("where" in line for line in rest)


@pytest.mark.parametrize(
    ("item", "value", "words"),
    [
        ("eventSource", "bedrock.amazonaws.com", ' "bedrock.amazonaws.com"'),
        ("eventName", ["InvokeModel", "Converse"], ' ("InvokeModel" OR "Converse")'),
        # Writers of JSON may escape these, and the index may end a term at them.
        ("userIdentity.arn", "arn:aws:iam::111122223333:role/a", ""),
        ("eventName", ["InvokeModel", "é"], ""),
        ("eventName", "-a", ""),
        ("eventName", "a*", ""),
        # A number has several forms.
        ("recipientAccountId", "111122223333", ""),
    ],
)
def test_a_record_is_found_by_words_that_its_text_certainly_holds(
    item: str, value: object, words: str, tmp_path: Path
) -> None:
    logsource = {"product": "aws", "service": "cloudtrail"}
    base = {"title": "t", "name": "base", "logsource": logsource}
    counted = {"type": "event_count", "rules": ["base"], "group-by": ["recipientAccountId"], "timespan": "1h"}
    rule = loaded(
        [
            base | {"detection": {"selection": {item: value}, "condition": "selection"}},
            {"title": "c", "name": "c", "correlation": counted | {"condition": {"gte": 1}}},
        ],
        tmp_path,
    )
    source = CONVERTER.source("cloudtrail")
    first, *rest = CONVERTER.convert(rule, source, "splunk").text.splitlines()
    assert first == source.stored["splunk"].location + words
    assert any("where" in line for line in rest)
