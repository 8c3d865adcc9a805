"""Anthropic's record of an activity in an organization.

https://github.com/elastic/integrations packages/anthropic/data_stream/audit/_dev/test/pipeline
"""

from __future__ import annotations

from typing import Any

from sigmagen.durations import iso
from sigmagen.sources.anthropic_compliance.principals import email, user_id
from sigmagen.sources.call import Call, digest
from sigmagen.sources.records import Record, present

# What an action is called in a test file, and the type of its activity.
_TYPES = {
    "CreateApiKey": "api_key_created",
    "CreateAdminApiKey": "admin_api_key_created",
    "DeleteAdminApiKey": "admin_api_key_deleted",
    "UpdateSpendLimit": "extra_usage_spend_limit_updated",
    "ViewChat": "claude_chat_viewed",
}


def render(call: Call) -> Record | None:
    """The activity of a person who is signed in; None for calls of a model, which this log does not have."""
    kind = _TYPES.get(call.operation)
    if kind is None:
        return None
    actor = {
        "type": "user_actor",
        "email_address": email(call.principal),
        "user_id": user_id(call.principal),
        "ip_address": call.source_ip,
        "user_agent": call.user_agent,
    }
    return {
        "id": f"activity_{digest(call.id)[:24]}",
        "created_at": iso(call.time, 0),
        "organization_id": call.organization or "org-example",
        "type": kind,
        "actor": present(actor),
        **_details(kind, digest(call.id, "object")[:8]),
    }


def _details(kind: str, number: str) -> dict[str, Any]:
    """What an activity of a type has besides."""
    match kind:
        case "api_key_created":
            return {"api_key_id": f"apikey_{number}", "scopes": ["read:compliance_activities"]}
        case "claude_chat_viewed":
            return {"claude_chat_id": f"claude_chat_{number}"}
        case "extra_usage_spend_limit_updated":
            return {}
    return {"admin_api_key_id": f"admin_key_{number}"}
