"""Runs ES|QL unchanged on a real Elasticsearch, through the official client."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from fnmatch import fnmatchcase
from types import TracebackType
from typing import Any, ClassVar, Literal, Self, TypeVar
from uuid import uuid4

from elasticsearch import ApiError, TransportError

from sigmagen.convert.converter import Query
from sigmagen.durations import iso
from sigmagen.engines.alert import Alert, alerts_from
from sigmagen.engines.errors import QueryRefusedError
from sigmagen.mapping.elastic_template import build_index_mappings
from sigmagen.mapping.source import Source, relocate
from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.net.bulk import Document, bulk
from sigmagen.net.client import reject_invalid_response
from sigmagen.net.elasticsearch import (
    ElasticError,
    connect,
    has_credentials,
    make_server_error,
    read_client_options,
    reason,
    send_with_retries,
)
from sigmagen.problems import EXIT_USAGE, Problem, SigmagenError
from sigmagen.sources import stored_rows
from sigmagen.targets.elastic.printer import HUNT_ROWS

CREATOR = "sigmagen verify"
PREFIX = "sigmagen-verify"
LEASE = 900
"""Seconds until other runs may delete a temporary index. It holds one rule's fixtures, which needs far less."""
TIMEOUT = 60
_PRIVILEGES = f"verify needs all index privileges on {PREFIX}-*, and no others"

T = TypeVar("T")


class ElasticsearchEngine:
    """Writes fixtures into indices of its own, and deletes them.

    On an empty cluster without authentication, such as `make elasticsearch` starts, the query's own pattern matches the
    index. On all other clusters, where detection rules and people read those patterns, verification is isolated: in
    hidden indices `sigmagen-verify-<run>-<source>`, with queries converted for them (see `placed`).
    """

    name: ClassVar[str] = "elasticsearch"
    siem: ClassVar[str] = "elastic"
    fidelity: ClassVar[Literal["real", "emulated"]] = "real"

    def __init__(self, url: str, taxonomy: Taxonomy) -> None:
        self.taxonomy = taxonomy
        self.url = url
        self.client = connect(url, timeout=TIMEOUT)
        self._run = uuid4().hex[:12]
        self._indices: set[str] = set()
        try:
            self._remove_leftovers()
            self.is_isolated = has_credentials(read_client_options()) or self._is_used()
            self._streams = [] if self.is_isolated else self._stream_patterns()
        except SigmagenError:
            self.client.close()
            raise

    def version(self) -> str | None:
        """The numbers and builds of the cluster's nodes; None where we may not know them."""
        try:
            nodes = self.client.nodes.info(metric="none")["nodes"].values()
            found = {f"{node['version']} {node['build_hash']}" for node in nodes}
        except (ApiError, TransportError, KeyError, TypeError, AttributeError):
            return None
        return f"{self.name} {', '.join(sorted(found))}"

    def placed(self, source: Source) -> Source:
        """The source in temporary indices if the cluster is in use; unchanged if the cluster is empty, or if the source
        is not kept in Elasticsearch.

        Elasticsearch's own templates reserve names such as `logs-app-default` for data streams: isolated, too.
        """
        if any(self.siem not in part.stored for part in source.parts):
            return source
        names = [_temporary_index(part.stored[self.siem].location) for part in source.parts]
        if not self.is_isolated and not any(fnmatchcase(name, pattern) for name in names for pattern in self._streams):
            return source
        return relocate(source, self.siem, lambda part: f"{PREFIX}-{self._run}-{part.name}")

    def load(self, source: Source, records: Sequence[Mapping[str, Any]]) -> None:
        index = self._require_own_index(source)
        # Noted before it is created, so that an interrupted run deletes it, too.
        self._indices.add(index)
        meta = {"created_by": CREATOR, "expires": int(time.time()) + LEASE}
        settings = {"refresh_interval": "-1", "default_pipeline": "_none", "final_pipeline": "_none"}
        if index.startswith(f"{PREFIX}-"):
            settings["hidden"] = "true"
        else:
            settings |= {"number_of_shards": "1", "number_of_replicas": "0"}
        self._do(lambda: self.client.options(ignore_status=404).indices.delete(index=index))
        mappings = {"_meta": meta, **build_index_mappings(source, self.taxonomy)}
        self._do(lambda: self.client.indices.create(index=index, mappings=mappings, settings=settings))
        for result in bulk(self._send, "index", self._documents(source, index, records)):
            if result.document and not result.written:
                why = result.reason or f"HTTP {result.status}"
                raise SigmagenError(Problem("fixture-refused", f"{index} refused a fixture: {why}"))
        self._do(lambda: self.client.indices.refresh(index=index))

    def _send(self, lines: Sequence[Any]) -> Any:
        answer = self._do(lambda: self.client.bulk(operations=lines))
        with self._expecting():
            return {"items": list(answer["items"])}

    def _documents(self, source: Source, index: str, records: Sequence[Mapping[str, Any]]) -> Iterator[Document]:
        seen: set[str] = set()
        for number, record in enumerate(records):
            for part, row in enumerate(stored_rows(self.siem, source.name, dict(record))["events"]):
                # Integrations derive the id from the event, so a repeated event is stored once.
                identity = repr(row)
                if source.duplicates and identity in seen:
                    continue
                seen.add(identity)
                # With an id, a batch that is sent again after the cluster was busy creates no duplicates.
                yield Document(index, f"{number}-{part}", row)

    def _require_own_index(self, source: Source) -> str:
        """The index to write. Raises SigmagenError if the pattern matches an index that verify didn't create."""
        pattern = source.stored[self.siem].location
        if pattern.startswith(f"{PREFIX}-{self._run}-"):
            return pattern
        for name, expires in self._matching(pattern).items():
            if expires is None:
                raise SigmagenError(
                    Problem(
                        "foreign-index",
                        f"{name} on this cluster matches {pattern} but is not from verify, so nothing was written",
                        hint="verify against an empty test cluster (`make elasticsearch`)",
                    ),
                    EXIT_USAGE,
                )
        return _temporary_index(pattern)

    def _matching(self, pattern: str) -> dict[str, float | None]:
        """The indices that a pattern matches, and when those that verify created may be deleted; None for others."""
        found = self._do(lambda: self.client.indices.get(index=pattern, expand_wildcards="all"))
        expiries: dict[str, float | None] = {}
        with self._expecting():
            for name, body in found.items():
                meta = body.get("mappings", {}).get("_meta", {})
                expires = meta.get("expires", 0) if meta.get("created_by") == CREATOR else None
                expiries[name] = expires if expires is None or isinstance(expires, int | float) else 0
        return expiries

    def _remove_leftovers(self) -> None:
        """Delete the temporary indices of runs that were killed before they could."""
        for name, expires in self._matching(f"{PREFIX}-*").items():
            if expires is not None and expires < time.time():
                self._delete(name)

    def _is_used(self) -> bool:
        """Whether the cluster has any indices but system indices and those of verify."""
        found = self._do(lambda: self.client.indices.resolve_index(name="*", expand_wildcards=["open", "closed"]))
        with self._expecting():
            names = [entry["name"] for kind in ("indices", "data_streams") for entry in found.get(kind, [])]
            return any(not name.startswith(".") and PREFIX not in name for name in names)

    def _stream_patterns(self) -> list[str]:
        """The patterns of the cluster's index templates for data streams."""
        found = self._do(lambda: self.client.indices.get_index_template())
        with self._expecting():
            bodies = [entry["index_template"] for entry in found.get("index_templates", [])]
            return [pattern for body in bodies if "data_stream" in body for pattern in body["index_patterns"]]

    def run(self, query: Query, start: int, end: int) -> list[Alert]:
        window = {"range": {"@timestamp": {"gte": iso(start), "lt": iso(end), "format": "strict_date_optional_time"}}}
        # As Discover passes the selected time range.
        params = [{"_tstart": iso(start)}, {"_tend": iso(end)}] if query.ranged else None
        try:
            result = self._do(
                lambda: self.client.esql.query(query=query.text, filter=window, params=params, columnar=False)
            )
        except _BadRequestError as error:
            raise QueryRefusedError(self.name, error.reason) from None
        with self._expecting():
            rows = result["values"]
            if len(rows) >= HUNT_ROWS:
                message = f"ES|QL returned {HUNT_ROWS} rows, its maximum: choose a shorter range to see all"
                raise SigmagenError(Problem("row-limit", message))
            return alerts_from(query, [column["name"] for column in result["columns"]], rows)

    def _do(self, request: Callable[[], T]) -> T:
        """The result of a request. Raises SigmagenError if the cluster can't be used."""
        return send_with_retries(request, self._failure)

    def _expecting(self) -> AbstractContextManager[None]:
        return reject_invalid_response(
            lambda: make_server_error("an answer is not what Elasticsearch documents", self.url)
        )

    def _failure(self, error: ElasticError) -> SigmagenError:
        why = reason(error)
        status = error.status_code if isinstance(error, ApiError) else None
        if status == 400:
            return _BadRequestError(self.url, why)
        hint = _PRIVILEGES if status == 403 else None
        if status is None:
            hint = "`make elasticsearch` starts one"
        elif status == 429 and "circuit_breaking_exception" in why:
            hint = "the query needs more memory than the server has left: give it more heap, or choose a shorter range"
        return make_server_error(why, self.url, hint)

    def _delete(self, index: str) -> None:
        self._do(lambda: self.client.options(ignore_status=404).indices.delete(index=index))

    def close(self) -> None:
        """Delete all written indices. Raises SigmagenError for those that remain."""
        left: list[Problem] = []
        for index in sorted(self._indices):
            try:
                self._delete(index)
            except SigmagenError as error:
                message = f"{index} could not be deleted: {error.problems[0].message}"
                left.append(Problem("left-behind", message, hint="the next run removes it, or delete it by hand"))
        self._indices.clear()
        self.client.close()
        if left:
            raise SigmagenError(left, EXIT_USAGE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except SigmagenError as left:
            if not isinstance(error, SigmagenError):
                raise
            # The error that stopped the run comes first.
            error.problems += left.problems


class _BadRequestError(SigmagenError):
    """HTTP 400: the request is wrong, not the server."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(make_server_error(reason, url).problems, EXIT_USAGE)
        self.reason = reason


def _temporary_index(pattern: str) -> str:
    """An index that the pattern, or the first of several, matches, and that nobody else uses."""
    return pattern.split(",")[0].replace("*", PREFIX)
