"""Elasticsearch's bulk API, with a result for every document."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from sigmagen.net.client import redact
from sigmagen.net.retry import ATTEMPTS, BusyError, retry_delay

CHUNK_DOCUMENTS = 1_000
CHUNK_BYTES = 10_000_000
"""Largest size of one request, unless a single document is larger."""
TOO_MANY = 429


@dataclass(frozen=True, slots=True)
class Document:
    """A document to write; bytes are JSON already. `origin` is an arbitrary object that is returned with the result."""

    index: str
    id: str
    source: Any
    origin: Any = None


@dataclass(frozen=True, slots=True)
class Result:
    """The result of writing a document.

    `status` is None if the response does not mention the document. `document` is None for an item that was not sent.
    """

    document: Document | None
    status: int | None
    reason: str = ""

    @property
    def written(self) -> bool:
        """Whether this request wrote the document."""
        return self.status is not None and 200 <= self.status < 300


def bulk(send: Callable[[Sequence[bytes]], Any], operation: str, documents: Iterable[Document]) -> Iterator[Result]:
    """Write documents with `create` or `index`, and yield a result for each.

    `send` takes the lines of one request and returns the parsed response. Documents that the cluster rejected because
    it was busy are sent again. Raises ValueError for a response without items, and what `send` raises.
    """
    for chunk in _chunks(documents, operation):
        waiting = chunk
        for attempt in range(1, ATTEMPTS + 1):
            busy: list[tuple[Document, bytes]] = []
            lines = {id(document): line for document, line in waiting}
            for result in _results(send([line for _, line in waiting]), operation, [item for item, _ in waiting]):
                if result.status == TOO_MANY and result.document and attempt < ATTEMPTS:
                    busy.append((result.document, lines[id(result.document)]))
                else:
                    yield result
            if not busy:
                break
            time.sleep(retry_delay(attempt, BusyError(ValueError("busy"))))
            waiting = busy


def _chunks(documents: Iterable[Document], operation: str) -> Iterator[list[tuple[Document, bytes]]]:
    chunk: list[tuple[Document, bytes]] = []
    size = 0
    for document in documents:
        action = {operation: {"_index": document.index, "_id": document.id}}
        text = document.source if isinstance(document.source, bytes) else orjson.dumps(document.source)
        line = orjson.dumps(action) + b"\n" + text
        if chunk and (len(chunk) == CHUNK_DOCUMENTS or size + len(line) > CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append((document, line))
        size += len(line)
    if chunk:
        yield chunk


def _results(answer: Any, operation: str, documents: Sequence[Document]) -> Iterator[Result]:
    """Yield a result for each document, matched by id, and one for each item without a document."""
    items = answer.get("items") if hasattr(answer, "get") else None
    if not isinstance(items, list):
        raise ValueError("the response has no list of items")
    waiting: defaultdict[str, list[Document]] = defaultdict(list)
    for document in documents:
        waiting[document.id].append(document)
    for item in items:
        result = item.get(operation) if isinstance(item, dict) else None
        key = result.get("_id") if isinstance(result, dict) else None
        status = result.get("status") if isinstance(result, dict) else None
        if not isinstance(key, str) or not waiting.get(key):
            yield Result(None, None)
        elif isinstance(result, dict) and isinstance(status, int):
            yield Result(waiting[key].pop(0), status, _reason(result.get("error")))
    for left in waiting.values():
        for document in left:
            yield Result(document, None, "the response does not mention it")


def _reason(error: Any) -> str:
    reason = error.get("reason", error) if isinstance(error, dict) else error
    return redact(str(reason)) if reason else ""
