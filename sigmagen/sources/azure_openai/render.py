"""Azure OpenAI's diagnostic record of a call, as an event hub gets it."""

from __future__ import annotations

from sigmagen.durations import iso
from sigmagen.sources.azure import SUBSCRIPTION, object_id
from sigmagen.sources.call import CHAT, EMBEDDINGS, TEXT_COMPLETION, Call, uuid_of
from sigmagen.sources.records import Record, text

_RESOURCE = (
    f"/SUBSCRIPTIONS/{SUBSCRIPTION}/RESOURCEGROUPS/RG-AI/PROVIDERS/MICROSOFT.COGNITIVESERVICES/ACCOUNTS/AOAI-EXAMPLE"
)

# The id of an operation in Azure OpenAI's specification; the log calls it the same.
# https://github.com/Azure/azure-rest-api-specs specification/cognitiveservices/data-plane/AzureOpenAI/inference
_OPERATIONS = {
    CHAT: "ChatCompletions_Create",
    TEXT_COMPLETION: "Completions_Create",
    EMBEDDINGS: "Embeddings_Create",
}

_TICKS_BEFORE_1970 = 621_355_968_000_000_000
"""Ticks (100 ns) from the year 1, where .NET counts from, to 1970."""

_DURATION = 412
"""Milliseconds."""


def render(call: Call) -> Record | None:
    """The RequestResponse record of a call to a model, and the Audit record of ListKey; None for anything else.

    The caller has an Entra identity: a call with an account's key has no principal in this log. Form:
    https://github.com/elastic/integrations packages/azure_openai/data_stream/logs/_dev/test/pipeline
    """
    if call.operation == "ListKey":
        return _audit(call)
    if call.operation not in _OPERATIONS:
        return None
    asked = _TICKS_BEFORE_1970 + call.time * 10_000
    properties = {
        "apiName": "Azure OpenAI API version 2024-10-21",
        "requestTime": asked,
        "requestLength": 4 * call.input_tokens,
        "responseTime": asked + _DURATION * 10_000,
        "responseLength": 0 if call.failed else 4 * call.output_tokens,
        "objectId": object_id(call.principal),
        "streamType": "Non-Streaming",
        "modelDeploymentName": call.model.lower(),
        "modelName": call.model,
        "modelVersion": "2024-07-18",
    }
    # Azure writes the properties as an object in some records and as text in others.
    as_text = int(uuid_of(call.id)[0], 16) % 2
    record = {
        "Tenant": "eastus",
        "callerIpAddress": masked(call.source_ip),
        "category": "RequestResponse",
        "correlationId": uuid_of(call.id, "correlation"),
        "durationMs": _DURATION,
        "event": "ShoeboxCallResult",
        "location": "eastus",
        "operationName": _OPERATIONS[call.operation],
        "properties": text(properties) if as_text else properties,
        "resourceId": _RESOURCE,
        "resultSignature": str(call.status),
        "time": iso(call.time, 7),
    }
    return {key: value for key, value in record.items() if value is not None}


def _audit(call: Call) -> Record:
    return {
        "AssetIdentity": uuid_of(call.id, "asset"),
        "Tenant": "eastus",
        "category": "Audit",
        "operationName": call.operation,
        "properties": {"objectId": object_id(call.principal)},
        "resourceId": _RESOURCE,
        "time": iso(call.time, 7),
    }


def masked(address: str | None) -> str | None:
    """An IPv4 address as the log has it. How it masks others is not published, so they are left out."""
    if address is None or address.count(".") != 3:
        return None
    return f"{address.rpartition('.')[0]}.***"
