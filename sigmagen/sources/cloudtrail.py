"""AWS CloudTrail: Bedrock's management events, which both invocations and control-plane operations are."""

from __future__ import annotations

from typing import Any

from sigmagen.durations import iso
from sigmagen.sources.call import Call, digest, uuid_of
from sigmagen.sources.parts import (
    CHAT,
    EMBEDDINGS,
    INFERENCE,
    REGION,
    access_key_id,
    aws_account,
    aws_arn,
    is_assumed_role,
    role_arn,
    without_none,
)

BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36"
_READING = ("Get", "List", "Describe", "Invoke", "Converse")


def render(call: Call) -> dict[str, Any] | None:
    """The event of any operation; chat and embeddings are InvokeModel. Another service's: `sagemaker/CreateModel`."""
    inference = call.operation in INFERENCE
    source, _, name = call.operation.rpartition("/")
    name = "InvokeModel" if name in (CHAT, EMBEDDINGS) else name
    service = "bedrock-runtime" if inference else source or "bedrock"
    record = {
        "eventVersion": "1.10",
        "userIdentity": _identity(call),
        "eventTime": iso(call.time, 0),
        "eventSource": f"{source or 'bedrock'}.amazonaws.com",
        "eventName": name,
        "awsRegion": REGION,
        "sourceIPAddress": call.source_ip,
        "userAgent": BROWSER if call.console else call.user_agent,
        "errorCode": (call.error or "ValidationException") if call.failed else None,
        "errorMessage": "The request was refused." if call.failed else None,
        "requestID": uuid_of(call.id, "request"),
        "eventID": uuid_of(call.id, "event"),
        "readOnly": name.startswith(_READING),
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": aws_account(call.organization),
        "eventCategory": "Management",
        "tlsDetails": {
            "tlsVersion": "TLSv1.3",
            "clientProvidedHostHeader": f"{service}.{REGION}.amazonaws.com",
        },
        "sessionCredentialFromConsole": "true" if call.console else None,
    }
    parameters = {"modelId": call.model} if inference else None
    return without_none(record) | {"requestParameters": parameters, "responseElements": None}


def _identity(call: Call) -> dict[str, Any]:
    """The caller: an IAM user, or a session of an assumed role with the role behind it."""
    arn, account = aws_arn(call), aws_account(call.organization)
    key = access_key_id(call.api_key) if call.api_key else None
    number = digest(call.principal)[:9].upper()
    if not is_assumed_role(call.principal):
        return without_none(
            {
                "type": "IAMUser",
                "principalId": f"AIDAEXAMPLE{number}",
                "arn": arn,
                "accountId": account,
                "accessKeyId": key,
                "userName": arn.rsplit("/", 1)[-1],
            }
        )
    return without_none(
        {
            "type": "AssumedRole",
            "principalId": f"AROAEXAMPLE{number}:{arn.rsplit('/', 1)[-1]}",
            "arn": arn,
            "accountId": account,
            "accessKeyId": key,
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role",
                    "principalId": f"AROAEXAMPLE{number}",
                    "arn": role_arn(call.principal),
                    "accountId": account,
                    "userName": call.principal.rsplit("/", 1)[-1],
                },
                "attributes": {"creationDate": iso(call.time, 0), "mfaAuthenticated": "false"},
            },
        }
    )
