"""Canonical events into Elasticsearch, through the official client's bulk helper."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from types import TracebackType
from typing import Any, Self

import orjson
from elasticsearch import ApiError, TransportError
from elasticsearch.helpers import streaming_bulk

from sigmagen.connect import ELASTICSEARCH_HINT, elasticsearch_client, elasticsearch_reason, elasticsearch_unusable
from sigmagen.logs.reader import Reject
from sigmagen.mapping.elastic_template import index_mappings
from sigmagen.mapping.source import Source
from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.normalize import CanonicalEvent
from sigmagen.problems import SigmagenError

STREAM = "logs-sigmagen.canonical-default"
TEMPLATE = "logs-sigmagen.canonical"

_OWNER = {"created_by": "sigmagen normalize"}
_PRIORITY = 500  # above 100, that of Elasticsearch's own template for logs-*-*
_CHUNK = 1_000
_TIMEOUT = 60
_CONFLICT = 409


def document_id(event: CanonicalEvent) -> str:
    """The same for a repeated delivery, and only for that: the hash of source and event. A caller may choose the id."""
    return sha256(orjson.dumps((event.source, event.event), option=orjson.OPT_SORT_KEYS)).hexdigest()


@dataclass
class CanonicalStream:
    """The data stream of canonical events on one cluster, or an index of its name where data streams can't be made.

    `written` counts documents that are new, `repeated` those that were there already.
    """

    url: str
    source: Source
    taxonomy: Taxonomy
    on_reject: Callable[[Reject], None] | None = None
    written: int = 0
    repeated: int = 0
    refused: int = 0
    _pending: dict[str, CanonicalEvent] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._client = elasticsearch_client(self.url, timeout=_TIMEOUT)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def prepare(self) -> None:
        """Install the index template, unless there is one that somebody else made. Raises SigmagenError."""
        try:
            self._install()
        except (ApiError, TransportError) as error:
            raise self._unusable(elasticsearch_reason(error)) from None

    def _install(self) -> None:
        found = self._client.options(ignore_status=404).indices.get_index_template(name=TEMPLATE)
        for entry in found.get("index_templates", []):
            if entry["index_template"].get("_meta") != _OWNER:
                return
        template: dict[str, Any] = {
            "name": TEMPLATE,
            "index_patterns": [f"{TEMPLATE}-*"],
            "priority": _PRIORITY,
            "meta": _OWNER,
            "template": {"mappings": index_mappings(self.source, self.taxonomy)},
        }
        try:
            self._client.indices.put_index_template(**template, data_stream={})
        except ApiError as error:
            if error.status_code in (401, 403):
                raise
            self._client.indices.put_index_template(**template)

    def write(self, events: Iterable[CanonicalEvent]) -> None:
        """Write events; what the cluster refuses is counted and told. Raises SigmagenError when it doesn't answer."""
        try:
            results = streaming_bulk(
                self._client, self._actions(events), chunk_size=_CHUNK, max_retries=3, raise_on_error=False
            )
            for fine, item in results:
                self._count(fine, item["create"])
        except (ApiError, TransportError) as error:
            raise self._unusable(
                f"{elasticsearch_reason(error)}; {self.written:,} events were written before"
            ) from None

    def _actions(self, events: Iterable[CanonicalEvent]) -> Iterator[dict[str, Any]]:
        for event in events:
            identity = document_id(event)
            self._pending[identity] = event
            # A data stream takes nothing but `create`, which leaves a document that is there as it is.
            yield {"_op_type": "create", "_index": STREAM, "_id": identity, "_source": event.event}

    def _count(self, fine: bool, result: dict[str, Any]) -> None:
        event = self._pending.pop(result["_id"], None)
        if fine:
            self.written += 1
        elif result.get("status") == _CONFLICT:
            self.repeated += 1
        else:
            self.refused += 1
            cause = result.get("error") or {}
            reason = cause.get("reason", cause) if isinstance(cause, dict) else cause
            if self.on_reject and event:
                text = orjson.dumps(event.event).decode()
                self.on_reject(Reject(event.file, event.line, f"refused by Elasticsearch: {reason}", text))

    def _unusable(self, reason: str) -> SigmagenError:
        hint = f"{ELASTICSEARCH_HINT}; what was written is not written twice"
        return elasticsearch_unusable(self.url, reason, hint)
