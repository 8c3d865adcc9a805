"""Elasticsearch's bulk API: each document is accounted for, whatever the answer says."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from sigmagen.net import bulk as module
from sigmagen.net.bulk import Document, Result, bulk
from sigmagen.net.retry import ATTEMPTS

Json = dict[str, Any]
Items = Callable[[list[str]], list[Any]]


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []
    monkeypatch.setattr("sigmagen.net.bulk.time.sleep", found.append)
    return found


def item(key: str, status: int = 201, **more: Any) -> Json:
    return {"create": {"_id": key, "status": status, **more}}


class Server:
    """Answers with the items that `items` makes of the ids that were sent."""

    def __init__(self, *items: Items) -> None:
        self.items = list(items)
        self.sent: list[list[str]] = []

    def __call__(self, lines: Sequence[bytes]) -> Any:
        ids = [json.loads(line.splitlines()[0])["create"]["_id"] for line in lines]
        self.sent.append(ids)
        make = self.items.pop(0) if len(self.items) > 1 else self.items[0]
        return {"errors": False, "items": make(ids)}


def all_fine(ids: list[str]) -> list[Any]:
    return [item(key) for key in ids]


def written(server: Server, ids: str = "abc") -> dict[str, Result]:
    results = list(bulk(server, "create", [Document("index", key, {"n": key}, key) for key in ids]))
    known = [result for result in results if result.document]
    assert sorted(result.document.id for result in known if result.document) == sorted(ids)
    return {result.document.id: result for result in known if result.document}


def test_each_document_is_written() -> None:
    assert all(result.written for result in written(Server(all_fine)).values())


def test_items_in_another_order_are_matched_by_id() -> None:
    found = written(Server(lambda ids: [item("c", 400, error={"reason": "no c"}), item("b", 409), item("a")]))
    assert {key: result.status for key, result in found.items()} == {"a": 201, "b": 409, "c": 400}
    assert found["c"].reason == "no c"


@pytest.mark.parametrize(
    "items",
    [
        lambda ids: [item("a"), item("c")],
        lambda ids: [item("a"), item("x"), item("c")],
        lambda ids: [item("a"), item("a"), item("c")],
        lambda ids: [item("a"), None, item("c")],
        lambda ids: [item("a"), {"index": {"_id": "b", "status": 201}}, item("c")],
        lambda ids: [item("a"), {"create": {"_id": "b"}}, item("c")],
        lambda ids: [item("a"), {"create": {"_id": "b", "status": "201"}}, item("c")],
        lambda ids: [item("a"), {"create": {"_id": ["b"], "status": 201}}, item("c")],
    ],
)
def test_document_missing_in_response_is_not_written(items: Items) -> None:
    found = written(Server(items))
    assert {key: result.status for key, result in found.items()} == {"a": 201, "b": None, "c": 201}
    assert not found["b"].written


def test_item_for_unsent_document_is_reported() -> None:
    results = list(bulk(Server(lambda ids: [*all_fine(ids), item("x")]), "create", [Document("i", "a", {})]))
    assert [result.document is None for result in results] == [False, True]


def test_a_repeated_document_has_a_result_each_time() -> None:
    found = list(
        bulk(
            Server(lambda ids: [item("a"), item("a", 409)]), "create", [Document("i", "a", {}), Document("i", "a", {})]
        )
    )
    assert [result.status for result in found] == [201, 409]


@pytest.mark.parametrize("answer", [{}, {"errors": True}, {"items": None}, {"items": {}}, [], "text", None])
def test_an_answer_without_items_is_an_error(answer: Any) -> None:
    with pytest.raises(ValueError, match="no list of items"):
        list(bulk(lambda lines: answer, "create", [Document("i", "a", {})]))


def test_only_rejected_documents_are_sent_again(waits: list[float]) -> None:
    server = Server(lambda ids: [item("a"), item("b", 429), item("c")], all_fine)
    assert all(result.written for result in written(server).values())
    assert server.sent == [["a", "b", "c"], ["b"]]
    assert waits == [2.0]


def test_busy_cluster_fails_after_last_attempt() -> None:
    server = Server(lambda ids: [item(key, 429) for key in ids])
    assert {result.status for result in written(server).values()} == {429}
    assert len(server.sent) == ATTEMPTS


def test_requests_are_limited_in_documents_and_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK_DOCUMENTS", 2)
    server = Server(all_fine)
    written(server, "abcde")
    assert server.sent == [["a", "b"], ["c", "d"], ["e"]]
    monkeypatch.setattr(module, "CHUNK_BYTES", 10)
    server = Server(all_fine)
    written(server, "abc")
    assert server.sent == [["a"], ["b"], ["c"]]
