"""What each SIEM keeps of a CloudTrail event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sigmagen.mapping.address import extract_client_address
from sigmagen.sources.records import Record, Rows, columns, document, events, get, milliseconds, present, text

_COLUMNS = {
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


def splunk(record: Record) -> Rows:
    """The raw JSON; Splunk extracts fields when it searches."""
    return events(record)


def elastic(record: Record) -> Rows:
    """The AWS integration's document; request parameters and additional data are Java maps printed as text."""
    identity = "aws.cloudtrail.user_identity"
    fields = {
        "@timestamp": milliseconds(record["eventTime"]),
        "event.provider": record.get("eventSource"),
        "event.action": record.get("eventName"),
        "event.outcome": "failure" if record.get("errorCode") else "success",
        f"{identity}.arn": get(record, "userIdentity.arn"),
        f"{identity}.type": get(record, "userIdentity.type"),
        f"{identity}.access_key_id": get(record, "userIdentity.accessKeyId"),
        f"{identity}.session_context.session_issuer.arn": get(record, "userIdentity.sessionContext.sessionIssuer.arn"),
        "aws.cloudtrail.request_parameters": _printed(record.get("requestParameters")),
        "aws.cloudtrail.additional_eventdata": _printed(record.get("additionalEventData")),
        "aws.cloudtrail.error_code": record.get("errorCode"),
        "aws.cloudtrail.error_message": record.get("errorMessage"),
        "aws.cloudtrail.request_id": record.get("requestID"),
        "aws.cloudtrail.session_credential_from_console": record.get("sessionCredentialFromConsole"),
        "source.ip": extract_client_address(record.get("sourceIPAddress")),
        "user_agent.original": record.get("userAgent"),
        "cloud.region": record.get("awsRegion"),
        "cloud.account.id": record.get("recipientAccountId"),
    }
    return document(fields)


def _printed(values: Mapping[str, Any] | None) -> str | None:
    return "{" + ", ".join(f"{key}={value}" for key, value in values.items()) + "}" if values else None


def sentinel(record: Record) -> Rows:
    row = {"TimeGenerated": milliseconds(record["eventTime"]), **columns(record, _COLUMNS)}
    row |= {
        "RequestParameters": text(record.get("requestParameters")),
        "AdditionalEventData": text(record.get("additionalEventData")),
    }
    return {"AWSCloudTrail": [present(row)]}
