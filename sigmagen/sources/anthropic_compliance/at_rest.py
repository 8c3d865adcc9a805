"""What each SIEM keeps of an activity."""

from __future__ import annotations

from sigmagen.mapping.address import extract_client_address
from sigmagen.sources.records import Record, Rows, document, events, get, milliseconds

_ROOT = ("workspace_id", "api_key_id", "admin_api_key_id", "scopes", "claude_chat_id", "organization_uuid")
_ACTOR = ("type", "api_key_id", "admin_api_key_id")


def splunk(record: Record) -> Rows:
    """The raw JSON; Splunk extracts fields when it searches."""
    return events(record)


def elastic(record: Record) -> Rows:
    """The document of the Anthropic integration. Only a user has an address and an id there.

    Its pipeline looks up an address's network in MaxMind's database; those of documentation are in none.
    """
    user = get(record, "actor.type") in ("user_actor", "anthropic_actor")
    fields = {f"anthropic.audit.{name}": record.get(name) for name in _ROOT}
    fields |= {f"anthropic.audit.actor.{name}": get(record, f"actor.{name}") for name in _ACTOR}
    fields |= {
        "@timestamp": milliseconds(record["created_at"]),
        "event.id": record.get("id"),
        "event.action": record.get("type"),
        "event.outcome": "success",
        "organization.id": record.get("organization_id"),
        "source.ip": extract_client_address(get(record, "actor.ip_address")),
        "user_agent.original": get(record, "actor.user_agent"),
        "user.id": get(record, "actor.user_id") if get(record, "actor.type") == "user_actor" else None,
        "user.email": get(record, "actor.email_address" if user else "actor.unauthenticated_email_address"),
    }
    return document(fields)
