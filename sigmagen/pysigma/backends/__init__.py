"""The module `sigma.backends.sigmagen` of pySigma, which registers every backend class in it as a target."""

from typing import ClassVar

import sigmagen.pysigma.backend as _base

__all__ = [
    "SigmagenClickHouseBackend",
    "SigmagenElasticBackend",
    "SigmagenSentinelBackend",
    "SigmagenSparkBackend",
    "SigmagenSplunkBackend",
    "SigmagenTrinoBackend",
]


class SigmagenSplunkBackend(_base.SigmagenBackend):
    """SPL."""

    name: ClassVar[str] = "Splunk SPL with sliding windows (sigmagen)"
    identifier: ClassVar[str] = "sigmagen_splunk"
    target: ClassVar[str] = "splunk"


class SigmagenElasticBackend(_base.SigmagenBackend):
    """ES|QL."""

    name: ClassVar[str] = "Elastic ES|QL with sliding windows (sigmagen)"
    identifier: ClassVar[str] = "sigmagen_elastic"
    target: ClassVar[str] = "elastic"


class SigmagenSentinelBackend(_base.SigmagenBackend):
    """KQL."""

    name: ClassVar[str] = "Microsoft Sentinel KQL with sliding windows (sigmagen)"
    identifier: ClassVar[str] = "sigmagen_sentinel"
    target: ClassVar[str] = "sentinel"


class SigmagenSparkBackend(_base.SigmagenBackend):
    """Spark SQL over a table of canonical events."""

    name: ClassVar[str] = "Spark SQL with sliding windows (sigmagen)"
    identifier: ClassVar[str] = "sigmagen_spark"
    target: ClassVar[str] = "spark"


class SigmagenTrinoBackend(_base.SigmagenBackend):
    """Trino SQL over a table of canonical events."""

    name: ClassVar[str] = "Trino SQL with sliding windows (sigmagen)"
    identifier: ClassVar[str] = "sigmagen_trino"
    target: ClassVar[str] = "trino"


class SigmagenClickHouseBackend(_base.SigmagenBackend):
    """ClickHouse SQL over a table of canonical events."""

    name: ClassVar[str] = "ClickHouse SQL with sliding windows (sigmagen)"
    identifier: ClassVar[str] = "sigmagen_clickhouse"
    target: ClassVar[str] = "clickhouse"
