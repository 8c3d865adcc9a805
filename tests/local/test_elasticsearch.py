"""What is sent to Elasticsearch. A real server is used in tests/cli."""

from __future__ import annotations

from sigmagen.local.elasticsearch import document_id
from sigmagen.local.normalize import CanonicalEvent


def event(source: str = "litellm", file: str = "log", line: int = 1, **fields: object) -> CanonicalEvent:
    values = {key.replace("_", "."): value for key, value in fields.items()}
    return CanonicalEvent(source, file, line, {"@timestamp": "2026-08-11T09:14:03.000Z", **values})


def test_a_repeated_delivery_has_the_same_id_wherever_it_lies() -> None:
    assert document_id(event(event_id="a", more=1)) == document_id(event(file="other", line=7, more=1, event_id="a"))
    assert document_id(event(a=1, b=2)) == document_id(event(b=2, a=1))


def test_events_that_differ_have_different_ids() -> None:
    events = [
        event(event_id="a"),
        event(event_id="b"),
        event(event_id="a", more=1),
        event(event_id="a", more=2),
        event("apim", event_id="a"),
        event(a=1),
        event(a=2),
        CanonicalEvent("litellm", "log", 1, {"@timestamp": "2026-08-11T09:14:04.000Z", "event.id": "a"}),
    ]
    assert len({document_id(item) for item in events}) == len(events)
