"""The canonical event as `sigmagen normalize` writes it, computed straight from the call, not through a mapping."""

from __future__ import annotations

from typing import Any

from sigmagen.durations import iso
from sigmagen.expr.address import network_of
from sigmagen.mapping import fingerprint
from sigmagen.sources.call import CHAT, EMBEDDINGS, PREDICTION, STORAGE_READ, TEXT_COMPLETION, Call, digest
from sigmagen.sources.openai import conversation, error_class
from sigmagen.sources.records import text


def render(call: Call) -> dict[str, Any] | None:
    """One flat object with canonical field names; None for jobs, images and the control plane.

    Keys are named by their SHA-256. Fields without a value are left out; prompt and system text always are.
    """
    if call.operation == STORAGE_READ:
        details = _storage_read(call)
    elif call.operation == PREDICTION:
        details = {**_request(call), **_prediction(call)}
    elif call.operation in (CHAT, TEXT_COMPLETION, EMBEDDINGS):
        details = {**_request(call), **_generation(call)}
    else:
        return None
    event = {
        "@timestamp": iso(call.time),
        "event.id": call.id,
        "event.outcome": call.outcome,
        "error.type": error_class(call),
        "http.response.status_code": call.status,
        **_caller(call),
        **details,
    }
    return {name: value for name, value in event.items() if value not in (None, "")}


def _caller(call: Call) -> dict[str, Any]:
    key = digest(call.api_key) if call.api_key else None
    user = call.principal or key
    return {
        "user.id": user,
        "gen_ai.api_key.id": key,
        "organization.id": call.organization,
        "gen_ai.tenant.id": call.organization or user,
        "source.ip": call.source_ip,
        "source.network": network_of(call.source_ip or ""),
        "source.as.number": call.as_number,
        "user_agent.original": call.user_agent,
    }


def _request(call: Call) -> dict[str, Any]:
    """What was asked of a model, and how the answer ended."""
    answers = call.operation in (CHAT, TEXT_COMPLETION) and not call.failed
    return {
        "enduser.pseudo.id": call.end_user,
        "tls.client.fingerprint": call.tls_fingerprint,
        "gen_ai.operation.name": call.operation,
        "gen_ai.request.model": call.model.lower(),
        "gen_ai.response.finish_reason": ("length" if call.reached_limit else "stop") if answers else None,
        "gen_ai.response.cached": call.cached,
        "gen_ai.retrieval.document.id": call.document,
    }


def _storage_read(call: Call) -> dict[str, Any]:
    bucket, _, key = (call.object or "").partition("/")
    return {
        "event.action": "read",
        "storage.bucket.name": bucket or "example-bucket",
        "storage.object.key": key,
        "storage.object.bytes": call.object_bytes,
    }


def _prediction(call: Call) -> dict[str, Any]:
    """What a classic model got. Its scores have no canonical field."""
    if not call.features:
        return {}
    return {"gen_ai.input.hash": digest(text(call.features) or ""), "gen_ai.input.null_feature.count": 0}


def _generation(call: Call) -> dict[str, Any]:
    return {**_usage(call), **_parameters(call), **_texts(call)}


def _usage(call: Call) -> dict[str, Any]:
    visible = call.output_tokens - (call.reasoning_tokens or 0)
    return {
        "gen_ai.usage.input_tokens": call.input_tokens,
        "gen_ai.usage.output_tokens": call.output_tokens,
        "gen_ai.usage.reasoning.output_tokens": call.reasoning_tokens,
        "gen_ai.usage.visible.output_tokens": visible,
        "gen_ai.usage.output_input_ratio": visible / call.input_tokens if call.input_tokens else None,
        "gen_ai.usage.embedding.input_tokens": call.input_tokens if call.operation == EMBEDDINGS else None,
        "gen_ai.exchange.long_answer.percent": 100 if visible >= 500 and call.input_tokens < 500 else 0,
    }


def _parameters(call: Call) -> dict[str, Any]:
    sent = call.parameters
    bias = sent.get("logit_bias")
    return {
        "gen_ai.request.max_tokens": sent.get("max_tokens"),
        "gen_ai.request.temperature": sent.get("temperature"),
        "gen_ai.request.top_p": sent.get("top_p"),
        "gen_ai.request.seed": sent.get("seed"),
        "gen_ai.request.choice.count": sent.get("n"),
        "gen_ai.request.logprobs": sent.get("logprobs"),
        "gen_ai.request.top_logprobs": sent.get("top_logprobs"),
        "gen_ai.request.logit_bias.present": bool(bias),
        "gen_ai.request.logit_bias.hash": fingerprint.logit_bias_hash(bias),
    }


def _texts(call: Call) -> dict[str, Any]:
    """Fingerprints of the conversation; a redacted one has none, an empty prompt neither hash nor length."""
    system = None if call.prompt is None else call.system
    return {
        "gen_ai.prompt.length": len(call.prompt) if call.prompt else None,
        "gen_ai.prompt.hash": fingerprint.prompt_hash(call.prompt),
        "gen_ai.prompt.template.hash": fingerprint.template_hash(call.prompt),
        "gen_ai.prompt.head.hash": fingerprint.head_hash(call.prompt),
        "gen_ai.system_instructions.hash": fingerprint.system_hash(system),
        "gen_ai.input.turn.hash": _turn(call),
    }


def _turn(call: Call) -> str | None:
    """The place in the conversation as LiteLLM's record shows it."""
    messages = conversation(call, redacted="")
    ends_with_tool = messages[-1]["role"] == "tool"
    return fingerprint.turn_hash(len(messages), messages[-1]["content"] if ends_with_tool else "")
