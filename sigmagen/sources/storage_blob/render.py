"""Azure Blob Storage's record of a request, as diagnostic settings send it to an event hub.

https://learn.microsoft.com/azure/storage/blobs/monitor-blob-storage-reference
"""

from __future__ import annotations

from sigmagen.durations import iso
from sigmagen.sources.azure import SUBSCRIPTION, object_id
from sigmagen.sources.call import STORAGE_READ, Call, digest, uuid_of
from sigmagen.sources.records import Record, present
from sigmagen.sources.storage_blob.principals import ACCOUNT

_RESOURCE = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-ai"
    f"/providers/Microsoft.Storage/storageAccounts/{ACCOUNT}/blobServices/default"
)

# What an action is called in a test file, with its operation and category.
_OPERATIONS = {
    STORAGE_READ: ("GetBlob", "StorageRead"),
    "CopyBlob": ("CopyBlob", "StorageWrite"),
    "PutBlob": ("PutBlob", "StorageWrite"),
    "DeleteBlob": ("DeleteBlob", "StorageDelete"),
}

_SIZE = 1_073_741_824
"""Bytes of each blob."""


def render(call: Call) -> Record | None:
    """The record of a request for a blob by an Entra identity; None for calls of a model."""
    if call.operation not in _OPERATIONS:
        return None
    operation, category = _OPERATIONS[call.operation]
    path = call.object or "models/model.safetensors"
    properties = {
        "accountName": ACCOUNT,
        "userAgentHeader": call.user_agent,
        "serviceType": "blob",
        "objectKey": f"/{ACCOUNT}/{path}",
        "metricResponseType": "ClientOtherError" if call.failed else "Success",
        "serverLatencyMs": 9,
        "requestHeaderSize": 636,
        "responseHeaderSize": 394,
        "responseBodySize": _SIZE if operation == "GetBlob" and not call.failed else 0,
        "tlsVersion": "TLS 1.2",
    }
    record = {
        "time": iso(call.time, 7),
        "resourceId": _RESOURCE,
        "category": category,
        "operationName": operation,
        "operationVersion": "2021-06-08",
        "schemaVersion": "1.0",
        "statusCode": call.status,
        "statusText": (call.error or "AuthorizationFailure") if call.failed else "Success",
        "durationMs": 9,
        "callerIpAddress": f"{call.source_ip}:56029"
        if call.source_ip and ":" not in call.source_ip
        else call.source_ip,
        "correlationId": uuid_of(call.id, "correlation"),
        "identity": {
            "type": "OAuth",
            "tokenHash": digest(call.principal, "token").upper(),
            "requester": {"objectId": object_id(call.principal), "tenantId": uuid_of("tenant")},
        },
        "location": "West Europe",
        "properties": properties,
        "uri": f"https://{ACCOUNT}.blob.core.windows.net:443/{path}",
        "protocol": "HTTPS",
        "resourceType": "Microsoft.Storage/storageAccounts/blobServices",
    }
    return present(record)
