"""What clouds put around records: opened as AWS documents it, and nothing that is a record is opened."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from sigmagen.logs.envelopes import unwrapped
from sigmagen.logs.parse import NotReadableError
from sigmagen.logs.reader import LogReader, Reject

LIMIT = 100_000
RECORD = {"schemaType": "ModelInvocationLog", "requestId": "r-1", "message": "x"}


def text(value: Any) -> str:
    return orjson.dumps(value).decode()


def packed(value: Any, *, zipped: bool = True) -> str:
    raw = value if isinstance(value, bytes) else orjson.dumps(value)
    return base64.b64encode(gzip.compress(raw, mtime=0) if zipped else raw).decode()


def event(message: str, **more: Any) -> dict[str, Any]:
    return {"timestamp": 1772438400000, "message": message, "id": "3195310660", **more}


def subscription(*messages: str, kind: str = "DATA_MESSAGE") -> dict[str, Any]:
    return {
        "messageType": kind,
        "owner": "111122223333",
        "logGroup": "/bedrock",
        "logStream": "aws/bedrock/modelinvocations",
        "subscriptionFilters": ["all"],
        "logEvents": [event(message) for message in messages],
    }


def read(path: Path, raw: bytes) -> tuple[list[Any], list[tuple[int | None, str]], list[str]]:
    path.write_bytes(raw)
    rejects: list[Reject] = []
    reader = LogReader([str(path)], rejects.append, LIMIT)
    values = [record.value for record in reader]
    return values, [(reject.line, reject.reason) for reject in rejects], [problem.code for problem in reader.problems]


ENVELOPES: dict[str, Any] = {
    "CloudTrail": {"Records": [RECORD]},
    "Azure": {"records": [RECORD]},
    "filter-log-events": {
        "events": [{**event(text(RECORD)), "logStreamName": "s", "ingestionTime": 1, "eventId": "1"}],
        "searchedLogStreams": [],
        "nextToken": "t",
    },
    "get-log-events": {
        "events": [{"timestamp": 1, "message": text(RECORD), "ingestionTime": 2}],
        "nextForwardToken": "f/1",
        "nextBackwardToken": "b/1",
    },
    "a subscription message": subscription(text(RECORD)),
    "a subscription message with extracted fields": {
        **subscription(),
        "policyLevel": "LOG_GROUP_LEVEL_POLICY",
        "logEvents": [event(text(RECORD), extractedFields={"a": "b"})],
    },
    "what Lambda gets": {"awslogs": {"data": packed(subscription(text(RECORD)))}},
    "what Lambda gets from Kinesis": {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": "p",
                    "data": packed(subscription(text(RECORD))),
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": "shardId-000000000006:1",
                "eventName": "aws:kinesis:record",
                "awsRegion": "us-east-1",
            }
        ]
    },
    "get-records of Kinesis": {
        "Records": [{"Data": packed(subscription(text(RECORD))), "PartitionKey": "p", "SequenceNumber": "1"}],
        "NextShardIterator": "i",
        "MillisBehindLatest": 0,
    },
    "what Firehose sends to be transformed": {
        "invocationId": "i",
        "deliveryStreamArn": "arn:aws:firehose:us-east-1:111122223333:deliverystream/d",
        "region": "us-east-1",
        "records": [{"recordId": "1", "approximateArrivalTimestamp": 1, "data": packed(RECORD, zipped=False)}],
    },
    "what Firehose delivers over HTTP": {
        "requestId": "q",
        "timestamp": 1,
        "records": [{"data": packed(subscription(text(RECORD)))}],
    },
    "an envelope in an envelope": [{"Records": [subscription(text({"Records": [RECORD]}))]}],
}


@pytest.mark.parametrize("indented", [False, True])
@pytest.mark.parametrize("kind", ENVELOPES)
def test_an_envelope_gives_its_records(kind: str, indented: bool, tmp_path: Path) -> None:
    raw = json.dumps(ENVELOPES[kind], indent=4 if indented else None).encode()
    assert read(tmp_path / "log", raw) == ([RECORD], [], [])
    assert read(tmp_path / "log", raw + b"\n" + raw + b"\n") == ([RECORD, RECORD], [], [])


@pytest.mark.parametrize(
    "value",
    [
        RECORD,
        {"events": [1], "more": 2},
        {"records": [1], "more": 2},
        {"records": "text"},
        {"rows": [1]},
        {},
        "text",
        {"timestamp": 1, "message": "m"},
        {"timestamp": 1, "message": "m", "id": "1", "user": "u"},
        {"kinesis": {"data": "eA=="}, "user": "u", "action": "a"},
        {"data": 1},
        {"logEvents": []},
    ],
)
def test_a_record_is_not_opened(value: Any) -> None:
    assert unwrapped(value, LIMIT) is None


def test_a_control_message_holds_nothing_and_is_no_problem(tmp_path: Path) -> None:
    control = subscription("CWL CONTROL MESSAGE: Checking health of destination Firehose.", kind="CONTROL_MESSAGE")
    raw = orjson.dumps(control) + orjson.dumps(subscription(text(RECORD)))  # Firehose puts nothing between them
    assert read(tmp_path / "log", raw) == ([RECORD], [], [])


def test_an_export_task_s_file_has_a_time_before_each_record(tmp_path: Path) -> None:
    line = f"2026-03-02T08:00:00.000Z {text(RECORD)}\n"
    raw = gzip.compress((line + "2026-03-02T08:00:01.000Z START RequestId: 1\n" + line).encode(), mtime=0)
    values, rejects, codes = read(tmp_path / "000000.gz", raw)
    assert (values, codes) == ([RECORD, RECORD], ["log-not-json"])
    assert [line for line, _ in rejects] == [2]


def test_a_truncated_last_line_costs_only_itself(tmp_path: Path) -> None:
    whole = f"2026-03-02T08:00:00.000Z {text(RECORD)}\n".encode()
    values, rejects, _ = read(tmp_path / "log", whole * 3 + whole[:60])
    assert (len(values), [line for line, _ in rejects]) == (3, [4])


def test_a_truncated_export_gives_the_events_before_the_break(tmp_path: Path) -> None:
    raw = json.dumps({"events": [event(text(RECORD)) for _ in range(5)]}, indent=4).encode()
    values, rejects, codes = read(tmp_path / "log", raw[:-80])
    assert (len(values), len(rejects), codes) == (4, 1, ["log-not-json"])


def test_a_message_that_is_no_json_costs_only_itself(tmp_path: Path) -> None:
    export = {"events": [event("START RequestId: 1"), event(text(RECORD)), event(text(RECORD)[:-9])]}
    values, rejects, codes = read(tmp_path / "log", orjson.dumps(export))
    assert (values, len(rejects), set(codes)) == ([RECORD], 2, {"log-not-json"})


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("no base64!", "log-corrupt"),
        (packed(subscription(text(RECORD)))[:40], "log-truncated"),
        (base64.b64encode(b"\x1f\x8b\x08\0" + b"x" * 50).decode(), "log-corrupt"),
        (packed(b" " * (LIMIT + 1)), "log-too-large"),
    ],
)
def test_data_that_can_t_be_decoded_says_why(data: str, code: str, tmp_path: Path) -> None:
    with pytest.raises(NotReadableError) as caught:
        unwrapped({"awslogs": {"data": data}}, LIMIT)
    assert caught.value.code == code
    raw = orjson.dumps({"Records": [{"Data": data}, RECORD]})
    values, rejects, codes = read(tmp_path / "log", raw)
    assert (values, len(rejects), codes) == ([RECORD], 1, [code])


def test_envelopes_in_one_another_without_end_are_left_out(tmp_path: Path) -> None:
    value: Any = RECORD
    for _ in range(12):
        value = subscription(text(value))
    values, rejects, _ = read(tmp_path / "log", orjson.dumps(value) + b"\n" + orjson.dumps(RECORD))
    assert values == [RECORD]
    assert rejects == [(1, "more than 6 envelopes in one another")]


def test_a_large_message_among_others_is_left_out_alone(tmp_path: Path) -> None:
    large = {**RECORD, "input": "x" * LIMIT}
    for raw in (
        orjson.dumps({"Records": [RECORD, large, RECORD]}),
        json.dumps({"events": [event(text(RECORD)), event(text(large)), event(text(RECORD))]}, indent=1).encode(),
        b"\n".join(map(orjson.dumps, (RECORD, large, RECORD))),
    ):
        values, rejects, codes = read(tmp_path / "log", raw)
        assert (values, len(rejects), codes) == ([RECORD, RECORD], 1, ["log-too-large"])
