"""What each SIEM keeps of a diagnostic record."""

from __future__ import annotations

import re
from typing import Any

from sigmagen.sources.records import Record, Rows, document, events, get, milliseconds, parse, present, text

_SNAKE = re.compile("_?([a-z])([A-Z]+)")
_FOUNDRY = "FOUNDRY"


def splunk(record: Record) -> Rows:
    """The raw JSON; Splunk extracts fields when it searches."""
    return events(record)


def elastic(record: Record) -> Rows:
    """The document of the integration: snake-case keys, the properties decoded, the resource in ECS.

    Records of the examples whose API is Foundry's go through that integration, which drops empty texts as well.
    """
    properties = _properties(record)
    foundry = _FOUNDRY in str(properties.get("apiName", ""))
    root = "azure.ai_foundry" if foundry else "azure.open_ai"
    keys = ("AssetIdentity", "Tenant", "callerIpAddress", "category", "correlationId", "event", "location")
    fields = {f"{root}.{_snake(key)}": record.get(key) for key in (*keys, "operationName", "resultSignature")}
    fields |= {f"{root}.properties.{_snake(key)}": value for key, value in properties.items()}
    if foundry:
        fields = {name: value or None for name, value in fields.items()}
    resource = str(record["resourceId"]).lower()
    fields |= {
        "@timestamp": milliseconds(record["time"]),
        "azure.resource.id": resource,
        "azure.subscription_id": _subscription(resource),
        "cloud.account.id": _subscription(resource),
        "cloud.provider": "azure",
    }
    return document(fields)


def sentinel(record: Record) -> Rows:
    """The row of AzureDiagnostics: the properties as one JSON text."""
    resource = str(record["resourceId"])
    provider, _, account = resource.partition("/PROVIDERS/")[2].partition("/ACCOUNTS/")
    row = {
        "TimeGenerated": milliseconds(record["time"]),
        "Category": record.get("category"),
        "OperationName": record.get("operationName"),
        "ResultSignature": record.get("resultSignature"),
        "CallerIPAddress": record.get("callerIpAddress"),
        "CorrelationId": record.get("correlationId"),
        "DurationMs": record.get("durationMs"),
        "ResourceProvider": provider,
        "Resource": account,
        "_ResourceId": resource.lower(),
        "event_s": record.get("event"),
        "properties_s": text(_properties(record)),
    }
    return {"AzureDiagnostics": [present(row)]}


def _properties(record: Record) -> dict[str, Any]:
    """The properties, decoded if they are text; none of a text that is no JSON."""
    found = get(record, "properties")
    decoded = parse(found) if isinstance(found, str) else found
    return decoded if isinstance(decoded, dict) else {}


def _snake(key: str) -> str:
    """The integration's own rule for keys: modelName is model_name."""
    return _SNAKE.sub(r"\1_\2", key).lower()


def _subscription(resource: str) -> str | None:
    found = re.search("/subscriptions/([^/]+)", resource)
    return found[1] if found else None
