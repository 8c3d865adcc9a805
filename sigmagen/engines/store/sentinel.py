"""Microsoft Sentinel: rows of the Log Analytics tables that the connectors fill. A key without a value is absent."""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from sigmagen.engines.store.shape import from_epoch, get, later, milliseconds, parse, text

Row = dict[str, Any]
Rows = dict[str, list[Row]]

_CLOUDTRAIL = {
    "EventSource": "eventSource",
    "EventName": "eventName",
    "EventVersion": "eventVersion",
    "EventTypeName": "eventType",
    "AWSRegion": "awsRegion",
    "SourceIpAddress": "sourceIPAddress",
    "UserAgent": "userAgent",
    "ErrorCode": "errorCode",
    "ErrorMessage": "errorMessage",
    "AwsEventId": "eventID",
    "AwsRequestId_": "requestID",
    "RecipientAccountId": "recipientAccountId",
    "UserIdentityArn": "userIdentity.arn",
    "UserIdentityType": "userIdentity.type",
    "UserIdentityAccessKeyId": "userIdentity.accessKeyId",
    "UserIdentityAccountId": "userIdentity.accountId",
    "UserIdentityPrincipalid": "userIdentity.principalId",
    "UserIdentityUserName": "userIdentity.userName",
    "SessionIssuerArn": "userIdentity.sessionContext.sessionIssuer.arn",
    "ReadOnly": "readOnly",
    "ManagementEvent": "managementEvent",
    "ClientProvidedHostHeader": "tlsDetails.clientProvidedHostHeader",
}

_GATEWAY = {
    "CallerIpAddress": "callerIpAddress",
    "Category": "category",
    "CorrelationId": "correlationId",
    "IsRequestSuccess": "isRequestSuccess",
    "OperationName": "operationName",
    "Region": "location",
    "TotalTime": "durationMs",
    "ApiId": "properties.apiId",
    "ApiRevision": "properties.apiRevision",
    "ApimSubscriptionId": "properties.apimSubscriptionId",
    "UserId": "properties.userId",
    "BackendMethod": "properties.backendMethod",
    "BackendProtocol": "properties.backendProtocol",
    "BackendRequestBody": "properties.backendRequestBody",
    "BackendResponseBody": "properties.backendResponseBody",
    "BackendResponseCode": "properties.backendResponseCode",
    "BackendTime": "properties.backendTime",
    "BackendUrl": "properties.backendUrl",
    "Cache": "properties.cache",
    "ClientProtocol": "properties.clientProtocol",
    "ClientTlsVersion": "properties.clientTlsVersion",
    "Method": "properties.method",
    "OperationId": "properties.operationId",
    "RequestHeaders": "properties.requestHeaders",
    "RequestSize": "properties.requestSize",
    "ResponseCode": "properties.responseCode",
    "ResponseSize": "properties.responseSize",
    "Url": "properties.url",
}


def _litellm(record: Row) -> Rows:
    """The payload's keys as columns, objects as dynamic. `id` is a reserved column name in Log Analytics."""
    row = {"TimeGenerated": from_epoch(record["startTime"]), "litellm_call_id": record.get("id")}
    return {"LiteLLM_CL": [_present(row | {key: value for key, value in record.items() if key != "id"})]}


def _bedrock_invocation(record: Row) -> Rows:
    """CloudWatch Logs through the connector: the record is one text."""
    return {"AWSCloudWatch": [{"TimeGenerated": milliseconds(record["timestamp"]), "Message": text(record)}]}


def _cloudtrail(record: Row) -> Rows:
    row = {"TimeGenerated": milliseconds(record["eventTime"]), **_columns(record, _CLOUDTRAIL)}
    row |= {
        "RequestParameters": text(record.get("requestParameters")),
        "AdditionalEventData": text(record.get("additionalEventData")),
    }
    return {"AWSCloudTrail": [_present(row)]}


def _apim(record: Row) -> Rows:
    """Two tables: the gateway's row, and the rows that its LLM logging writes of the same call."""
    gateway = {"TimeGenerated": milliseconds(record["time"]), **_columns(record, _GATEWAY)}
    return {"ApiManagementGatewayLogs": [_present(gateway)], "ApiManagementGatewayLlmLog": _llm_rows(record)}


def _llm_rows(record: Row) -> list[Row]:
    """Row 0 has the tokens (none of a failed call), 1 the request's messages, 2 the answer's.

    The two tables are written apart, so their times differ: here by 0.1 to 2 s, either way, fixed by the call's id.
    """
    correlation = record.get("correlationId", "")
    request = parse(get(record, "properties.backendRequestBody"))
    response = parse(get(record, "properties.backendResponseBody"))
    choice = int(sha256(str(correlation).encode()).hexdigest()[:8], 16)
    offset = (100 + choice // 2 % 1901) * (1 if choice % 2 else -1)
    shared = {
        "TimeGenerated": later(record["time"], offset),
        "CorrelationId": correlation,
        "OperationName": get(record, "properties.operationId"),
        "Region": record.get("location"),
        "IsStreamCompletion": False,
    }
    tokens = {
        "SequenceNumber": 0,
        "DeploymentName": _deployment(get(record, "properties.backendUrl")),
        "ModelName": get(response, "model"),
        "PromptTokens": get(response, "usage.prompt_tokens"),
        "CompletionTokens": get(response, "usage.completion_tokens"),
        "TotalTokens": get(response, "usage.total_tokens"),
    }
    answers = [get(item, "message") for item in get(response, "choices") or []]
    # A row of messages counts no tokens; a reader must not rely on how that is written.
    asked = {"SequenceNumber": 1, "DeploymentName": "", "RequestMessages": get(request, "messages")}
    told = {"SequenceNumber": 2, "DeploymentName": "", "TotalTokens": 0, "ResponseMessages": answers}
    rows = [tokens, asked, told] if answers else [asked]
    return [_present(shared | row) for row in rows]


def _deployment(url: Any) -> str | None:
    """The deployment in a URL of Azure OpenAI: .../deployments/<name>/chat/completions."""
    found = re.search("/deployments/([^/?]+)", url) if isinstance(url, str) else None
    return found[1] if found else None


def _canonical(record: Row) -> Rows:
    """Our own table: column names can't have dots."""
    columns = {name.replace(".", "_"): value for name, value in record.items() if name != "@timestamp"}
    return {"AIInference_CL": [_present({"TimeGenerated": record["@timestamp"], **columns})]}


def _columns(record: Row, names: dict[str, str]) -> Row:
    return {column: get(record, path) for column, path in names.items()}


def _present(row: Row) -> Row:
    return {column: value for column, value in row.items() if value is not None}


STORES: dict[str, Callable[[Row], Rows]] = {
    "apim": _apim,
    "bedrock_invocation": _bedrock_invocation,
    "canonical": _canonical,
    "cloudtrail": _cloudtrail,
    "litellm": _litellm,
}
