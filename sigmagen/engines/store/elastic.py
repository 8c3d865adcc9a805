"""Elasticsearch: documents as Elastic's integrations write them; for LiteLLM and canonical events, as ours do."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from sigmagen.engines.store.shape import from_epoch, get, milliseconds, nest, parse, text
from sigmagen.mapping.address import extract_client_address

# Longer than this in UTF-16 units, as Java counts, Elastic's Bedrock integration drops a body.
BODY_LIMIT = 32_766

_SNAKE = re.compile("_?([a-z])([A-Z]+)")

_LITELLM = (
    *("id", "call_type", "status", "model", "model_group", "cache_hit", "requester_ip_address"),
    *("prompt_tokens", "completion_tokens", "total_tokens"),
    *(f"metadata.user_api_key_{part}" for part in ("hash", "user_id", "org_id", "team_id")),
    *("error_information.error_code", "error_information.error_class"),
)
_GATEWAY = ("category", "correlationId", "isRequestSuccess", "location", "operationName")
_GATEWAY_PROPERTIES = (
    *("apiId", "apimSubscriptionId", "userId", "operationId"),
    *("backendUrl", "cache", "backendResponseCode"),
)

Document = dict[str, Any]
Rows = dict[str, list[Document]]


def _litellm(record: Document) -> Rows:
    """No integration exists: what a shipper puts under `litellm`, with JSON text where the caller chooses keys."""
    fields: Document = {"@timestamp": from_epoch(record["startTime"])}
    fields |= {f"litellm.{path}": get(record, path) for path in _LITELLM}
    # The ingest step of the package's README.
    fields["litellm.requester_ip_address"] = extract_client_address(record.get("requester_ip_address"))
    fields |= {f"litellm.{key}": text(record.get(key)) for key in ("messages", "model_parameters", "response")}
    return _one(fields)


def _bedrock_invocation(record: Document) -> Rows:
    """The integration's document: the bodies only as its own JSON text, the parameters that it knows as fields."""
    request, arn = get(record, "input.inputBodyJson"), get(record, "identity.arn")
    fields = {
        "@timestamp": milliseconds(record["timestamp"]),
        "event.action": record.get("operation"),
        "event.outcome": "failure" if record.get("errorCode") else "success",
        "user.id": arn,
        "cloud.account.id": record.get("accountId"),
        "cloud.region": record.get("region"),
        "cloud.service.name": "bedrock",
        "gen_ai.system": "aws",
        "gen_ai.user.id": arn,
        "gen_ai.request.id": record.get("requestId"),
        "gen_ai.request.model.id": record.get("modelId"),
        "gen_ai.usage.prompt_tokens": get(record, "input.inputTokenCount"),
        "gen_ai.usage.completion_tokens": get(record, "output.outputTokenCount"),
        "gen_ai.response.error_code": record.get("errorCode"),
        "gen_ai.response.finish_reasons": get(record, "output.outputBodyJson.stop_reason"),
        "gen_ai.prompt": _short(_remarshalled(request)),
        "gen_ai.completion": _short(_remarshalled(get(record, "output.outputBodyJson"))),
    }
    fields |= {f"gen_ai.request.{key}": get(request, key) for key in ("max_tokens", "temperature", "top_p", "top_k")}
    return _one(fields)


def _cloudtrail(record: Document) -> Rows:
    """The AWS integration's document; request parameters are a Java map printed as text."""
    identity = "aws.cloudtrail.user_identity"
    parameters = record.get("requestParameters")
    printed = ", ".join(f"{key}={value}" for key, value in (parameters or {}).items())
    fields = {
        "@timestamp": milliseconds(record["eventTime"]),
        "event.provider": record.get("eventSource"),
        "event.action": record.get("eventName"),
        "event.outcome": "failure" if record.get("errorCode") else "success",
        f"{identity}.arn": get(record, "userIdentity.arn"),
        f"{identity}.type": get(record, "userIdentity.type"),
        f"{identity}.access_key_id": get(record, "userIdentity.accessKeyId"),
        f"{identity}.session_context.session_issuer.arn": get(record, "userIdentity.sessionContext.sessionIssuer.arn"),
        "aws.cloudtrail.request_parameters": f"{{{printed}}}" if parameters else None,
        "aws.cloudtrail.error_code": record.get("errorCode"),
        "aws.cloudtrail.error_message": record.get("errorMessage"),
        "aws.cloudtrail.request_id": record.get("requestID"),
        "aws.cloudtrail.session_credential_from_console": record.get("sessionCredentialFromConsole"),
        "source.ip": extract_client_address(record.get("sourceIPAddress")),
        "user_agent.original": record.get("userAgent"),
        "cloud.region": record.get("awsRegion"),
        "cloud.account.id": record.get("recipientAccountId"),
    }
    return _one(fields)


def _apim(record: Document) -> Rows:
    """The Azure OpenAI integration's GatewayLogs document: snake-case keys, bodies parsed and their usage renamed."""
    properties = record.get("properties", {})
    fields = {f"azure.open_ai.{_snake(key)}": record.get(key) for key in _GATEWAY}
    fields |= {f"azure.open_ai.properties.{_snake(key)}": properties.get(key) for key in _GATEWAY_PROPERTIES}
    fields |= {
        "@timestamp": milliseconds(record["time"]),
        "source.ip": extract_client_address(record.get("callerIpAddress")),
        "event.outcome": {"Succeeded": "success", "Failed": "failure"}.get(record.get("resultType", "")),
        "http.request.method": properties.get("method"),
        "http.response.status_code": properties.get("responseCode"),
        "azure.open_ai.properties.request_length": properties.get("requestSize"),
        "azure.open_ai.properties.response_length": properties.get("responseSize"),
        "azure.open_ai.properties.backend_request_body": _apim_request(parse(properties.get("backendRequestBody"))),
        "azure.open_ai.properties.backend_response_body": _apim_response(parse(properties.get("backendResponseBody"))),
    }
    return _one(fields | _url(properties.get("url")))


def _apim_request(body: Any) -> Document | None:
    """The mapped part of a request body; a body that was cut is no JSON and leaves nothing."""
    if not isinstance(body, Mapping):
        return None
    messages = [{"role": get(item, "role"), "content": get(item, "content")} for item in body.get("messages", [])]
    return nest({"model": body.get("model"), "messages": messages or None})


def _apim_response(body: Any) -> Document | None:
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


def _url(url: str | None) -> dict[str, Any]:
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


def _canonical(record: Document) -> Rows:
    return _one(record)


def _one(fields: Mapping[str, Any]) -> Rows:
    return {"events": [nest(fields)]}


def _snake(key: str) -> str:
    """The integration's own rule for keys: apimSubscriptionId is apim_subscription_id."""
    return _SNAKE.sub(r"\1_\2", key).lower()


def _remarshalled(value: Any) -> str | None:
    """A body as the Bedrock integration writes it back: keys sorted, no spaces, and texts not escaped, so that a
    prompt with a quote or a line break is no valid JSON there."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f'"{key}":{_remarshalled(value[key])}' for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_remarshalled(item) or "null" for item in value) + "]"
    if isinstance(value, str):
        return f'"{value}"'
    return text(value)


def _short(body: str | None) -> str | None:
    return body if body and len(body.encode("utf-16-le", "replace")) // 2 <= BODY_LIMIT else None


STORES: dict[str, Callable[[Document], Rows]] = {
    "apim": _apim,
    "bedrock_invocation": _bedrock_invocation,
    "canonical": _canonical,
    "cloudtrail": _cloudtrail,
    "litellm": _litellm,
}
