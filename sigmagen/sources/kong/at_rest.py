"""What each SIEM keeps of a record: no vendor has an integration for it, so shippers and tables are ours."""

from __future__ import annotations

from sigmagen.sources.records import Record, Rows, document, events, from_epoch, get, present

_KEPT = (
    *("client_ip", "request.id", "request.headers.user-agent", "response.status"),
    *("consumer.id", "consumer.username", "authenticated_entity.id", "authenticated_entity.consumer_id"),
)
_OF_AI = ("meta", "usage", "cache")
_NAMESPACES = ("proxy", "ai-proxy", "ai-proxy-advanced")


def splunk(record: Record) -> Rows:
    """The raw JSON; Splunk extracts fields when it searches."""
    return events(record)


def elastic(record: Record) -> Rows:
    """No integration exists: what a shipper puts under `kong`, without the payloads."""
    fields: Record = {"@timestamp": _time(record)}
    fields |= {f"kong.{path}": get(record, path) for path in _KEPT}
    fields |= {f"kong.ai.{name}.{part}": get(record, f"ai.{name}.{part}") for name in _NAMESPACES for part in _OF_AI}
    return document(fields)


def sentinel(record: Record) -> Rows:
    """The record's keys as columns, objects as dynamic."""
    return {"KongAI_CL": [present({"TimeGenerated": _time(record), **record})]}


def _time(record: Record) -> str:
    return from_epoch(record["started_at"] / 1000)
