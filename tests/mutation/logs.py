"""Random changes to logs: to records, to how they stand in a file, and to its bytes."""

from __future__ import annotations

import base64
import copy
import gzip
import json
from random import Random
from typing import Any

import orjson

from tests.mutation.documents import CHANGES, places_of

ODD_TIMES: tuple[Any, ...] = (
    0,
    -1,
    1,
    1e18,
    10**30,
    -(10**30),
    "1970-01-01T00:00:00Z",
    "0000-00-00T00:00:00Z",
    "9999-12-31T23:59:59.999999Z",
    "-290308-01-01T00:00:00Z",
    "+294247-01-10T04:00:54Z",
    "infinity",
    "-infinity",
    "epoch",
    "now",
    "2026-02-30T25:61:61Z",
    "2026-01-01T00:00:00+99:99",
    "",
    None,
    True,
    [],
)
_TIME_KEYS = ("@timestamp", "startTime", "endTime", "timestamp", "eventTime", "time", "TimeGenerated")


def mutate_records(records: list[dict[str, Any]], random: Random) -> list[Any]:
    """Copies of the records, some of them changed."""
    changed: list[Any] = copy.deepcopy(records)
    for _ in range(random.randint(1, 5)):
        position = random.randrange(len(changed))
        record = changed[position]
        places = places_of(record)
        kind = random.random()
        if kind < 0.2 and isinstance(record, dict):
            for key in _TIME_KEYS:
                if key in record:
                    record[key] = random.choice(ODD_TIMES)
        elif kind < 0.9 and places:
            random.choice(CHANGES)(random, places)
        elif kind < 0.95:
            changed[position] = random.choice((1, "text", None, [], [record], {"Records": [record]}))
        else:
            changed.append(copy.deepcopy(record))
    return changed


def write_log(records: list[Any], random: Random) -> tuple[str, bytes]:
    """A file's name and bytes: the records in one of the forms in which logs come, or almost."""
    texts = [_dump(record) for record in records]
    form = random.choice(_FORMS)
    name, data = form(texts)
    if random.random() < 0.3:
        data = _mutate_bytes(data, random)
    return name, data


def _dump(record: Any) -> bytes:
    """JSON; what orjson can't write is what Python's json writes (NaN, numbers without a limit, other keys)."""
    try:
        return orjson.dumps(record, option=orjson.OPT_NON_STR_KEYS)
    except (TypeError, orjson.JSONEncodeError):
        return json.dumps(record, default=str, skipkeys=True).encode("utf-8", "surrogatepass")


def _lines(texts: list[bytes]) -> tuple[str, bytes]:
    return "log.ndjson", b"\n".join(texts) + b"\n"


def _zipped(texts: list[bytes]) -> tuple[str, bytes]:
    return "log.ndjson.gz", gzip.compress(_lines(texts)[1], mtime=0)


def _array(texts: list[bytes]) -> tuple[str, bytes]:
    return "log.json", b"[" + b",\n".join(texts) + b"]"


def _records_envelope(texts: list[bytes]) -> tuple[str, bytes]:
    return "log.json", b'{"Records": [' + b",".join(texts) + b"]}"


def _pretty(texts: list[bytes]) -> tuple[str, bytes]:
    return "log.json", b"\n".join(json.dumps(json.loads(text), indent=2).encode() for text in texts)


def _filtered_events(texts: list[bytes]) -> tuple[str, bytes]:
    events = [
        {"logStreamName": "a", "timestamp": 1, "message": text.decode("utf-8", "replace"), "eventId": str(number)}
        for number, text in enumerate(texts)
    ]
    return "log.json", json.dumps({"events": events, "searchedLogStreams": []}).encode()


def _subscription(texts: list[bytes]) -> tuple[str, bytes]:
    events = [{"id": "1", "timestamp": 1, "message": text.decode("utf-8", "replace")} for text in texts]
    message = json.dumps({"messageType": "DATA_MESSAGE", "logGroup": "a", "logEvents": events}).encode()
    data = base64.b64encode(gzip.compress(message, mtime=0)).decode()
    return "log.json", json.dumps({"awslogs": {"data": data}}).encode()


def _exported(texts: list[bytes]) -> tuple[str, bytes]:
    lines = b"\n".join(b"2026-05-01T00:00:00.000Z " + text for text in texts)
    return "000000.gz", gzip.compress(lines, mtime=0)


def _utf16(texts: list[bytes]) -> tuple[str, bytes]:
    return "log.ndjson", _lines(texts)[1].decode("utf-8", "replace").encode("utf-16")


def _marked(texts: list[bytes]) -> tuple[str, bytes]:
    return "log.ndjson", b"\xef\xbb\xbf" + _lines(texts)[1]


_FORMS = (
    _lines,
    _lines,
    _lines,
    _zipped,
    _array,
    _records_envelope,
    _pretty,
    _filtered_events,
    _subscription,
    _exported,
    _utf16,
    _marked,
)


def _mutate_bytes(data: bytes, random: Random) -> bytes:
    at = random.randrange(len(data) + 1)
    kind = random.choice(("cut", "flip", "insert", "repeat"))
    if kind == "cut":
        return data[:at]
    if kind == "flip":
        return data[:at] + bytes([random.randrange(256)]) + data[at + 1 :]
    if kind == "insert":
        odd = (b"\x00", b"\xff\xfe", b"\n\n", b"}{", b'"', b"[" * 5_000, b"\xed\xa0\x80", b"\\ud800", b"1e999")
        return data[:at] + random.choice(odd) + data[at:]
    return data[:at] + data[: min(at, 10_000)] + data[at:]
