"""Azure API Management before Azure OpenAI: the GatewayLogs record that diagnostic settings send to an event hub."""

from __future__ import annotations

import json
from typing import Any

from sigmagen.durations import iso
from sigmagen.sources.apim.principals import user_of
from sigmagen.sources.call import CHAT, EMBEDDINGS, IMAGE_GENERATION, TEXT_COMPLETION, Call, uuid_of
from sigmagen.sources.openai import choices, conversation, embedded, sent_texts, usage
from sigmagen.sources.records import present

REDACTED = "[REDACTED]"
BODY_LIMIT = 8192  # bytes: API Management cuts a logged body there, in the middle of its JSON

_RESOURCE = (
    "/SUBSCRIPTIONS/00000000-0000-0000-0000-000000000001/RESOURCEGROUPS/RG-AI"
    "/PROVIDERS/MICROSOFT.APIMANAGEMENT/SERVICE/APIM-EXAMPLE"
)


# The id of an operation and its path, as Azure OpenAI's specification has them.
# https://github.com/Azure/azure-rest-api-specs specification/cognitiveservices/data-plane/AzureOpenAI/inference
_OPERATIONS = {
    CHAT: ("ChatCompletions_Create", "chat/completions"),
    TEXT_COMPLETION: ("Completions_Create", "completions"),
    EMBEDDINGS: ("Embeddings_Create", "embeddings"),
    IMAGE_GENERATION: ("ImageGenerations_Create", "images/generations"),
}


def render(call: Call) -> dict[str, Any] | None:
    """The record of a call that a model answers; None for jobs, predictions and the control plane."""
    if call.operation not in _OPERATIONS:
        return None
    operation, path = _OPERATIONS[call.operation]
    request, response = _cut(_request(call)), _cut(_response(call))
    path = f"/openai/deployments/{call.model}/{path}?api-version=2024-10-21"
    properties = {
        "apiId": "azure-openai-service-api",
        "apiRevision": "1",
        "apimSubscriptionId": call.api_key,
        "userId": user_of(call),
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
        "operationId": operation,
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
        "properties": present(properties),
        "resourceId": _RESOURCE,
        "resultType": "Succeeded" if call.status < 400 else "Failed",
        "time": iso(call.time, 7),
        "truncated": 0,
    }
    return present(record)


def _request(call: Call) -> str:
    body: dict[str, Any] = {"model": call.model}
    if call.end_user:
        body["user"] = call.end_user
    if call.operation == EMBEDDINGS:
        texts = embedded(call, REDACTED)
        body |= {"input": texts[0] if len(texts) == 1 else texts}
    elif call.operation == CHAT:
        body |= {**call.parameters, "messages": conversation(call, REDACTED)}
    else:
        body |= {**call.parameters, "prompt": sent_texts(call, REDACTED)[0]}
    return json.dumps(body, ensure_ascii=False)


def _response(call: Call) -> str:
    if call.failed:
        error = {"code": call.error or str(call.status), "message": "The request was refused."}
        return json.dumps({"error": error}, ensure_ascii=False)
    if call.operation == EMBEDDINGS:
        return json.dumps({"object": "list", "model": call.model, "usage": usage(call)}, ensure_ascii=False)
    if call.operation == IMAGE_GENERATION:
        return json.dumps({"created": call.time // 1000, "data": [{"url": "https://aoai.example.com/image"}]})
    chat = call.operation == CHAT
    body = {
        "id": f"{'chatcmpl' if chat else 'cmpl'}-{call.id}",
        "object": "chat.completion" if chat else "text_completion",
        "model": call.model,
        "choices": choices(call),
        "usage": usage(call),
    }
    return json.dumps(body, ensure_ascii=False)


def _cut(body: str) -> str:
    return body.encode("utf-8", "replace")[:BODY_LIMIT].decode("utf-8", "ignore")
