"""What is delivered twice counts once, and nobody can hide a call behind an id."""

from __future__ import annotations

from typing import Any

import pytest

from sigmagen.bundled import mappings_folder
from sigmagen.logs.repeats import Repeats
from sigmagen.rules.yaml import load_data
from tests.native_logs import converter

LITELLM, CLOUDTRAIL, CANONICAL = (converter().sources[name] for name in ("litellm", "cloudtrail", "canonical"))


def kept(values: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], Repeats]:
    repeats = Repeats()
    return [value for value in values if not repeats.is_repeat(LITELLM, value)], repeats


def test_a_record_of_the_same_id_and_content_is_left_out() -> None:
    values, repeats = kept([{"id": "a", "b": 1, "c": 2}, {"c": 2, "b": 1, "id": "a"}, {"id": "b", "b": 1}] * 3)
    assert values == [{"id": "a", "b": 1, "c": 2}, {"id": "b", "b": 1}]
    assert (repeats.dropped, repeats.reused) == ({"litellm": 7}, {})


def test_one_id_with_several_contents_keeps_each_content_once_and_is_counted() -> None:
    values, repeats = kept([{"id": "a", "b": number % 4} for number in range(12)])
    assert [value["b"] for value in values] == [0, 1, 2, 3]
    assert (repeats.dropped, repeats.reused) == ({"litellm": 8}, {"litellm": 1})


@pytest.mark.parametrize("missing", [{}, {"id": None}, {"id": ""}])
def test_records_without_an_id_are_kept(missing: dict[str, Any]) -> None:
    values, repeats = kept([{**missing, "b": 1}] * 3)
    assert (len(values), repeats.dropped, repeats.reused) == (3, {}, {})


def test_an_id_may_be_nested_or_flat_and_of_any_type() -> None:
    repeats = Repeats()
    for value in ({"event.id": "x"}, {"event": {"id": "y"}}, {"event.id": 7}, {"event.id": ["\ud800", 2**70]}):
        assert [repeats.is_repeat(CANONICAL, value) for _ in range(2)] == [False, True]
    assert not repeats.is_repeat(CANONICAL, {"event": "text"})


def test_sources_do_not_share_ids() -> None:
    repeats = Repeats()
    assert not repeats.is_repeat(LITELLM, {"id": "x", "eventID": "x"})
    assert not repeats.is_repeat(CLOUDTRAIL, {"id": "x", "eventID": "x"})
    assert repeats.reused == {}


def test_each_mapping_says_whether_queries_drop_repeats_and_only_an_id_of_the_provider_is_enough() -> None:
    said = {path.stem: load_data(path).get("duplicates") for path in (mappings_folder() / "sources").glob("*.yml")}
    assert None not in said.values(), said
    provided = ["anthropic_compliance", "cloudtrail", "databricks", "openai_audit", "openai_completions"]
    assert sorted(name for name, drops in said.items() if drops) == provided
