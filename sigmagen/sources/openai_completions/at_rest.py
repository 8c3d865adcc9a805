"""What Sentinel keeps of a stored chat completion."""

from __future__ import annotations

from typing import Any

from sigmagen.sources.records import Record, Rows, from_epoch, get, present, text


def sentinel(record: Record) -> Rows:
    """The row that the connector's data collection rule makes."""
    time = from_epoch(record["created"])
    choices: list[Any] = record.get("choices") or []
    more = ("service_tier", "system_fingerprint", "response_format", "tools", "metadata", "input_user")
    row = {
        "TimeGenerated": time,
        "EventStartTime": time,
        "EventEndTime": time,
        "EventUid": record.get("id"),
        "EventRequestId": record.get("request_id"),
        "ModelName": record.get("model"),
        "ModelProviderName": "OpenAI",
        "EventRequestTemperature": record.get("temperature"),
        "EventRequestTopP": record.get("top_p"),
        "EventRequestPresencePenalty": record.get("presence_penalty"),
        "EventRequestFrequencyPenalty": record.get("frequency_penalty"),
        "EventRequestSeed": record.get("seed"),
        "EventOriginalType": record.get("object"),
        "EventFinishReasons": [get(choices[0], "finish_reason") or ""] if choices else [""],
        "EventOriginalResultDetails": text(choices),
        "InputTokensUsed": get(record, "usage.prompt_tokens"),
        "OutputTokensUsed": get(record, "usage.completion_tokens"),
        "EventVendor": "OpenAI",
        "EventProduct": "OpenAI API Platform",
        "EventSchema": "AgentEvent",
        "EventSchemaVersion": "0.1.0",
        "EventCount": 1,
        "EventType": "ChatCompletion",
        "AdditionalFields": {key: record.get(key) for key in more},
    }
    return {"ASimAgentEventLogs": [present(row)]}
