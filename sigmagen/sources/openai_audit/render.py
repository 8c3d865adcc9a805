"""OpenAI's record of an event in the audit log of an organization."""

from __future__ import annotations

from typing import Any

from sigmagen.sources.call import Call, digest
from sigmagen.sources.openai_audit.principals import email, user_id
from sigmagen.sources.records import Record, present

# What an action is called in a test file, and the type of its event.
# https://github.com/openai/openai-openapi openapi.yaml (AuditLogEventType)
_TYPES = {
    "CreateApiKey": "api_key.created",
    "UpdateApiKey": "api_key.updated",
    "DeleteApiKey": "api_key.deleted",
    "UpdateRateLimit": "rate_limit.updated",
    "CreateProject": "project.created",
    "Login": "login.succeeded",
}


def render(call: Call) -> Record | None:
    """The event of an administrator's action in a session; None for calls of a model, which this log does not have."""
    kind = _TYPES.get(call.operation)
    if kind is None:
        return None
    if kind == "login.succeeded" and call.failed:
        kind = "login.failed"
    session = {
        "user": {"id": user_id(call.principal), "email": email(call.principal)},
        "ip_address": call.source_ip,
        "user_agent": call.user_agent,
        "ja3": digest("ja3", call.user_agent)[:32],
        "ja4": f"t13d1516h2_{digest('ja4', call.user_agent)[:12]}_{digest('ja4', call.user_agent)[12:24]}",
        "ip_address_details": {"country": "US", "city": "Austin", "asn": "64500"} if call.source_ip else None,
    }
    return {
        "object": "organization.audit_log",
        "id": f"audit_log-{digest(call.id)[:24]}",
        "type": kind,
        "effective_at": call.time // 1000,
        "actor": {"type": "session", "session": present(session)},
        kind: _details(kind, call),
    }


def _details(kind: str, call: Call) -> dict[str, Any]:
    """What lies under the type of an event."""
    number = digest(call.id, "object")[:8]
    match kind:
        case "login.succeeded":
            return {}
        case "login.failed":
            return {"error_code": call.error or "invalid_credentials", "error_message": "The login was refused."}
        case "rate_limit.updated":
            return {"id": f"rl-{call.model}", "changes_requested": {"max_requests_per_1_minute": 10_000}}
        case "project.created":
            return {"id": f"proj_{number}", "data": {"name": f"project-{number}", "title": f"Project {number}"}}
        case "api_key.created":
            return {"id": f"key_{number}", "data": {"scopes": ["api.model.request"]}}
        case "api_key.updated":
            return {"id": f"key_{number}", "changes_requested": {"scopes": ["api.model.request"]}}
    return {"id": f"key_{number}"}
