"""`mv-apply` played by `mv-expand` and `summarize`: where it is found, and what a row gets."""

from __future__ import annotations

import pytest

from sigmagen.engines.kusto_apply import ROW, replace_mv_apply

BODY = 'extend t = iff(m.a == ")", 1, 0)\n    | summarize n = sum(t)'
APPLY = f"| mv-apply with_itemindex=at m = sent on (\n    {BODY})"
EXPANDED = f"| mv-expand with_itemindex=at m = sent\n| {BODY} by {ROW}"


def replaced(text: str) -> tuple[str, list[tuple[str, str]]]:
    seen: list[tuple[str, str]] = []

    def rows(pipeline: str, expanded: str, words: frozenset[str]) -> str:
        seen.append((pipeline, expanded))
        assert {"sent", "m", "a", "t", "n"} <= words
        return f"table_{len(seen)}"

    return replace_mv_apply(text, rows), seen


def test_pipeline_with_apply_becomes_table() -> None:
    text, seen = replaced(f"T\n| where a == 1\n{APPLY}\n| take 1")
    assert text.split() == ["table_1", "|", "take", "1"]
    assert seen == [("T\n| where a == 1", EXPANDED)]


def test_pipeline_in_let_and_brackets() -> None:
    text, seen = replaced(f"let x = 1;\nlet y = union (A\n{APPLY}), (B {APPLY}\n| take 2);\ny")
    assert " ".join(text.split()) == "let x = 1; let y = union ( table_1 ), ( table_2 | take 2); y"
    assert [pipeline for pipeline, _ in seen] == ["A", "B"]


LOOKALIKES = [
    "// ) | mv-apply\nT",
    'T | where a == ") | mv-apply x = y on ("',
    "T | where a == ') | mv-apply x = y on ('",
    ") T // mv-apply",
]


@pytest.mark.parametrize("text", LOOKALIKES)
def test_similar_text_is_unchanged(text: str) -> None:
    assert replaced(text) == (text, [])
