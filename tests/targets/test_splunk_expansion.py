"""`mvexpand` copies whole rows and stops at 500 MB: events are cut down to what is needed first."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sigmagen.convert.converter import Query
from sigmagen.rules.load import load_rules
from tests.targets.engines import CONVERTER

RULE = """title: Chat
name: chat
logsource: {{category: ai_inference}}
detection: {{selection: {{gen_ai.operation.name: chat}}, condition: selection}}
---
title: Embeddings
name: embeddings
logsource: {{category: ai_inference}}
detection: {{selection: {{gen_ai.operation.name: embeddings}}, condition: selection}}
---
title: One and then the other
name: one_and_then_the_other
correlation:
  type: {type}
  rules: [chat, embeddings]
  group-by: [user.id]
  timespan: {timespan}
"""


def query(folder: Path, kind: str, timespan: str, source: str = "litellm") -> Query:
    path = folder / "rule.yml"
    path.write_text(RULE.format(type=kind, timespan=timespan))
    loaded = load_rules([path], rules_folder=folder, mappings_folder=CONVERTER.mappings)
    return CONVERTER.convert(loaded.files[0].subjects[0], CONVERTER.source(source), "splunk")


@pytest.mark.parametrize("source", ["litellm", "apim", "bedrock_invocation", "canonical"])
def test_events_lose_their_text_before_they_are_expanded(source: str, tmp_path: Path) -> None:
    text = query(tmp_path, "temporal_ordered", "1h", source).text
    before, _, after = text.partition("| mvexpand k")
    assert before.splitlines()[-3:-1] == ["| fields pane, user_id, step_1, step_2", "| fields - _raw"]
    assert "_raw" not in after


def test_what_is_aggregated_already_is_expanded_as_it_is(tmp_path: Path) -> None:
    assert "| fields" not in query(tmp_path, "temporal", "1h").text


@pytest.mark.parametrize(
    ("kind", "timespan", "copies"),
    [("temporal_ordered", "7d", 42), ("temporal_ordered", "1h", 0), ("temporal", "7d", 0)],
)
def test_many_copies_of_an_event_are_warned_of(kind: str, timespan: str, copies: int, tmp_path: Path) -> None:
    warned = [problem.message for problem in query(tmp_path, kind, timespan).warnings]
    found = [match[1] for text in warned if (match := re.search(r"mvexpand makes (\d+) rows of each event", text))]
    assert found == ([str(copies)] if copies else [])
