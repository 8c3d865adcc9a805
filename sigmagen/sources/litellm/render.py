"""LiteLLM proxy: the StandardLoggingPayload that its logging callbacks send."""

from __future__ import annotations

from typing import Any

from sigmagen.sources.call import CHAT, EMBEDDINGS, IMAGE_GENERATION, TEXT_COMPLETION, Call, digest
from sigmagen.sources.openai import choices, conversation, error_class, sent_texts, usage

REDACTED = "redacted-by-litellm"

# https://github.com/BerriAI/litellm litellm/types/utils.py, CallTypes; the names of calls through the proxy
_CALL_TYPES = {
    CHAT: "acompletion",
    TEXT_COMPLETION: "atext_completion",
    EMBEDDINGS: "aembedding",
    IMAGE_GENERATION: "aimage_generation",
}


def render(call: Call) -> dict[str, Any] | None:
    """The payload of a call that a model answers; None for jobs, predictions and the control plane.

    Where a call has no conversation, LiteLLM logs each text as a user message.
    """
    if call.operation not in _CALL_TYPES:
        return None
    texts = [{"role": "user", "content": text} for text in sent_texts(call, REDACTED)]
    start = call.time / 1000
    return {
        "id": call.id,
        "trace_id": f"tr-{digest(call.id)[:12]}",
        "call_type": _CALL_TYPES[call.operation],
        "status": call.outcome,
        "model": call.model,
        "model_group": call.model,
        "model_id": f"dep-{digest(call.model)[:8]}",
        "api_base": "https://api.example.com",
        "startTime": start,
        "endTime": (call.time + 1300) / 1000,
        "completionStartTime": (call.time + 490) / 1000,
        "response_time": 0.49,
        "prompt_tokens": call.input_tokens,
        "completion_tokens": call.output_tokens,
        "total_tokens": call.input_tokens + call.output_tokens,
        "cache_hit": call.cached,
        "requester_ip_address": call.source_ip,
        "end_user": call.end_user,
        "request_tags": [],
        "metadata": _metadata(call),
        "model_parameters": dict(call.parameters),
        "messages": conversation(call, REDACTED) if call.operation == CHAT else texts,
        "response": _response(call),
        **_error(call),
    }


def key_hash(api_key: str) -> str:
    """How LiteLLM names a virtual key: by its SHA-256."""
    return digest(api_key)


def _metadata(call: Call) -> dict[str, Any]:
    """Who called. An organization whose name starts with `team-` is a team that belongs to none."""
    organization = call.organization or None
    is_team = organization is not None and organization.startswith("team-")
    return {
        "user_api_key_hash": key_hash(call.api_key) if call.api_key else None,
        "user_api_key_alias": call.api_key,
        "user_api_key_user_id": call.principal or None,
        "user_api_key_team_id": organization if is_team or organization is None else f"team-{organization}",
        "user_api_key_org_id": None if is_team else organization,
        "requester_ip_address": call.source_ip,
        "spend_logs_metadata": None,
    }


def _response(call: Call) -> dict[str, Any]:
    if call.failed:
        return {}
    if call.operation == IMAGE_GENERATION:
        return {"created": call.time // 1000, "data": [{"url": "https://api.example.com/image"}], "usage": usage(call)}
    answer = {"object": "list"} if call.operation == EMBEDDINGS else {"id": call.id, "choices": choices(call)}
    return {**answer, "model": call.model, "usage": usage(call)}


def _error(call: Call) -> dict[str, Any]:
    if not call.failed:
        return {"error_str": None, "error_information": None}
    name = error_class(call)
    information = {"error_code": str(call.status), "error_class": name, "llm_provider": "openai"}
    return {"error_str": f"{name}: the call failed", "error_information": information}
