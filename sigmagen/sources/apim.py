"""Azure API Management before Azure OpenAI: the GatewayLogs record that diagnostic settings send to an event hub."""

from __future__ import annotations

import json
from typing import Any

from sigmagen.durations import iso
from sigmagen.sources.call import Call, uuid_of
from sigmagen.sources.parts import (
    CHAT,
    EMBEDDINGS,
    apim_user_id,
    choices,
    conversation,
    embedded,
    usage,
    without_none,
)

REDACTED = "[REDACTED]"
BODY_LIMIT = 8192  # bytes: API Management cuts a logged body there, in the middle of its JSON

_RESOURCE = (
    "/SUBSCRIPTIONS/00000000-0000-0000-0000-000000000001/RESOURCEGROUPS/RG-AI"
    "/PROVIDERS/MICROSOFT.APIMANAGEMENT/SERVICE/APIM-EXAMPLE"
)


def render(call: Call) -> dict[str, Any] | None:
    """The record of a chat or embeddings call; None for an operation of the control plane."""
    if call.operation not in (CHAT, EMBEDDINGS):
        return None
    embeds = call.operation == EMBEDDINGS
    request, response = _cut(_request(call)), _cut(_response(call))
    path = f"/openai/deployments/{call.model}/{'embeddings' if embeds else 'chat/completions'}?api-version=2024-10-21"
    properties = {
        "apiId": "azure-openai-service-api",
        "apiRevision": "1",
        "apimSubscriptionId": call.api_key,
        "userId": apim_user_id(call),
        "backendMethod": "POST",
        "backendProtocol": "HTTP/1.1",
        "backendRequestBody": request,
        "backendResponseBody": response,
        "backendResponseCode": call.status,
        "backendTime": 176,
        "backendUrl": f"https://aoai.example.com{path}",
        "cache": "hit" if call.cached else "none",
        "clientProtocol": "HTTP/1.1",
        "clientTlsVersion": "1.3",
        "method": "POST",
        "operationId": "Embeddings_Create" if embeds else "ChatCompletions_Create",
        "requestHeaders": {"User-Agent": call.user_agent},
        "requestSize": len(request.encode("utf-8", "replace")) + 400,
        "responseCode": call.status,
        "responseSize": len(response.encode("utf-8", "replace")) + 400,
        "url": f"https://apim.example.com{path}",
    }
    record = {
        "DeploymentVersion": "0.44.18652.0",
        "Level": 4,
        "Sku": "Basic",
        "callerIpAddress": call.source_ip,
        "category": "GatewayLogs",
        "correlationId": uuid_of(call.id, "correlation"),
        "durationMs": 176,
        "isRequestSuccess": call.status < 400,
        "location": "East US",
        "operationName": "Microsoft.ApiManagement/GatewayLogs",
        "properties": without_none(properties),
        "resourceId": _RESOURCE,
        "resultType": "Succeeded" if call.status < 400 else "Failed",
        "time": iso(call.time, 7),
        "truncated": 0,
    }
    return without_none(record)


def _request(call: Call) -> str:
    if call.operation == EMBEDDINGS:
        return json.dumps({"model": call.model, "input": embedded(call, REDACTED)}, ensure_ascii=False)
    body = {"model": call.model, **call.parameters, "messages": conversation(call, REDACTED)}
    return json.dumps(body, ensure_ascii=False)


def _response(call: Call) -> str:
    if call.failed:
        error = {"code": call.error or str(call.status), "message": "The request was refused."}
        return json.dumps({"error": error}, ensure_ascii=False)
    if call.operation == EMBEDDINGS:
        return json.dumps({"object": "list", "model": call.model, "usage": usage(call)}, ensure_ascii=False)
    body = {
        "id": f"chatcmpl-{call.id}",
        "object": "chat.completion",
        "model": call.model,
        "choices": choices(call),
        "usage": usage(call),
    }
    return json.dumps(body, ensure_ascii=False)


def _cut(body: str) -> str:
    return body.encode("utf-8", "replace")[:BODY_LIMIT].decode("utf-8", "ignore")
