"""The row of an AI Gateway-enabled inference table, as JSON.

https://docs.databricks.com/aws/en/ai-gateway/inference-tables-serving-endpoints
"""

from __future__ import annotations

from typing import Any

from sigmagen.durations import iso
from sigmagen.sources.call import CHAT, EMBEDDINGS, PREDICTION, TEXT_COMPLETION, Call, uuid_of
from sigmagen.sources.openai import choices, conversation, embedded, sent_texts, usage
from sigmagen.sources.records import Record, text

REDACTED = ""
"""Databricks redacts nothing: a call without a readable prompt is one with an empty prompt."""


def render(call: Call) -> Record | None:
    """The row of a call that a serving endpoint answers; None for all others."""
    if call.operation not in (CHAT, TEXT_COMPLETION, EMBEDDINGS, PREDICTION):
        return None
    return {
        "databricks_request_id": uuid_of(call.id, "request"),
        "client_request_id": None,
        "request_date": iso(call.time)[:10],
        "request_time": iso(call.time),
        "status_code": call.status,
        "sampling_fraction": 1.0,
        "execution_duration_ms": 490,
        "request": text(_request(call)),
        "response": text(_response(call)),
        "logging_error_codes": [],
        "served_entity_id": call.model,
        "requester": call.principal,
    }


def _request(call: Call) -> dict[str, Any]:
    if call.operation == PREDICTION:
        columns = [f"f{number}" for number in range(len(call.features))]
        return {"dataframe_split": {"columns": columns, "data": [list(call.features)]}}
    if call.operation == EMBEDDINGS:
        texts = embedded(call, REDACTED)
        return {"input": texts[0] if len(texts) == 1 else texts}
    if call.operation == TEXT_COMPLETION:
        return {**call.parameters, "prompt": sent_texts(call, REDACTED)[0]}
    return {**call.parameters, "messages": conversation(call, REDACTED)}


def _response(call: Call) -> dict[str, Any]:
    if call.failed:
        return {"error_code": call.error or "BAD_REQUEST", "message": "The request was refused."}
    if call.operation == PREDICTION:
        return {"predictions": [list(call.scores)]}
    if call.operation == EMBEDDINGS:
        return {"object": "list", "model": call.model, "usage": usage(call)}
    return {"id": call.id, "model": call.model, "choices": choices(call), "usage": usage(call)}
