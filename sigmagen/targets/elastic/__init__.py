"""Elastic's ES|QL."""

from __future__ import annotations

import re

from sigmagen.targets.target import Location, Target

_INDEX = r"(?:[A-Za-z0-9_*-]+:)?[a-z0-9.*][a-z0-9._*-]*"
"""An index pattern, with a remote cluster's name and a colon before it if it has one."""
_INDICES = re.compile(f"{_INDEX}(,{_INDEX})*", re.ASCII)


def _find_location_fault(text: str) -> str | None:
    return None if _INDICES.fullmatch(text) else f"'{text}' is not a comma-separated list of index patterns"


TARGET = Target(
    name="elastic",
    product="Elastic",
    language="ES|QL",
    suffix="esql",
    order=2,
    printer="sigmagen.targets.elastic.printer:EsqlPrinter",
    engine="sigmagen.engines.opening:open_elasticsearch",
    comment=("// ", ""),
    time_column="@timestamp",
    location=Location("index", _find_location_fault),
    flat_names=True,
    common_schema="ecs",
    pysigma_backend="esql",
    pipeline_backends=frozenset({"esql", "elasticsearch", "eql", "lucene"}),
    pipeline_location="index",
    aliases=("esql",),
    range_warnings={
        "alert": (
            "range-parameters",
            "the query needs ?_tstart and ?_tend, which Discover fills in; rule types that don't can't run it",
        )
    },
)
