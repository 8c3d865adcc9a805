"""What each SIEM keeps of a request for a blob."""

from __future__ import annotations

from sigmagen.sources.records import Record, Rows, columns, events, milliseconds, present

_COLUMNS = {
    "Category": "category",
    "OperationName": "operationName",
    "OperationVersion": "operationVersion",
    "SchemaVersion": "schemaVersion",
    "StatusText": "statusText",
    "DurationMs": "durationMs",
    "CallerIpAddress": "callerIpAddress",
    "CorrelationId": "correlationId",
    "Location": "location",
    "Uri": "uri",
    "Protocol": "protocol",
    "AccountName": "properties.accountName",
    "ServiceType": "properties.serviceType",
    "UserAgentHeader": "properties.userAgentHeader",
    "MetricResponseType": "properties.metricResponseType",
    "ResponseBodySize": "properties.responseBodySize",
    "TlsVersion": "properties.tlsVersion",
    "AuthenticationType": "identity.type",
    "AuthenticationHash": "identity.tokenHash",
    "RequesterObjectId": "identity.requester.objectId",
    "RequesterTenantId": "identity.requester.tenantId",
    "RequesterAppId": "identity.requester.appId",
    "RequesterUpn": "identity.requester.upn",
}


def splunk(record: Record) -> Rows:
    """The raw JSON; Splunk extracts fields when it searches."""
    return events(record)


def sentinel(record: Record) -> Rows:
    """The row of StorageBlobLogs: the key in quotes and the status as text, as Microsoft documents them."""
    key, status = record["properties"].get("objectKey"), record.get("statusCode")
    row = {
        "TimeGenerated": milliseconds(record["time"]),
        **columns(record, _COLUMNS),
        "StatusCode": None if status is None else str(status),
        "ObjectKey": None if key is None else f'"{key}"',
        "_ResourceId": str(record["resourceId"]).lower(),
    }
    return {"StorageBlobLogs": [present(row)]}
