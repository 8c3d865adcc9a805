"""What each SIEM keeps of an invocation log record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sigmagen.sources.records import Record, Rows, document, events, get, milliseconds, text

# Longer than this in UTF-16 units, as Java counts, Elastic's Bedrock integration drops a body.
BODY_LIMIT = 32_766


def splunk(record: Record) -> Rows:
    """The raw JSON; Splunk extracts fields when it searches."""
    return events(record)


def elastic(record: Record) -> Rows:
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
    return document(fields)


def sentinel(record: Record) -> Rows:
    """CloudWatch Logs through the connector: the record is one text."""
    return {"AWSCloudWatch": [{"TimeGenerated": milliseconds(record["timestamp"]), "Message": text(record)}]}


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
