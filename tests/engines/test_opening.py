"""Engines are opened by the name of a target; a name without one is not an error of the program."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from sigmagen.bundled import mappings_folder
from sigmagen.engines.opening import open_engines
from sigmagen.mapping.taxonomy import load_taxonomy
from sigmagen.problems import SigmagenError


def test_target_without_engine_has_a_reason() -> None:
    with ExitStack() as stack:
        assert open_engines(["lucene"], load_taxonomy(mappings_folder()), stack) == {"lucene": "lucene has no engine"}


def test_all_unknown_targets_are_reported() -> None:
    with ExitStack() as stack, pytest.raises(SigmagenError) as refused:
        open_engines(["absent", "duckdb", "other"], load_taxonomy(mappings_folder()), stack)
    assert [problem.message for problem in refused.value.problems] == [
        "unknown target 'absent'",
        "unknown target 'other'",
    ]
