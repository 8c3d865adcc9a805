"""An enriched observation of Langfuse's blob storage export.

https://langfuse.com/docs/api-and-data-platform/features/blob-storage-export-fields
"""

from __future__ import annotations

from sigmagen.durations import iso
from sigmagen.sources.call import CHAT, EMBEDDINGS, TEXT_COMPLETION, Call, digest, uuid_of
from sigmagen.sources.openai import ANSWER, conversation, error_class, sent_texts
from sigmagen.sources.records import Record, text

REDACTED = ""
_TYPES = {CHAT: "GENERATION", TEXT_COMPLETION: "GENERATION", EMBEDDINGS: "EMBEDDING"}


def render(call: Call) -> Record | None:
    """The observation of a call of a language model; None for all others."""
    if call.operation not in _TYPES:
        return None
    return {
        "id": digest(call.id, "observation")[:16],
        "trace_id": digest(call.id, "trace")[:32],
        "project_id": "project-example",
        "environment": "default",
        "type": _TYPES[call.operation],
        "parent_observation_id": "",
        "start_time": _time(call.time),
        "end_time": _time(call.time + 1300),
        "name": "call-model",
        "metadata": {},
        "level": "ERROR" if call.failed else "DEFAULT",
        "status_message": error_class(call) or "",
        "input": _input(call),
        "output": "" if call.failed else ANSWER,
        "provided_model_name": call.model,
        "model_parameters": text(dict(call.parameters)),
        "usage_details": {} if call.failed else _usage(call),
        "time_to_first_token": None,
        "user_id": call.principal,
        "session_id": uuid_of(call.principal, "session"),
    }


def _time(milliseconds: int) -> str:
    return iso(milliseconds, 6).replace("T", " ").removesuffix("Z")


def _input(call: Call) -> str:
    """Messages as JSON; of a redacted call an application leaves the input out."""
    if call.prompt is None:
        return ""
    if call.operation == CHAT:
        return text(conversation(call, REDACTED)) or ""
    return text({"messages": [{"role": "user", "content": sent} for sent in sent_texts(call, REDACTED)]}) or ""


def _usage(call: Call) -> dict[str, int]:
    """Each token under one key; `total` has them all."""
    reasoning = call.reasoning_tokens or 0
    counts = {"input": call.input_tokens, "output": call.output_tokens - reasoning}
    if call.reasoning_tokens is not None:
        counts["output_reasoning_tokens"] = reasoning
    return {**counts, "total": call.input_tokens + call.output_tokens}
