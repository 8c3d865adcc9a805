"""The same native records, stored in each SIEM with the time at which they arrived, and plans run over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from elasticsearch.helpers import bulk

from sigmagen.convert.render import render
from sigmagen.durations import iso
from sigmagen.engines.elasticsearch import ElasticsearchEngine
from sigmagen.engines.kusto_local import KustoLocalEngine
from sigmagen.engines.splunk_local import SplunkLocalEngine
from sigmagen.mapping.source import Source
from sigmagen.net.bulk import Document
from sigmagen.packages.elastic.target import ElasticTarget
from sigmagen.plan.model import Plan
from tests.native_logs import converter

DELAY = 90
"""Seconds after which each record arrives."""

Records = Sequence[Mapping[str, Any]]
Row = dict[str, Any]


class Splunk(SplunkLocalEngine):
    """Events that are indexed late."""

    def load(self, source: Source, records: Records) -> None:
        super().load(source, records)
        for row in self._events:
            row["_indextime"] = row["_time"] + DELAY

    def placed(self, source: Source) -> Source:
        """Where it is."""
        return source

    def rows(self, plan: Plan, source: Source, start: int, end: int) -> list[Row]:
        """The result of a plan over [start, end), under the plan's names."""
        rendered = render(plan, self.siem)
        found = self.execute(rendered.text, start, end)
        return [{rendered.columns[name]: value for name, value in row.items()} for row in found]


class Kusto(KustoLocalEngine):
    """The offline engine knows no time of arrival, so it is put in for the function that says it."""

    def __init__(self) -> None:
        super().__init__(converter().taxonomy)

    def placed(self, source: Source) -> Source:
        """Where it is."""
        return source

    def rows(self, plan: Plan, source: Source, start: int, end: int) -> list[Row]:
        """The result of a plan over [start, end), under the plan's names."""
        rendered = render(plan, self.siem)
        self.select(start, end)
        names, found = self.execute(rendered.text.replace("ingestion_time()", f"TimeGenerated + {DELAY}s"), source)
        return [{rendered.columns[name]: value for name, value in zip(names, row, strict=True)} for row in found]


class Elasticsearch(ElasticsearchEngine):
    """Documents with the time of arrival that Elastic's pipelines set."""

    arrival: ClassVar[Mapping[str, Any]] = {"event": {"properties": {"ingested": {"type": "date"}}}}

    def __init__(self, url: str) -> None:
        super().__init__(url, converter().taxonomy)
        # Indices of this run alone, whatever else runs on the server.
        self.apart = True

    def load(self, source: Source, records: Records) -> None:
        super().load(source, ())
        (index,) = self._indices
        # What the package's component templates map besides the columns of the mapping.
        read = ElasticTarget.load(converter().mappings).lost_columns.get(source.name, {})
        properties = {**self.arrival, **{name: {"type": kind} for name, kind in read.items()}}
        self.client.indices.put_mapping(index=index, properties=properties)
        actions = (
            {"_index": index, "_id": document.id, "_source": _arrived(document)}
            for document in self._documents(source, index, records)
        )
        bulk(self.client, actions, refresh=True)

    def rows(self, plan: Plan, source: Source, start: int, end: int) -> list[Row]:
        """The result of a plan over [start, end), under the plan's names."""
        rendered = render(plan, self.siem)
        window = {"range": {"@timestamp": {"gte": iso(start), "lt": iso(end)}}}
        result = self.client.esql.query(query=rendered.text, filter=window)
        names = [rendered.columns[column["name"]] for column in result["columns"]]
        return [dict(zip(names, row, strict=True)) for row in result["values"]]


def _arrived(document: Document) -> dict[str, Any]:
    time = datetime.fromisoformat(str(document.source["@timestamp"])) + timedelta(seconds=DELAY)
    event = {**document.source.get("event", {}), "ingested": time.isoformat()}
    return {**document.source, "event": event}
