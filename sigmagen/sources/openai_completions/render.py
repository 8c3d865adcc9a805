"""A stored chat completion, as OpenAI's API lists it.

https://platform.openai.com/docs/api-reference/chat/list
"""

from __future__ import annotations

from sigmagen.sources.call import CHAT, Call, digest
from sigmagen.sources.openai import choices, usage
from sigmagen.sources.records import Record


def render(call: Call) -> Record | None:
    """The completion of an answered chat; None for anything else, which is not stored."""
    if call.operation != CHAT or call.failed:
        return None
    sent = call.parameters
    return {
        "object": "chat.completion",
        "id": f"chatcmpl-{digest(call.id)[:29]}",
        "model": call.model,
        "created": call.time // 1000,
        "request_id": f"req_{digest(call.id, 'request')[:32]}",
        "tool_choice": None,
        "usage": usage(call),
        "seed": sent.get("seed", int(digest(call.id, "seed")[:12], 16)),
        "top_p": sent.get("top_p", 1.0),
        "temperature": sent.get("temperature", 1.0),
        "presence_penalty": sent.get("presence_penalty", 0.0),
        "frequency_penalty": sent.get("frequency_penalty", 0.0),
        "system_fingerprint": "fp_50cad350e4",
        "input_user": call.principal,
        "service_tier": "default",
        "tools": None,
        "metadata": {},
        "choices": choices(call),
        "response_format": None,
    }
