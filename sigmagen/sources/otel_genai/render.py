"""OpenTelemetry GenAI: the span of a call, as `sigmagen.logs.otlp` opens it.

https://github.com/open-telemetry/semantic-conventions-genai docs/gen-ai/gen-ai-spans.md
"""

from __future__ import annotations

from sigmagen.sources.call import CHAT, EMBEDDINGS, TEXT_COMPLETION, Call, digest
from sigmagen.sources.openai import choices
from sigmagen.sources.records import Record, present

_ERROR = {"code": 2, "message": "The request was refused."}

# Parameters of a request that have an attribute of their own.

_PARAMETERS = {
    **{name: name for name in ("max_tokens", "temperature", "top_p", "top_k", "seed", "stream")},
    **{name: name for name in ("frequency_penalty", "presence_penalty")},
    "n": "choice.count",
}


def render(call: Call) -> Record | None:
    """The span of a call that a model answers with text or vectors; None for everything else."""
    if call.operation not in (CHAT, TEXT_COMPLETION, EMBEDDINGS):
        return None
    return {
        "traceId": digest(call.id, "trace")[:32],
        "spanId": digest(call.id, "span")[:16],
        "name": f"{call.operation} {call.model}",
        "kind": 3,
        "startTimeUnixNano": f"{call.time}000000",
        "endTimeUnixNano": f"{call.time + 1300}000000",
        "attributes": present(_attributes(call)),
        "status": _ERROR if call.failed else {},
        "resource": {"service.name": "assistant"},
    }


def _attributes(call: Call) -> Record:
    parameters = {
        f"gen_ai.request.{name}": call.parameters[key] for key, name in _PARAMETERS.items() if key in call.parameters
    }
    answered = (
        {}
        if call.failed
        else {
            "gen_ai.response.model": call.model,
            "gen_ai.usage.input_tokens": call.input_tokens,
            "gen_ai.usage.output_tokens": call.output_tokens,
            "gen_ai.usage.reasoning.output_tokens": call.reasoning_tokens,
        }
    )
    if not call.failed and call.operation != EMBEDDINGS:
        answered["gen_ai.response.finish_reasons"] = [choice["finish_reason"] for choice in choices(call)]
    return {
        "gen_ai.operation.name": call.operation,
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": call.model,
        "user.id": call.principal or None,
        "client.address": call.source_ip,
        "user_agent.original": call.user_agent,
        "error.type": (call.error or str(call.status)) if call.failed else None,
        **parameters,
        **answered,
    }
