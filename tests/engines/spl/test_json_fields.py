"""Knowledge Manager Manual, "Automatic key-value field extraction" (KV_MODE = json); limits.conf, spath."""

from __future__ import annotations

import random
from typing import Any

import orjson
import pytest

from sigmagen.engines.spl.json_values import EXTRACTION_CUTOFF, extract_fields


def fields(record: Any) -> dict[str, Any]:
    return extract_fields(orjson.dumps(record).decode())


def test_kv_mode_json__nested_keys_are_joined_by_dots() -> None:
    assert fields({"a": {"b": {"c": "x"}}, "d.e": "y"}) == {"a.b.c": "x", "d.e": "y"}


def test_kv_mode_json__arrays_have_braces_and_a_value_for_each_element() -> None:
    assert fields({"a": ["x", "y"], "b": [{"c": 1}, {"c": 2}, {"d": [3]}]}) == {
        "a{}": ["x", "y"],
        "b{}.c": ["1", "2"],
        "b{}.d{}": "3",
    }


def test_kv_mode_json__values_are_texts() -> None:
    assert fields({"t": True, "f": False, "n": 1.50, "i": 7, "z": None, "e": ""}) == {
        "t": "true",
        "f": "false",
        "n": "1.5",
        "i": "7",
        "z": "null",
        "e": "",
    }


@pytest.mark.parametrize("raw", ["not json", "7", '{"a": {}, "b": []}', '{"cut', ""])
def test_kv_mode_json__empty_values_give_no_fields(raw: str) -> None:
    assert extract_fields(raw) == {}


def test_extraction_cutoff__later_fields_are_not_extracted() -> None:
    found = fields({"before": {"x": 1, "y": [2, 3]}, "long": "é" * EXTRACTION_CUTOFF, "after": 1})
    assert found == {"before.x": "1", "before.y{}": ["2", "3"]}
    assert "after" in fields({"long": "x" * (EXTRACTION_CUTOFF - 30), "after": 1})


def test_extraction_cutoff__before_it_a_long_event_gives_the_same_as_a_short_one() -> None:
    rng = random.Random(7)

    def value(depth: int) -> Any:
        kind = rng.random()
        if depth < 4 and kind < 0.25:
            return {rng.choice('abé"{'): value(depth + 1) for _ in range(rng.randrange(4))}
        if depth < 4 and kind < 0.45:
            return [value(depth + 1) for _ in range(rng.randrange(4))]
        return rng.choice([1, 2.5, -3, True, None, "s", 'q"{[', "", "back\\"])

    for _ in range(500):
        record = {key: value(0) for key in "pqr"}
        assert fields({**record, "filler": "x" * EXTRACTION_CUTOFF}) == fields(record)
