"""Envelopes: what is put around records when they are delivered or exported, opened one layer at a time."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Mapping
from typing import Any

from sigmagen.logs import otlp
from sigmagen.logs.parse import NotReadableError, size_text

LAYERS = 6
"""How many envelopes may lie in one another: a stream's record, a subscription message, its event, an export in it."""

_GZIP = b"\x1f\x8b"

# Keys that say what an envelope is: all of the first must be there, and no other than the second.
# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html, API_GetLogEvents.html
_LOG_EVENTS = {"events"}, {"searchedLogStreams", "nextToken", "nextForwardToken", "nextBackwardToken"}
# https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html
_STREAM_RECORDS = {"Records"}, {"NextShardIterator", "MillisBehindLatest", "ChildShards"}
# https://docs.aws.amazon.com/firehose/latest/dev/data-transformation.html, httpdeliveryrequestresponse.html
_FIREHOSE = (
    {"records"},
    {"invocationId", "deliveryStreamArn", "sourceKinesisStreamArn", "region", "requestId", "timestamp"},
)
_LISTS = (_LOG_EVENTS, _STREAM_RECORDS, _FIREHOSE)


# https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
_LAMBDA = {"eventSource", "eventVersion", "eventID", "eventName", "invokeIdentityArn", "awsRegion", "eventSourceARN"}
# One of these is in every envelope, and none in the records of most sources.
TELLING = {"Records", "records", "events", "logEvents", "message", "awslogs", "kinesis", "Data", "data", otlp.BATCHES}

_EVENT = {"timestamp", "message"}, {"id", "eventId", "ingestionTime", "logStreamName", "extractedFields"}
_STREAM_RECORD = {"Data"}, {"PartitionKey", "SequenceNumber", "ApproximateArrivalTimestamp", "EncryptionType"}
_FIREHOSE_RECORD = {"data"}, {"recordId", "approximateArrivalTimestamp", "kinesisRecordMetadata"}


def unwrapped(value: Any, limit: int) -> list[Any] | None:
    """What lies in an envelope, and None for a record. Bytes among it are JSON text that is yet to be read.

    Opened are arrays; `Records` of CloudTrail and `records` of Azure; what CloudWatch Logs gives for
    filter-log-events and get-log-events; subscription messages, as they are and as Lambda, Kinesis and Firehose carry
    them; batches of spans in OTLP's JSON. Raises NotReadableError for data that can't be decoded, or is larger than
    `limit` bytes when it is.
    """
    if isinstance(value, list):
        return value
    if not isinstance(value, dict) or TELLING.isdisjoint(value):
        return None
    for names in _LISTS:
        (name,) = names[0]
        if _has(value, *names) and isinstance(value[name], list):
            items: list[Any] = value[name]
            return items
    return [*otlp.spans(value)] if otlp.is_batch(value) else _subscription(value, limit)


def _has(value: Mapping[str, Any], needed: set[str], possible: set[str]) -> bool:
    return needed <= value.keys() <= needed | possible


def _subscription(value: Mapping[str, Any], limit: int) -> list[Any] | None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html"""
    events = value.get("logEvents")
    if isinstance(events, list) and isinstance(value.get("messageType"), str):
        # A control message only checks that the destination answers.
        return [] if value["messageType"] == "CONTROL_MESSAGE" else events
    if _has(value, *_EVENT) and len(value) > len(_EVENT[0]) and isinstance(value["message"], str):
        return [value["message"].encode("utf-8", "surrogatepass")]
    for data in (_carried(value.get("awslogs")), _carried(value.get("kinesis"))):
        if data is not None and len(value.keys() - _LAMBDA) <= 1:
            return [_decoded(data, limit)]
    for names, key in ((_STREAM_RECORD, "Data"), (_FIREHOSE_RECORD, "data")):
        if _has(value, *names) and isinstance(value[key], str):
            return [_decoded(value[key], limit)]
    return None


def _carried(value: Any) -> str | None:
    data = value.get("data") if isinstance(value, dict) else None
    return data if isinstance(data, str) else None


def _decoded(data: str, limit: int) -> bytes:
    """The bytes of base64 text, unpacked if they are gzip."""
    try:
        raw = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise NotReadableError("log-corrupt", "data that is not base64") from None
    if not raw.startswith(_GZIP):
        return raw
    unpacked = b""
    try:
        while raw.startswith(_GZIP) and len(unpacked) <= limit:
            member = zlib.decompressobj(wbits=31)
            unpacked += member.decompress(raw, limit + 1 - len(unpacked))
            if not member.eof and len(unpacked) <= limit:
                raise NotReadableError("log-truncated", "gzip data that is cut off")
            raw = member.unused_data
    except zlib.error as error:
        raise NotReadableError("log-corrupt", f"gzip data that is damaged: {error}") from None
    if len(unpacked) > limit:
        raise NotReadableError("log-too-large", f"data of more than {size_text(limit)}")
    return unpacked
