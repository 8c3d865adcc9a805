"""AWS CloudTrail: Bedrock's management events, which both invocations and control-plane operations are."""

from __future__ import annotations

from typing import Any

from sigmagen.durations import iso
from sigmagen.sources.aws import REGION, access_key_id, account_of, is_assumed_role, role_arn, session_arn
from sigmagen.sources.call import (
    BATCH,
    CHAT,
    EMBEDDINGS,
    FINE_TUNE,
    IMAGE_GENERATION,
    PREDICTION,
    STORAGE_READ,
    TEXT_COMPLETION,
    Call,
    digest,
    uuid_of,
)
from sigmagen.sources.records import present

BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36"

OBJECT_SIZE = 1_073_741_824
"""Bytes of each object in storage."""

# https://docs.aws.amazon.com/bedrock/latest/userguide/logging-using-cloudtrail.html: all calls of Bedrock's API are
# events, under the name of the action.
_ACTIONS = {
    **dict.fromkeys((CHAT, TEXT_COMPLETION, EMBEDDINGS, IMAGE_GENERATION), "InvokeModel"),
    BATCH: "CreateModelInvocationJob",
    FINE_TUNE: "CreateModelCustomizationJob",
    STORAGE_READ: "s3/GetObject",
}
_INFERENCE = frozenset({"InvokeModel", "InvokeModelWithResponseStream", "Converse", "ConverseStream"})
_READING = ("Get", "List", "Describe", "Invoke", "Converse")


def render(call: Call) -> dict[str, Any] | None:
    """The event of any operation but a classic prediction. Another service's action: `sagemaker/CreateModel`."""
    if call.operation == PREDICTION:
        return None
    action = _ACTIONS.get(call.operation, call.operation)
    inference = action in _INFERENCE
    source, _, name = action.rpartition("/")
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
        "recipientAccountId": account_of(call.organization),
        "eventCategory": "Management",
        "tlsDetails": {
            "tlsVersion": "TLSv1.3",
            "clientProvidedHostHeader": f"{service}.{REGION}.amazonaws.com",
        },
        "sessionCredentialFromConsole": "true" if call.console else None,
    }
    nothing = {"requestParameters": {"modelId": call.model} if inference else None, "responseElements": None}
    return present(record) | nothing | (_object_read(call) if call.operation == STORAGE_READ else {})


def _object_read(call: Call) -> dict[str, Any]:
    """What a data event of S3 has of its own.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/cloudtrail-logging-understanding-s3-entries.html
    """
    bucket, _, key = (call.object or "models/model.safetensors").partition("/")
    owner = account_of(call.organization)
    return {
        "managementEvent": False,
        "eventCategory": "Data",
        "requestParameters": {"bucketName": bucket, "key": key, "Host": f"{bucket}.s3.{REGION}.amazonaws.com"},
        "additionalEventData": {
            "SignatureVersion": "SigV4",
            "bytesTransferredIn": 0,
            "bytesTransferredOut": 0 if call.failed else OBJECT_SIZE,
        },
        "resources": [
            {"type": "AWS::S3::Object", "ARN": f"arn:aws:s3:::{bucket}/{key}"},
            {"accountId": owner, "type": "AWS::S3::Bucket", "ARN": f"arn:aws:s3:::{bucket}"},
        ],
        "tlsDetails": {
            "tlsVersion": "TLSv1.3",
            "clientProvidedHostHeader": f"{bucket}.s3.{REGION}.amazonaws.com",
        },
    }


def _identity(call: Call) -> dict[str, Any]:
    """The caller: an IAM user, or a session of an assumed role with the role behind it."""
    arn, account = session_arn(call), account_of(call.organization)
    key = access_key_id(call.api_key) if call.api_key else None
    number = digest(call.principal)[:9].upper()
    if not is_assumed_role(call.principal):
        return present(
            {
                "type": "IAMUser",
                "principalId": f"AIDAEXAMPLE{number}",
                "arn": arn,
                "accountId": account,
                "accessKeyId": key,
                "userName": arn.rsplit("/", 1)[-1],
            }
        )
    return present(
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
