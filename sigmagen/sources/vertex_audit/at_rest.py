"""What each SIEM keeps of an audit record."""

from __future__ import annotations

from sigmagen.mapping.address import extract_client_address
from sigmagen.sources.records import Record, Rows, columns, document, events, get, milliseconds, present

_FIELDS = {
    "event.id": "insertId",
    "event.action": "protoPayload.methodName",
    "log.logger": "logName",
    "log.level": "severity",
    "cloud.project.id": "resource.labels.project_id",
    "client.user.email": "protoPayload.authenticationInfo.principalEmail",
    "client.user.id": "protoPayload.authenticationInfo.principalSubject",
    "user_agent.original": "protoPayload.requestMetadata.callerSuppliedUserAgent",
    "gcp.vertexai.audit.service_name": "protoPayload.serviceName",
    "gcp.vertexai.audit.resource_name": "protoPayload.resourceName",
    "gcp.vertexai.audit.resource_type": "resource.type",
    "gcp.vertexai.audit.status.code": "protoPayload.status.code",
    "gcp.vertexai.audit.status.message": "protoPayload.status.message",
    "gcp.vertexai.audit.authentication_info.service_account_key_name": (
        "protoPayload.authenticationInfo.serviceAccountKeyName"
    ),
}

_COLUMNS = {
    "InsertId": "insertId",
    "LogName": "logName",
    "Severity": "severity",
    "ServiceName": "protoPayload.serviceName",
    "MethodName": "protoPayload.methodName",
    "PrincipalEmail": "protoPayload.authenticationInfo.principalEmail",
    "ProjectId": "resource.labels.project_id",
    "GCPResourceName": "protoPayload.resourceName",
    "GCPResourceType": "resource.type",
    "AuthenticationInfo": "protoPayload.authenticationInfo",
    "AuthorizationInfo": "protoPayload.authorizationInfo",
    "RequestMetadata": "protoPayload.requestMetadata",
    "Request": "protoPayload.request",
    "Status": "protoPayload.status",
    "StatusMessage": "protoPayload.status.message",
}


def splunk(record: Record) -> Rows:
    """The add-on's event of a Pub/Sub message: the record under `data`."""
    return events({"data": record, "attributes": {}})


def elastic(record: Record) -> Rows:
    """The document of Elastic's integration, by its ingest pipeline."""
    fields = {"@timestamp": milliseconds(record["timestamp"]), **columns(record, _FIELDS)}
    return document(
        fields | {"source.ip": extract_client_address(get(record, "protoPayload.requestMetadata.callerIp"))}
    )


def sentinel(record: Record) -> Rows:
    """The connector's row."""
    time = milliseconds(record["timestamp"])
    return {"GCPAuditLogs": [present({"TimeGenerated": time, "Timestamp": time, **columns(record, _COLUMNS)})]}
