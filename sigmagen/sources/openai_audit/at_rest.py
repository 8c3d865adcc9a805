"""What each SIEM keeps of an event of the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sigmagen.mapping.address import extract_client_address
from sigmagen.sources.records import Record, Rows, document, events, from_epoch, get, present

# What the integration moves to fields of ECS, and does not keep in its own place.
_MOVED = {
    "actor.session.user.id": "user.id",
    "actor.session.user.email": "user.email",
    "actor.session.user_agent": "user_agent.original",
    "actor.session.ja3": "tls.client.ja3",
    "actor.api_key.service_account.id": "service.id",
    "id": "event.id",
}
_COPIED = (
    *("object", "actor.type", "actor.session.ja4", "actor.session.ip_address_details.city"),
    *("actor.api_key.id", "actor.api_key.type", "actor.api_key.user.id", "actor.api_key.user.email"),
)


def splunk(record: Record) -> Rows:
    """The raw JSON; Splunk extracts fields when it searches."""
    return events(record)


def elastic(record: Record) -> Rows:
    """The document of the OpenAI integration, which leaves out empty values.

    Its pipeline looks up a public address's network in MaxMind's database first; those of documentation are in none.
    """
    fields = {target: get(record, path) for path, target in _MOVED.items()}
    fields |= {f"openai.audit.{path}": get(record, path) for path in _COPIED}
    number = get(record, "actor.session.ip_address_details.asn")
    fields |= {
        "@timestamp": from_epoch(record["effective_at"]),
        "event.action": str(record["type"]).lower().replace(".", "-"),
        "source.ip": extract_client_address(get(record, "actor.session.ip_address")),
        "source.as.number": int(number) if number else None,
        "source.geo.country_iso_code": get(record, "actor.session.ip_address_details.country"),
    }
    return document({name: value or None for name, value in fields.items()})


def sentinel(record: Record) -> Rows:
    """The row that the connector's data collection rule makes."""
    time = from_epoch(record["effective_at"])
    actor: Mapping[str, Any] = record.get("actor") or {}
    row = {
        "TimeGenerated": time,
        "Id": record.get("id"),
        "EventType": record.get("type"),
        "EffectiveAt": time,
        "ActorType": actor.get("type"),
        "ActorApiKey": actor.get("api_key"),
        "ActorSession": actor.get("session"),
        "Project": record.get("project"),
        "EventDetails": record.get(str(record.get("type"))),
        "ConnectorName": "openai",
    }
    return {"OpenAIAuditLogs_CL": [present(row)]}
