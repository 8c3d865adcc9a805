"""The engines of the targets that read a lake's typed table, each of which is installed or started apart."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from sigmagen.bundled import mappings_folder
from sigmagen.convert.converter import Converter
from sigmagen.engines.alert import Engine
from sigmagen.targets import registry
from sigmagen.targets.target import load

LAKES = tuple(name for name, target in registry.targets().items() if target.typed_table)
EACH_LAKE = [pytest.param(name, marks=pytest.mark.lake(name)) for name in LAKES]
"""Parameters whose tests are skipped, with the reason, where the engine is missing."""

THOROUGH_ON_SPARK = [
    pytest.param(name, marks=[pytest.mark.lake(name), *([pytest.mark.thorough] if name == "spark" else [])])
    for name in LAKES
]
"""The same, for tests of hundreds of queries: one takes a second on Spark, so `make thorough` runs them there."""
TWO_EXECUTORS = "local-cluster[2,1,1024]"
"""Spark with two executor processes on this machine, each with a core and 1,024 MiB."""


@cache
def opener(name: str) -> Callable[[], Engine] | str:
    """The function that opens an engine, or the reason why there is none."""
    found: Callable[[], Engine] | str = load(str(registry.get(name).engine))(Converter.load(mappings_folder()).taxonomy)
    return found


def open_lake(name: str) -> Engine:
    """A running engine. A test that opens one carries the `lake` marker."""
    connect = opener(name)
    assert callable(connect), connect
    return connect()
