"""Lines that the engine reads mean what the reader of records makes of them, hostile ones too."""

from __future__ import annotations

import gzip
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from sigmagen.engines.duckdb import DuckDBEngine
from sigmagen.local.detect import Detector
from sigmagen.local.detection import Rule
from sigmagen.logs.chunks import ChunkReader
from sigmagen.logs.recognise import Recogniser
from sigmagen.sources import render
from sigmagen.sources.call import Call
from tests.local.rule_files import correlations
from tests.native_logs import converter
from tests.rule_builders import MINUTE, T0, base

RULES: list[Rule] = [*correlations().values(), base("{user.id: ann, organization.id: x}")]


def call(number: int, source: str = "litellm", **changes: Any) -> dict[str, Any]:
    """A record, with some of its values changed."""
    value = render(source, Call(time=T0 + number * MINUTE, id=f"c-{number}", principal=f"user-{number % 3}"))
    assert value is not None
    return value | changes


def line(number: int, source: str = "litellm", **changes: Any) -> bytes:
    return orjson.dumps(call(number, source, **changes))


def turned(number: int) -> bytes:
    """A record with its keys the other way round."""
    return json.dumps(dict(reversed(call(number).items()))).encode()


def canonical(**fields: Any) -> bytes:
    return json.dumps({"@timestamp": "2026-08-11T00:00:00.123Z", "event.outcome": "success"} | fields).encode()


def with_text(number: int, text: bytes) -> bytes:
    """A record whose model is what is given, as it stands."""
    return line(number, model="MODEL").replace(b'"MODEL"', text)


ODD: list[Any] = [1, "1", 1.5, True, None, [1], {"a": 1}, "x", -3, ""]
ODD_TIMES: list[Any] = [T0 / 1000, "2026-08-11 10:00:00.5+02:00", "soon", None, 1e300, -1, {}, "1786406400"]
ODD_OBJECTS: list[Any] = [None, "text", [], {"user_api_key_user_id": 5}]
CASES: dict[str, list[bytes]] = {
    "types that change": [
        *(line(n, prompt_tokens=value) for n, value in enumerate(ODD)),
        *(line(20 + n, metadata=value) for n, value in enumerate(ODD_OBJECTS)),
    ],
    "times that change": [
        *(line(n, startTime=value) for n, value in enumerate(ODD_TIMES)),
    ],
    "duplicate keys": [with_text(1, b'"a","model":"b"'), with_text(2, b'"a","messages":1,"messages":[]')],
    "NUL": [with_text(1, b'"\\u0000"'), with_text(2, b'"a\x00b"'), b"\x00", line(3)],
    "lone surrogates": [
        with_text(1, b'"a\\ud800b"'),
        with_text(2, b'"\\udc00\\ud83d"'),
        with_text(3, b'"\\ud83d\\ude00"'),
    ],
    "bad UTF-8": [line(1), with_text(2, b'"\xff"'), with_text(3, b'"\xed\xa0\x80"'), line(4), with_text(5, b'"\xc3"')],
    "numbers that are none": [
        with_text(n, text)
        for n, text in enumerate(
            [b"NaN", b"-Infinity", b"[NaN , 1]", b'"NaN"', b'{"a":Infinity}', b"nan", b"-inf", b"[INF]", b'", inf, "']
        )
    ],
    "numbers that are large": [
        line(n, prompt_tokens=0).replace(b'"prompt_tokens":0', b'"prompt_tokens":' + text)
        for n, text in enumerate([b"9" * 18, b"9" * 19, b"9" * 25, b"1e18", b"1e400", b"-1e400", b"1.5e3", b"00"])
    ],
    "broken lines": [
        line(1),
        line(2)[:-1],
        line(3) + b",",
        line(4)[:-1] + b",}",
        b"{",
        b"x",
        b'"text"',
        b"12",
        b"[]",
        b"[1]",
        b"null",
        line(5) + b" x",
        b"/* c */" + line(6),
        with_text(7, b'"a\tb"'),
        with_text(8, b"'a'"),
        line(9),
    ],
    "whitespace": [
        b"",
        b"   ",
        b" \t" + line(1) + b" \r",
        b"\x0b" + line(2),
        b"\xef\xbb\xbf" + line(3),
        b"\r",
        line(4),
    ],
    "several in a line": [line(1) + line(2), b"[" + line(3) + b"," + line(4) + b"]", line(5)],
    "envelopes": [
        orjson.dumps({"Records": [call(1), call(2)]}),
        orjson.dumps({"records": [call(3)], "x": 1}),
        orjson.dumps({"id": "1", "timestamp": 1, "message": line(4).decode()}),
        line(5, Records=None),
        line(6, message="x", data=[1]),
        b"2026-08-11T10:00:00Z " + line(7),
    ],
    "sources side by side": [
        *(line(n, name) for n in range(4) for name in ("litellm", "apim", "bedrock_invocation")),
        b'{"unknown": 1}',
        canonical(**{"user.id": "ann"}),
        b'{"call_type": null, "startTime": 1, "model": "x"}',
        b'{"category": "Other", "correlationId": "x", "properties": {}}',
        b'{"schemaType": "ModelInvocationL\\u006fg", "timestamp": "2026-08-11T00:00:00Z"}',
    ],
    "deliveries": [
        line(1),
        line(1),
        turned(1),
        line(2),
        line(1, model="other"),
        turned(2),
        line(1, model="other"),
        orjson.dumps({"Records": [call(2), call(3)]}),
        line(3),
        line(4, id=None),
        line(4, id=None),
        line(5, id=""),
        line(5, id=""),
        line(6, id="\u00e9"),
        line(6, id="MARK").replace(b"MARK", b"\\u00e9"),
        line(7, id=1),
        line(7, id=True),
    ],
    "canonical events": [
        canonical(**{"event.id": "1", "user.id": "ann"}),
        canonical(event={"id": "2"}, user={"id": "bob"}),
        canonical(event={"id": "2"}, user={"id": "bob"}),
        canonical(**{"event.id": "3", "gen_ai.request.logit_bias": {"5": 1}}),
        b'{"@timestamp": "2026-08-11T00:00:00Z", "event": {"outcome": "failure", "action": "login"}}',
        b'{"@timestamp": "", "event.outcome": "x"}',
    ],
    "without a time": [
        line(1, startTime="soon"),
        line(2),
        line(3, startTime=None, id="x"),
        line(3, startTime=None, id="x"),
    ],
}


def rows(detector: Detector, source: str) -> list[str]:
    """What the rules see of a source."""
    detector.engine.select(detector.sources[source])
    found = detector.engine.connection.execute(f'SELECT * FROM "{source}"').fetchall()
    return sorted(map(repr, found))


def outcome(
    read: Callable[[Detector, ChunkReader, Recogniser], None], path: Path, source: str | None
) -> dict[str, Any]:
    """Everything that a way of reading leads to."""
    chosen = converter().sources[source] if source else None
    rejects: list[Any] = []
    reader = ChunkReader([str(path)], rejects.append)
    recogniser = Recogniser(converter().sources.values(), chosen)
    with DuckDBEngine() as engine:
        detector = Detector(converter(), engine)
        read(detector, reader, recogniser)
        detector.run(RULES)
        problems = [*reader.problems, *recogniser.problems, *detector.problems]
        return {
            "problems": sorted((item.code, item.line or 0, item.column or 0, item.message) for item in problems),
            "rejects": sorted((item.line, item.reason, item.text) for item in rejects),
            "counts": dict(recogniser.counts),
            "left out": recogniser.left_out,
            "dropped": dict(+detector.repeats.dropped),
            "reused": dict(+detector.repeats.reused),
            "rows": {name: rows(detector, name) for name in sorted(detector.sources)},
        }


def one_by_one(detector: Detector, reader: ChunkReader, recogniser: Recogniser) -> None:
    detector.load(recogniser.sort(reader))


def by_engine(detector: Detector, reader: ChunkReader, recogniser: Recogniser) -> None:
    detector.read(reader, recogniser, RULES)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("source", [None, "litellm"])
def test_the_engine_reads_what_the_reader_of_records_reads(name: str, source: str | None, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(line(100) + b"\n" + b"\n".join([*CASES[name], line(101)]))
    expected = outcome(one_by_one, path, source)
    assert outcome(by_engine, path, source) == expected
    assert expected["counts"]


@pytest.mark.sampled(2)
@pytest.mark.parametrize("size", [1, 700, 5000])
def test_where_chunks_are_cut_does_not_matter(size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"\n".join(part for case in CASES.values() for part in case))
    expected = outcome(one_by_one, path, None)
    monkeypatch.setattr("sigmagen.logs.chunks.CHUNK_SIZE", size)
    assert outcome(by_engine, path, None) == expected
    zipped = tmp_path / "log.gz"
    zipped.write_bytes(gzip.compress(path.read_bytes()))
    assert outcome(by_engine, zipped, None)["rows"] == expected["rows"]


def test_pipes_are_read_as_files_are(tmp_path: Path) -> None:
    content = b"\n".join(part for case in CASES.values() for part in case)
    path, pipe = tmp_path / "log", tmp_path / "pipe"
    path.write_bytes(content)
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(content,))
    writer.start()
    found = outcome(by_engine, pipe, None)
    writer.join()
    assert found == outcome(one_by_one, path, None)


def test_files_that_are_not_lines_are_read_record_by_record(tmp_path: Path) -> None:
    for number, content in enumerate(
        [
            b"",
            json.dumps([call(1), call(2)], indent=1).encode(),
            "\ufeff{}".encode("utf-16"),
            gzip.compress(line(1) + b"\n" + line(2) + b"\n" + b"x" * 100_000)[:-20],
            line(1) + b"\n" + b'{"a": "' + b"x" * (5 * 1024 * 1024) + b'"}' + b"\n" + line(2),
        ]
    ):
        path = tmp_path / f"{number}.log"
        path.write_bytes(content)
        assert outcome(by_engine, path, None) == outcome(one_by_one, path, None)


def test_a_broken_line_among_many_is_reported_with_its_number(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"\n".join([*[line(1)] * 30_000, b'{"broken', *[line(2)] * 30_000]))
    found = outcome(by_engine, path, None)
    assert [problem[:2] for problem in found["problems"]] == [("log-not-json", 30_001)]
    assert found["dropped"] == {"litellm": 59_998}


def test_many_small_files_keep_their_names_and_lines(tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"{number:02}.log").write_bytes(line(number) + b"\n" + (b"x\n" if number % 10 == 7 else b""))
    reader = ChunkReader([str(tmp_path)])
    with DuckDBEngine() as engine:
        detector = Detector(converter(), engine)
        recogniser = Recogniser(converter().sources.values())
        detector.read(reader, recogniser, RULES)
    assert recogniser.counts == {"litellm": 30}
    assert [(Path(str(item.file)).name, item.line) for item in reader.problems] == [
        ("07.log", 2),
        ("17.log", 2),
        ("27.log", 2),
    ]
