"""The row of AmlOnlineEndpointTrafficLog for a request to an online endpoint.

https://learn.microsoft.com/azure/azure-monitor/reference/tables/amlonlineendpointtrafficlog
"""

from __future__ import annotations

from sigmagen.durations import iso
from sigmagen.sources.call import CHAT, EMBEDDINGS, PREDICTION, TEXT_COMPLETION, Call, uuid_of
from sigmagen.sources.records import Record

USER_AGENT = 70
"""Characters that Azure keeps of a user agent."""


def render(call: Call) -> Record | None:
    """The row of a call that a deployed model answers, which is scored whatever kind it is; None for all others."""
    if call.operation not in (CHAT, TEXT_COMPLETION, EMBEDDINGS, PREDICTION):
        return None
    return {
        "TimeGenerated": iso(call.time, 7),
        "Type": "AmlOnlineEndpointTrafficLog",
        "AuthType": "AADToken" if call.principal else "Key",
        "AzureMLWorkspaceName": "ws-example",
        "DeploymentName": "blue",
        "EndpointName": call.model,
        "IdentityData": call.principal,
        "Location": "eastus",
        "Method": "POST",
        "ModelStatusCode": call.status,
        "Path": "/score",
        "Protocol": "HTTP/1.1",
        "RequestDurationMs": 4,
        "RequestPayloadSize": 900,
        "ResponseCode": call.status,
        "ResponseDurationMs": 61,
        "ResponsePayloadSize": 120,
        "TotalDurationMs": 62,
        "UserAgent": call.user_agent[:USER_AGENT],
        "XMSClientRequestId": "",
        "XRequestId": uuid_of(call.id, "request"),
    }
