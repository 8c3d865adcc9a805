"""Envoy AI Gateway: a line of Envoy's access log in the JSON format of the gateway's documents.

https://aigateway.envoyproxy.io/docs/capabilities/observability/accesslogs
"""

from __future__ import annotations

from sigmagen.durations import iso
from sigmagen.sources.call import CHAT, EMBEDDINGS, TEXT_COMPLETION, Call, uuid_of
from sigmagen.sources.records import Record

# https://aigateway.envoyproxy.io/docs/capabilities/llm-integrations/supported-endpoints
_PATHS = {CHAT: "/v1/chat/completions", TEXT_COMPLETION: "/v1/completions", EMBEDDINGS: "/v1/embeddings"}

_PEER = "192.0.2.10"


def render(call: Call) -> Record | None:
    """The line of a call that a model answers with text or vectors; None for everything else.

    A value that Envoy does not have is null in its JSON.
    """
    if call.operation not in _PATHS:
        return None
    route = "httproute/default/aigw-run/rule/0"
    addresses = [call.source_ip, *call.proxies] if call.source_ip else []
    return {
        ":authority": "ai.example.com",
        "bytes_received": 611,
        "bytes_sent": 4096,
        "connection_termination_details": None,
        "downstream_local_address": "192.0.2.20:443",
        "downstream_remote_address": f"{_PEER}:64484" if call.source_ip else None,
        "duration": 1300,
        "gen_ai.provider.name": f"default/openai/route/{route}/ref/0",
        "gen_ai.request.model": call.model,
        "gen_ai.request.model_override": None,
        "gen_ai.usage.input_tokens": None if call.failed else call.input_tokens,
        "gen_ai.usage.output_tokens": None if call.failed else call.output_tokens,
        "gen_ai.usage.total_tokens": None if call.failed else call.input_tokens + call.output_tokens,
        "method": "POST",
        "protocol": "HTTP/1.1",
        "requested_server_name": None,
        "response_code": call.status,
        "response_code_details": "via_upstream",
        "response_flags": "-",
        "route_name": f"{route}/match/0/*",
        "start_time": iso(call.time),
        "tenant.id": call.organization,
        "upstream_cluster": route,
        "upstream_host": "198.51.100.200:443",
        "user-agent": call.user_agent,
        "user.id": call.principal or None,
        "x-envoy-origin-path": _PATHS[call.operation],
        "x-forwarded-for": ", ".join(addresses) or None,
        "x-request-id": uuid_of(call.id, "request"),
    }
