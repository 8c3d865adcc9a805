"""What each SIEM keeps of a GatewayLogs record; Log Analytics has two tables of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from sigmagen.mapping.address import extract_client_address
from sigmagen.sources.records import (
    Record,
    Rows,
    columns,
    document,
    events,
    get,
    later,
    milliseconds,
    nest,
    parse,
    present,
)

_SNAKE = re.compile("_?([a-z])([A-Z]+)")

_GATEWAY = ("category", "correlationId", "isRequestSuccess", "location", "operationName")
_PROPERTIES = (
    *("apiId", "apimSubscriptionId", "userId", "operationId"),
    *("backendUrl", "cache", "backendResponseCode"),
)

_COLUMNS = {
    "CallerIpAddress": "callerIpAddress",
    "Category": "category",
    "CorrelationId": "correlationId",
    "IsRequestSuccess": "isRequestSuccess",
    "OperationName": "operationName",
    "Region": "location",
    "TotalTime": "durationMs",
    "ApiId": "properties.apiId",
    "ApiRevision": "properties.apiRevision",
    "ApimSubscriptionId": "properties.apimSubscriptionId",
    "UserId": "properties.userId",
    "BackendMethod": "properties.backendMethod",
    "BackendProtocol": "properties.backendProtocol",
    "BackendRequestBody": "properties.backendRequestBody",
    "BackendResponseBody": "properties.backendResponseBody",
    "BackendResponseCode": "properties.backendResponseCode",
    "BackendTime": "properties.backendTime",
    "BackendUrl": "properties.backendUrl",
    "Cache": "properties.cache",
    "ClientProtocol": "properties.clientProtocol",
    "ClientTlsVersion": "properties.clientTlsVersion",
    "Method": "properties.method",
    "OperationId": "properties.operationId",
    "RequestHeaders": "properties.requestHeaders",
    "RequestSize": "properties.requestSize",
    "ResponseCode": "properties.responseCode",
    "ResponseSize": "properties.responseSize",
    "Url": "properties.url",
}


def splunk(record: Record) -> Rows:
    """The raw JSON; Splunk extracts fields when it searches."""
    return events(record)


def elastic(record: Record) -> Rows:
    """The Azure OpenAI integration's GatewayLogs document: snake-case keys, bodies parsed and their usage renamed."""
    properties = record.get("properties", {})
    fields = {f"azure.open_ai.{_snake(key)}": record.get(key) for key in _GATEWAY}
    fields |= {f"azure.open_ai.properties.{_snake(key)}": properties.get(key) for key in _PROPERTIES}
    fields |= {
        "@timestamp": milliseconds(record["time"]),
        "source.ip": extract_client_address(record.get("callerIpAddress")),
        "event.outcome": {"Succeeded": "success", "Failed": "failure"}.get(record.get("resultType", "")),
        "http.request.method": properties.get("method"),
        "http.response.status_code": properties.get("responseCode"),
        "azure.open_ai.properties.request_length": properties.get("requestSize"),
        "azure.open_ai.properties.response_length": properties.get("responseSize"),
        "azure.open_ai.properties.backend_request_body": _request(parse(properties.get("backendRequestBody"))),
        "azure.open_ai.properties.backend_response_body": _response(parse(properties.get("backendResponseBody"))),
    }
    return document(fields | _url(properties.get("url")))


def _request(body: Any) -> Record | None:
    """The mapped part of a request body; a body that was cut is no JSON and leaves nothing."""
    if not isinstance(body, Mapping):
        return None
    messages = [{"role": get(item, "role"), "content": get(item, "content")} for item in body.get("messages", [])]
    return nest({"model": body.get("model"), "messages": messages or None})


def _response(body: Any) -> Record | None:
    if not isinstance(body, Mapping):
        return None
    reasons = [{"finish_reason": get(choice, "finish_reason")} for choice in body.get("choices", [])]
    fields = {
        "model": body.get("model"),
        "choices": reasons or None,
        "usage.input_tokens": get(body, "usage.prompt_tokens"),
        "usage.output_tokens": get(body, "usage.completion_tokens"),
        "usage.total_tokens": get(body, "usage.total_tokens"),
        "usage.completion_tokens_details": get(body, "usage.completion_tokens_details"),
        "error.code": get(body, "error.code"),
    }
    return nest(fields) or None


def _url(url: str | None) -> Record:
    if not url:
        return {}
    parts = urlsplit(url)
    return {
        "url.original": url,
        "url.scheme": parts.scheme,
        "url.domain": parts.hostname,
        "url.path": parts.path,
        "url.query": parts.query or None,
    }


def _snake(key: str) -> str:
    """The integration's own rule for keys: apimSubscriptionId is apim_subscription_id."""
    return _SNAKE.sub(r"\1_\2", key).lower()


def sentinel(record: Record) -> Rows:
    """Two tables: the gateway's row, and the rows that its LLM logging writes of the same call."""
    gateway = {"TimeGenerated": milliseconds(record["time"]), **columns(record, _COLUMNS)}
    return {"ApiManagementGatewayLogs": [present(gateway)], "ApiManagementGatewayLlmLog": _llm_rows(record)}


def _llm_rows(record: Record) -> list[Record]:
    """Record 0 has the tokens (none of a failed call), 1 the request's messages, 2 the answer's.

    The two tables are written apart, so their times differ: here by 0.1 to 2 s, either way, fixed by the call's id.
    """
    correlation = record.get("correlationId", "")
    request = parse(get(record, "properties.backendRequestBody"))
    response = parse(get(record, "properties.backendResponseBody"))
    choice = int(sha256(str(correlation).encode()).hexdigest()[:8], 16)
    offset = (100 + choice // 2 % 1901) * (1 if choice % 2 else -1)
    shared = {
        "TimeGenerated": later(record["time"], offset),
        "CorrelationId": correlation,
        "OperationName": get(record, "properties.operationId"),
        "Region": record.get("location"),
        "IsStreamCompletion": False,
    }
    tokens = {
        "SequenceNumber": 0,
        "DeploymentName": _deployment(get(record, "properties.backendUrl")),
        "ModelName": get(response, "model"),
        "PromptTokens": get(response, "usage.prompt_tokens"),
        "CompletionTokens": get(response, "usage.completion_tokens"),
        "TotalTokens": get(response, "usage.total_tokens"),
    }
    answers = [get(item, "message") for item in get(response, "choices") or []]
    # A row of messages counts no tokens; a reader must not rely on how that is written.
    asked = {"SequenceNumber": 1, "DeploymentName": "", "RequestMessages": get(request, "messages")}
    told = {"SequenceNumber": 2, "DeploymentName": "", "TotalTokens": 0, "ResponseMessages": answers}
    rows = [tokens, asked, told] if answers else [asked]
    return [present(shared | row) for row in rows]


def _deployment(url: Any) -> str | None:
    """The deployment in a URL of Azure OpenAI: .../deployments/<name>/chat/completions."""
    found = re.search("/deployments/([^/?]+)", url) if isinstance(url, str) else None
    return found[1] if found else None
