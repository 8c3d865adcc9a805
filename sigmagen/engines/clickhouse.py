"""ClickHouse inside this process: chdb."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Literal

import orjson

from sigmagen.convert.converter import Query
from sigmagen.durations import iso
from sigmagen.engines import opening
from sigmagen.engines.alert import Alert, Engine, alerts_from
from sigmagen.engines.closing import Closing
from sigmagen.engines.errors import QueryRefusedError
from sigmagen.engines.lake_table import columns_of, write_parquet
from sigmagen.mapping.source import Source
from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.targets.lake import DAY, TIME

LONGEST_QUERY = 16 << 20
"""Bytes. ClickHouse's own limit is 256 KiB, and a rule may have long lists."""

_TYPES = {"BIGINT": "Int64", "DOUBLE": "Float64", "BOOLEAN": "Bool", "VARCHAR": "String"}


def open_clickhouse(taxonomy: Taxonomy) -> Callable[[], Engine] | str:
    """chdb, if it is installed."""
    if not opening.is_installed("chdb"):
        return "ClickHouse's SQL needs chdb: pip install 'sigmagen-extraction[clickhouse]'"
    return lambda: ClickHouseEngine(taxonomy)


class ClickHouseClient(Closing):
    """Runs queries over the tables of a ClickHouse in this process."""

    name: ClassVar[str] = "chdb"

    def __init__(self) -> None:
        self.session: Any = import_module("chdb.session").Session()
        self.session.query(f"SET max_query_size = {LONGEST_QUERY}")

    def read(self, location: str, folder: Path) -> None:
        """Make a view of Parquet files in the folders `day=YYYY-MM-DD` of a folder."""
        place = f"{folder.resolve()}/{DAY}=*/*.parquet".replace("\\", "\\\\").replace("'", "\\'")
        self.session.query(
            f"CREATE OR REPLACE VIEW {location} AS SELECT * EXCEPT {DAY}, CAST({DAY} AS Date) AS {DAY} "
            f"FROM file('{place}', Parquet) SETTINGS use_hive_partitioning = 1"
        )

    def run(self, query: Query, start: int, end: int) -> list[Alert]:
        edges = {"range_start": start, "range_end": end}
        params = {name: iso(moment).rstrip("Z").replace("T", " ") for name, moment in edges.items()}
        try:
            answer = str(self.session.query(query.text, "JSONCompact", params=params))
        except RuntimeError as error:
            raise QueryRefusedError(self.name, str(error).partition("\n")[0]) from None
        document = orjson.loads(answer)
        columns = [column["name"] for column in document["meta"]]
        times = [position for position, column in enumerate(document["meta"]) if "DateTime64" in column["type"]]
        rows = [
            [datetime.fromisoformat(cell) if position in times else cell for position, cell in enumerate(row)]
            for row in document["data"]
        ]
        return alerts_from(query, columns, rows)

    def close(self) -> None:
        self.session.close()


class ClickHouseEngine(ClickHouseClient):
    """One table of canonical events, in memory."""

    siem: ClassVar[str] = "clickhouse"
    fidelity: ClassVar[Literal["real", "emulated"]] = "real"

    def __init__(self, taxonomy: Taxonomy) -> None:
        super().__init__()
        self.taxonomy = taxonomy

    def load(self, source: Source, records: Sequence[Mapping[str, Any]]) -> None:
        table = source.stored[self.siem].location
        columns = [f"{TIME} DateTime64(3, 'UTC')", f"{DAY} Date"]
        columns += [f"{name} Nullable({_TYPES[kind]})" for name, (_, kind) in columns_of(self.taxonomy).items()]
        self.session.query(f"DROP TABLE IF EXISTS {table}")
        self.session.query(f"CREATE TABLE {table} ({', '.join(columns)}) ENGINE = Memory")
        with tempfile.TemporaryDirectory() as folder:
            events = Path(folder) / "events"
            if write_parquet(records, self.taxonomy, events):
                names = ", ".join((TIME, DAY, *columns_of(self.taxonomy)))
                files = f"file('{events}/{DAY}=*/*.parquet', Parquet)"
                self.session.query(f"INSERT INTO {table} ({names}) SELECT {names} FROM {files}")
