"""Canonical events into Elasticsearch, each one accounted for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from types import TracebackType
from typing import Any, Self

import orjson
from elasticsearch import ApiError

from sigmagen.local.normalize import CanonicalEvent
from sigmagen.logs.reader import Reject
from sigmagen.mapping.elastic_template import build_index_mappings
from sigmagen.mapping.source import Source
from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.net.bulk import Document, Result, bulk
from sigmagen.net.client import reject_invalid_response
from sigmagen.net.elasticsearch import HINT, ElasticError, connect, make_server_error, reason, send_with_retries
from sigmagen.problems import EXIT_USAGE, SigmagenError

STREAM = "logs-sigmagen.canonical-default"
TEMPLATE = "logs-sigmagen.canonical"

_OWNER = {"created_by": "sigmagen normalize"}
_PRIORITY = 500  # above 100, that of Elasticsearch's own template for logs-*-*
_TIMEOUT = 60
_CONFLICT = 409
_ANSWER = ("errors", "items.*._id", "items.*.status", "items.*.error")
"""The parts of an answer that are read; the rest is two thirds of it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An event as JSON text, where its record is, and the id of its document."""

    file: str
    line: int
    id: str
    text: str


def document_id(event: CanonicalEvent) -> str:
    """The same for a repeated delivery, and only for that: the hash of source and event. A caller may choose the id."""
    return sha256(orjson.dumps((event.source, event.event), option=orjson.OPT_SORT_KEYS)).hexdigest()


def entry_of(event: CanonicalEvent) -> Entry:
    """The entry of an event."""
    return Entry(event.file, event.line, document_id(event), orjson.dumps(event.event).decode())


@dataclass
class CanonicalStream:
    """The data stream of canonical events on one cluster, or an index of its name where data streams can't be made.

    `written` counts documents that are new, `repeated` those that were there already, `refused` those that the cluster
    did not take, `lost` those that its answers say nothing about, and `unknown` items of answers for nothing we sent.
    """

    url: str
    source: Source
    taxonomy: Taxonomy
    on_reject: Callable[[Reject], None] | None = None
    written: int = 0
    repeated: int = 0
    refused: int = 0
    lost: int = 0
    unknown: int = 0

    def __post_init__(self) -> None:
        self._client = connect(self.url, timeout=_TIMEOUT)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def prepare(self) -> None:
        """Install the index template, unless there is one that somebody else made. Raises SigmagenError."""
        found = send_with_retries(
            lambda: self._client.options(ignore_status=404).indices.get_index_template(name=TEMPLATE), self._failure
        )
        with reject_invalid_response(self._misunderstood):
            if any(entry["index_template"].get("_meta") != _OWNER for entry in found.get("index_templates", [])):
                return
        template: dict[str, Any] = {
            "name": TEMPLATE,
            "index_patterns": [f"{TEMPLATE}-*"],
            "priority": _PRIORITY,
            "meta": _OWNER,
            "template": {"mappings": build_index_mappings(self.source, self.taxonomy)},
        }
        try:
            send_with_retries(
                lambda: self._client.indices.put_index_template(**template, data_stream={}), self._failure
            )
        except _RefusedError as error:
            if error.status in (401, 403):
                raise
            send_with_retries(lambda: self._client.indices.put_index_template(**template), self._failure)

    def write(self, entries: Iterable[Entry], on_settled: Callable[[int], None] = lambda count: None) -> None:
        """Write events and count what became of each. Raises SigmagenError when the cluster doesn't answer.

        An event that was not written is rejected with the reason. `on_settled` is told from time to time how many of
        the first events are there, up to one that was not written.
        """
        taken = settled = 0

        def documents() -> Iterator[Document]:
            nonlocal taken
            for entry in entries:
                taken += 1
                yield Document(STREAM, entry.id, entry.text.encode(), entry)

        # A data stream takes nothing but `create`, which leaves a document that is there as it is.
        for result in bulk(self._send, "create", documents()):
            self._count(result)
            settled += result.document is not None
            # One document more than a request has is taken to see that it is full.
            if settled >= taken - 1 and not (self.refused or self.lost):
                on_settled(settled)

    def _send(self, lines: Sequence[Any]) -> Any:
        answer = send_with_retries(lambda: self._client.bulk(operations=lines, filter_path=_ANSWER), self._failure)
        if not isinstance(answer.get("items"), list):
            raise self._misunderstood()
        return answer

    def _count(self, result: Result) -> None:
        if result.document is None:
            self.unknown += 1
        elif result.written:
            self.written += 1
        elif result.status == _CONFLICT:
            self.repeated += 1
        elif result.status is None:
            self.lost += 1
            self._reject(result.document.origin, f"not confirmed by Elasticsearch: {result.reason}")
        else:
            self.refused += 1
            why = result.reason or f"HTTP {result.status}"
            self._reject(result.document.origin, f"refused by Elasticsearch: {why}")

    def _reject(self, entry: Entry, reason: str) -> None:
        if self.on_reject:
            self.on_reject(Reject(entry.file, entry.line, reason, entry.text))

    def _failure(self, error: ElasticError) -> SigmagenError:
        return self._unusable(reason(error), error.status_code if isinstance(error, ApiError) else None)

    def _misunderstood(self) -> SigmagenError:
        return self._unusable("an answer is not what Elasticsearch documents")

    def _unusable(self, why: str, status: int | None = None) -> SigmagenError:
        done = f"; {self.written:,} events were written before" if self.written else ""
        return _RefusedError(self.url, f"{why}{done}", status)


class _RefusedError(SigmagenError):
    """The cluster can't be used. `status` is that of its answer, if there was one."""

    def __init__(self, url: str, reason: str, status: int | None) -> None:
        hint = f"{HINT}; what was written is not written twice"
        super().__init__(make_server_error(reason, url, hint).problems, EXIT_USAGE)
        self.status = status
