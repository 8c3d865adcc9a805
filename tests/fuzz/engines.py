"""The engines under test, each with how to start it."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from uuid import uuid4

import pytest

from sigmagen.engines.alert import Engine
from sigmagen.engines.duckdb import DuckDBEngine
from sigmagen.engines.elasticsearch import ElasticsearchEngine
from sigmagen.engines.kusto_local import KustoLocalEngine
from sigmagen.engines.splunk_local import SplunkLocalEngine
from sigmagen.mapping.source import Source
from tests.conftest import ELASTICSEARCH_VARIABLE
from tests.fuzz.judge import CONVERTER, source_for
from tests.lakes import EACH_LAKE, LAKES, open_lake

ENGINES: dict[str, Callable[[], Engine]] = {
    "duckdb": lambda: DuckDBEngine(threads=1),
    "kusto-local": lambda: KustoLocalEngine(CONVERTER.taxonomy),
    "splunk-local": SplunkLocalEngine,
    "elasticsearch": lambda: ElasticsearchEngine(os.environ[ELASTICSEARCH_VARIABLE], CONVERTER.taxonomy),
    **{name: partial(open_lake, name) for name in LAKES},
}

OVER_NATIVE_RECORDS = [
    pytest.param(name, marks=pytest.mark.elasticsearch) if name == "elasticsearch" else name
    for name in ENGINES
    if name not in LAKES
]
"""Parameters: the engines that read the records of all sources."""
EACH_ENGINE = [*OVER_NATIVE_RECORDS, *EACH_LAKE]


def own_source() -> Source:
    """The canonical source, in an index that nobody else writes."""
    return source_for(f"sigmagen-fuzz-{uuid4().hex}")
