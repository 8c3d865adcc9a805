"""Engines on which a record can't be found before it has arrived."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import orjson

from sigmagen.convert.converter import Query
from sigmagen.durations import iso
from sigmagen.engines import spl
from sigmagen.engines.alert import Alert, alerts_from
from sigmagen.engines.elasticsearch import ElasticsearchEngine
from sigmagen.engines.kusto_local import KustoLocalEngine
from sigmagen.engines.splunk_local import SplunkLocalEngine
from sigmagen.mapping.sentinel_tables import build_table_schemas
from sigmagen.mapping.source import Source
from sigmagen.sources import stored_rows
from tests.schedule.month import Logged


class Arriving(Protocol):
    """Runs a query as a SIEM does at some moment: over the records of a range that have arrived by then."""

    def keep(self, source: Source, logged: Sequence[Logged]) -> None:
        """Make these records all that the source ever logs."""

    def run_at(self, query: Query, start: int, now: int, visible: Sequence[int]) -> list[Alert]:
        """The result over [start, now), epoch milliseconds; `visible` numbers what has arrived of that range."""


class ArrivingSplunk(SplunkLocalEngine):
    """Holds, for each run, the events that it can see."""

    def keep(self, source: Source, logged: Sequence[Logged]) -> None:
        self._kept: list[spl.Rows] = []
        for item in logged:
            self.load(source, [item.record])
            self._kept.append(self._events)

    def run_at(self, query: Query, start: int, now: int, visible: Sequence[int]) -> list[Alert]:
        rows = [row for number in visible for row in self._kept[number]]
        self._events = sorted(rows, key=lambda row: row["_time"], reverse=True)
        self._searches.clear()
        return self.run(query, start, now)


class ArrivingKusto(KustoLocalEngine):
    """Each stored row knows when it arrived, and a table shows no other."""

    def keep(self, source: Source, logged: Sequence[Logged]) -> None:
        self.connection.execute("ALTER TABLE stored.period ADD COLUMN IF NOT EXISTS now BIGINT")
        for table, schema in build_table_schemas(source, self.taxonomy).items():
            rows = [
                orjson.dumps({**row, "_arrived": item.arrived}).decode()
                for item in logged
                for row in stored_rows(self.siem, source.name, dict(item.record)).get(table, ())
            ]
            self._fill(table, {**schema, "_arrived": "long"}, rows)
            self.connection.execute(
                f'CREATE OR REPLACE VIEW "{table}" AS SELECT kept.* EXCLUDE _arrived '
                f'FROM stored."{table}" AS kept, stored.period '
                "WHERE TimeGenerated >= earliest AND TimeGenerated < latest AND _arrived <= now"
            )

    def select(self, start: int, end: int) -> None:
        self.connection.execute("DELETE FROM stored.period")
        self.connection.execute(
            "INSERT INTO stored.period VALUES (make_timestamp($1 * 1000), make_timestamp($2 * 1000), $2)", [start, end]
        )

    def run_at(self, query: Query, start: int, now: int, visible: Sequence[int]) -> list[Alert]:
        return self.run(query, start, now)


class ArrivingElasticsearch(ElasticsearchEngine):
    """Holds all documents, and hides from a run those that are still on their way."""

    def keep(self, source: Source, logged: Sequence[Logged]) -> None:
        self.load(source, [item.record for item in logged])
        self._logged = logged

    def run_at(self, query: Query, start: int, now: int, visible: Sequence[int]) -> list[Alert]:
        on_their_way = [number for number, item in enumerate(self._logged) if item.arrived > now >= item.time]
        ids = [f"{number}-{part}" for number in on_their_way for part in range(3)]
        times = {"range": {"@timestamp": {"gte": iso(start), "lt": iso(now), "format": "strict_date_optional_time"}}}
        window = {"bool": {"must": [times], "must_not": [{"ids": {"values": ids}}]}}
        result = self.client.esql.query(query=query.text, filter=window, columnar=False)
        return alerts_from(query, [column["name"] for column in result["columns"]], result["values"])
