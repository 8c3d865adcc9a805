"""Engines that hold the events of the table of modifiers, for all tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.targets.engines import running
from tests.targets.modifier_events import EVENTS, Held


@pytest.fixture(scope="module")
def splunk() -> Iterator[Held]:
    with running("splunk", "", EVENTS) as held:
        yield held


@pytest.fixture(scope="module")
def kusto() -> Iterator[Held]:
    with running("sentinel", "", EVENTS) as held:
        yield held


@pytest.fixture(scope="module")
def elasticsearch(elasticsearch_url: str) -> Iterator[Held]:
    with running("elastic", elasticsearch_url, EVENTS) as held:
        yield held
