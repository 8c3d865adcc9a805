"""ES|QL text run as it is, on a real Elasticsearch, through the official client."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, ClassVar, Literal, Self

from elasticsearch import ApiError, Elasticsearch, TransportError
from elasticsearch.helpers import BulkIndexError, bulk

from sigmagen.backends.esql import HUNT_ROWS
from sigmagen.convert import Query
from sigmagen.engines.alert import Alert, alerts_from, iso
from sigmagen.engines.store import store
from sigmagen.mapping.elastic_template import index_mappings
from sigmagen.mapping.source import Source
from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.problems import EXIT_USAGE, Problem, SigmagenError

OWNER = {"created_by": "sigmagen verify"}
TIMEOUT = 60


class ElasticsearchEngine:
    """Writes fixtures into an index that the query's pattern matches, and refuses where somebody else's data is."""

    name: ClassVar[str] = "elasticsearch"
    siem: ClassVar[str] = "elastic"
    fidelity: ClassVar[Literal["real", "emulated"]] = "real"

    def __init__(self, url: str, taxonomy: Taxonomy) -> None:
        self.taxonomy = taxonomy
        self.client = Elasticsearch(url, request_timeout=TIMEOUT)
        self._indices: set[str] = set()
        try:
            self.client.cluster.health(timeout="10s")
        except (ApiError, TransportError) as error:
            self.client.close()
            raise SigmagenError(
                Problem(
                    "no-server", f"no Elasticsearch answers at {url}: {error}", hint="`make elasticsearch` starts one"
                ),
                EXIT_USAGE,
            ) from None

    def load(self, source: Source, records: Sequence[Mapping[str, Any]]) -> None:
        index = self._own_index(source)
        self.client.options(ignore_status=404).indices.delete(index=index)
        self.client.indices.create(
            index=index,
            mappings={"_meta": OWNER, **index_mappings(source, self.taxonomy)},
            settings={"number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": "-1"},
        )
        self._indices.add(index)
        try:
            bulk(self.client, self._documents(source, index, records), chunk_size=2000)
        except BulkIndexError as error:
            reason = error.errors[0]
            raise SigmagenError(Problem("fixture-refused", f"{index} refused a fixture: {reason}")) from None
        self.client.indices.refresh(index=index)

    def _documents(self, source: Source, index: str, records: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        seen: set[str] = set()
        for record in records:
            for row in store(self.siem, source.name, dict(record))["events"]:
                # Integrations derive the document id from the event, so that a repeated delivery is one document.
                identity = repr(row)
                if source.targets["duckdb"].duplicates and identity in seen:
                    continue
                seen.add(identity)
                yield {"_index": index, "_op_type": "index", "_source": row}

    def _own_index(self, source: Source) -> str:
        """The index to write, once it is sure that the pattern matches nothing of somebody else."""
        pattern = source.targets[self.siem].location
        for name, body in self.client.indices.get(index=pattern, expand_wildcards="all").items():
            if body.get("mappings", {}).get("_meta") != OWNER:
                raise SigmagenError(
                    Problem(
                        "foreign-index",
                        f"{name} on this cluster matches {pattern} and was not made by verify, so nothing was written",
                        hint="verify against an empty test cluster (`make elasticsearch`)",
                    ),
                    EXIT_USAGE,
                )
        return pattern.replace("*", "sigmagen-verify")

    def run(self, query: Query, start: int, end: int) -> list[Alert]:
        window = {"range": {"@timestamp": {"gte": iso(start), "lt": iso(end), "format": "strict_date_optional_time"}}}
        # As Discover does with the time range that was picked.
        params = [{"_tstart": iso(start)}, {"_tend": iso(end)}] if query.ranged else None
        result = self.client.esql.query(query=query.text, filter=window, params=params, columnar=False)
        rows = result["values"]
        if len(rows) >= HUNT_ROWS:
            raise SigmagenError(
                Problem("row-limit", f"ES|QL returned {HUNT_ROWS} rows, its most: a shorter range is needed to see all")
            )
        return alerts_from(query, [column["name"] for column in result["columns"]], rows)

    def close(self) -> None:
        for index in self._indices:
            self.client.options(ignore_status=404).indices.delete(index=index)
        self.client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
