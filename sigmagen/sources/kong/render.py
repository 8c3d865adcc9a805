"""Kong AI Gateway: what its logging plugins write of a request, in the form of Kong 3.12.

https://developer.konghq.com/plugins/http-log/ has the gateway's part,
https://developer.konghq.com/ai-gateway/ai-audit-log-reference/ the part of AI Proxy.
"""

from __future__ import annotations

import json
from typing import Any

from sigmagen.sources.call import CHAT, EMBEDDINGS, TEXT_COMPLETION, Call, digest, uuid_of
from sigmagen.sources.openai import request_body, response_body, usage
from sigmagen.sources.records import present

_PATHS = {CHAT: "/chat", TEXT_COMPLETION: "/completions", EMBEDDINGS: "/embeddings"}
_PLUGIN_ID = "546c3856-24b3-469a-bd6c-f6083babd2cd"


def render(call: Call) -> dict[str, Any] | None:
    """The record of a call that a model answers with text or vectors; None for everything else."""
    if call.operation not in _PATHS:
        return None
    uri, request = _PATHS[call.operation], json.dumps(request_body(call), ensure_ascii=False)
    response = json.dumps(response_body(call), ensure_ascii=False)
    record = {
        "request": {
            "id": digest(call.id, "request")[:32],
            "method": "POST",
            "uri": uri,
            "url": f"https://kong.example.com{uri}",
            "size": len(request.encode("utf-8", "replace")) + 400,
            "querystring": {},
            "headers": {"host": "kong.example.com", "user-agent": call.user_agent},
        },
        "response": {"status": call.status, "size": len(response.encode("utf-8", "replace")) + 400, "headers": {}},
        "latencies": {"request": 1300, "kong": 31, "proxy": 1269},
        "client_ip": call.source_ip,
        "started_at": call.time,
        "upstream_status": str(call.status),
        "workspace_name": "default",
        "ai": {"proxy": _proxy(call, request, response)},
        **_caller(call),
    }
    return present(record)


def credential_id(api_key: str) -> str:
    """How Kong names a credential: by the id of its entity."""
    return uuid_of(api_key, "credential")


def _caller(call: Call) -> dict[str, Any]:
    consumer = {"id": uuid_of(call.principal, "consumer"), "username": call.principal} if call.principal else None
    credential = {"id": credential_id(call.api_key)} if call.api_key else None
    return {"consumer": consumer, "authenticated_entity": credential}


def _proxy(call: Call, request: str, response: str) -> dict[str, Any]:
    """What AI Proxy adds. It counts no tokens of a call that failed, and no latency of one answered from the cache.

    Of a redacted call the payload is not logged: Kong's own way, `log_payloads`, is all or nothing.
    """
    meta = {
        "plugin_id": _PLUGIN_ID,
        "provider_name": "openai",
        "request_model": call.model,
        "response_model": call.model,
        "request_mode": "stream" if call.parameters.get("stream") else "oneshot",
    }
    found = {
        "meta": meta if call.cached else {**meta, "llm_latency": 1260},
        "usage": _usage(call),
        "cache": {"cache_status": "Hit" if call.cached else "Miss"},
    }
    return found if call.prompt is None else {**found, "payload": {"request": request, "response": response}}


def _usage(call: Call) -> dict[str, Any]:
    if call.failed:
        return {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0, "cost": 0}
    return {**usage(call), "cost": 0}
