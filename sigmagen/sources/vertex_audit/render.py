"""Google Cloud audit log, Data Access: what Vertex AI writes of a prediction.

https://cloud.google.com/logging/docs/reference/audit/auditlog/rest/Shared.Types/AuditLog
"""

from __future__ import annotations

from typing import Any

from sigmagen.durations import iso
from sigmagen.sources.call import CHAT, PREDICTION, Call, digest
from sigmagen.sources.records import Record, present

PROJECT, LOCATION = "example-project", "us-central1"

# https://cloud.google.com/vertex-ai/docs/reference/rpc/google.cloud.aiplatform.v1#predictionservice
_METHODS = {CHAT: "GenerateContent", PREDICTION: "Predict"}
# https://github.com/googleapis/googleapis google/rpc/code.proto, by HTTP status
_CODES = {400: 3, 401: 16, 403: 7, 404: 5, 429: 8, 500: 13, 503: 14}


def render(call: Call) -> Record | None:
    """The record of content that was generated or of a classic model's prediction; None for everything else."""
    if call.operation not in _METHODS:
        return None
    service = "google.cloud.aiplatform.v1.PredictionService"
    method = f"{service}.{_METHODS[call.operation]}"
    place = f"projects/{PROJECT}/locations/{LOCATION}"
    resource = (
        f"{place}/publishers/google/models/{call.model}"
        if call.operation == CHAT
        else f"{place}/endpoints/{call.model}"
    )
    return {
        "protoPayload": present(_payload(call, method, resource)),
        "insertId": digest(call.id, "insert")[:12],
        "resource": {
            "type": "audited_resource",
            "labels": {"service": "aiplatform.googleapis.com", "method": method, "project_id": PROJECT},
        },
        "timestamp": iso(call.time, 9),
        "severity": "ERROR" if call.failed else "INFO",
        "logName": f"projects/{PROJECT}/logs/cloudaudit.googleapis.com%2Fdata_access",
        "receiveTimestamp": iso(call.time + 900, 9),
    }


def _payload(call: Call, method: str, resource: str) -> dict[str, Any]:
    granted = call.status != 403
    return {
        "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
        "status": {"code": _CODES.get(call.status, 2), "message": "The call failed."} if call.failed else None,
        "authenticationInfo": present(
            {"principalEmail": call.principal or None, "serviceAccountKeyName": call.api_key}
        ),
        "requestMetadata": present({"callerIp": call.source_ip, "callerSuppliedUserAgent": call.user_agent}),
        "serviceName": "aiplatform.googleapis.com",
        "methodName": method,
        "authorizationInfo": [
            {
                "resource": resource,
                "permission": "aiplatform.endpoints.predict",
                "granted": granted,
                "permissionType": "DATA_READ",
            }
        ],
        "resourceName": resource,
        "request": {"@type": f"type.googleapis.com/{method}Request"},
    }
