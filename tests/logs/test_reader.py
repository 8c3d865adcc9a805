"""Records out of logs, in constant memory, with all that could not be read."""

from __future__ import annotations

import gzip
import random
import tracemalloc
from collections import Counter
from pathlib import Path

import orjson
import pytest

from sigmagen.logs.reader import LogReader, Reject


def read(path: Path) -> tuple[list[tuple[int, dict[str, object]]], LogReader, list[Reject]]:
    rejects: list[Reject] = []
    reader = LogReader([str(path)], rejects.append)
    return [(record.line, record.value) for record in reader], reader, rejects


def test_each_record_has_the_line_that_it_starts_at(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text('\n[\n  {"a": 1,\n   "b": 2},\n\n  {"a": 3}\n]\n')
    records, reader, _ = read(path)
    assert records == [(3, {"a": 1, "b": 2}), (6, {"a": 3})]
    assert not reader.problems


def test_a_record_s_text_is_its_own_json(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text('{"Records": [{"a": 1}, {"b": "\u00e9"}]}\n')
    assert [orjson.loads(record.text) for record in LogReader([str(path)])] == [{"a": 1}, {"b": "\u00e9"}]


def test_records_before_and_after_a_broken_line_are_read(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b'{"a": 1}\n{"a": \n\xff\n{"a": 2}\n')
    records, reader, rejects = read(path)
    assert records == [(1, {"a": 1}), (4, {"a": 2})]
    assert [(problem.code, problem.line) for problem in reader.problems] == [("log-not-json", 2), ("log-not-utf8", 3)]
    assert [(reject.line, reject.text) for reject in rejects] == [(2, '{"a":'), (3, "\N{REPLACEMENT CHARACTER}")]


def test_the_elements_of_an_array_before_its_break_are_read(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text('[\n{"a": 1},\n{"a": 2},\n{"a": 3,\n')
    records, reader, rejects = read(path)
    assert records == [(2, {"a": 1}), (3, {"a": 2})]
    (problem,) = reader.problems
    assert (problem.code, problem.line) == ("log-not-json", 4)
    assert len(rejects) == 1


def test_a_cut_gzip_gives_the_lines_before_the_cut(tmp_path: Path) -> None:
    path = tmp_path / "log.gz"
    noise = random.Random(1)
    # lines that hardly compress, so that the cut leaves a part that can be decompressed
    lines = [orjson.dumps({"number": number, "noise": noise.getrandbits(60)}) for number in range(5000)]
    path.write_bytes(gzip.compress(b"\n".join(lines))[:-5000])
    records, reader, rejects = read(path)
    assert 1000 < len(records) < 5000
    assert [value["number"] for _, value in records] == list(range(len(records)))
    assert reader.problems[-1].code == "log-truncated"
    assert rejects[-1].line == reader.problems[-1].line == len(records) + 1


def test_a_folder_that_is_opened_as_a_log_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.touch()
    reader = LogReader([str(path)])
    path.unlink()
    path.mkdir()
    assert not list(reader)
    assert (reader.problems[0].code, reader.problems[0].file) == ("log-unreadable", str(path))


def test_the_position_reaches_the_size(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text('{"a": 1}\n' * 100)
    reader = LogReader([str(tmp_path / "a"), str(tmp_path / "b")])
    positions = []
    for _ in reader:
        positions.append(reader.position)
    assert positions == sorted(positions)
    assert reader.position == reader.size == 1800


@pytest.mark.parametrize("zipped", [False, True])
def test_a_log_of_lines_is_read_in_constant_memory(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "log"
    line = orjson.dumps({"text": "x" * 1000}) + b"\n"
    content = line * 20_000
    path.write_bytes(gzip.compress(content, 1) if zipped else content)
    tracemalloc.start()
    try:
        count = sum(1 for _ in LogReader([str(path)]))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 20_000
    assert peak < 2_000_000 < len(content)


def test_a_line_over_the_limit_is_a_reject_and_the_others_are_read_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "log.gz"
    large = b'{"prompt": "' + b"x" * 60_000_000 + b'"}'
    path.write_bytes(gzip.compress(b'{"a": 1}\n' + large + b'\n{"a": 2}\n', 1))
    del large
    rejects: list[Reject] = []
    tracemalloc.start()
    try:
        reader = LogReader([str(path)], rejects.append)
        values = [(record.line, record.value) for record in reader]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert values == [(1, {"a": 1}), (3, {"a": 2})]
    assert [(problem.code, problem.line) for problem in reader.problems] == [("log-too-large", 2)]
    assert [(reject.line, reject.text[:12]) for reject in rejects] == [(2, '{"prompt": "')]
    assert peak < 45_000_000


def test_an_envelope_on_one_long_line_is_read_record_by_record(tmp_path: Path) -> None:
    path = tmp_path / "log.gz"
    element = orjson.dumps({"text": "x" * 1000})
    path.write_bytes(gzip.compress(b'{"Records": [' + b",".join([element] * 30_000) + b"]}\n" + element, 1))
    tracemalloc.start()
    try:
        lines = Counter(record.line for record in LogReader([str(path)]))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert lines == {1: 30_000, 2: 1}
    assert peak < 15_000_000


def test_files_that_were_joined_may_each_begin_with_a_mark(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}\n\xef\xbb\xbf{"a": 2}\n')
    records, reader, _ = read(path)
    assert (records, reader.problems) == ([(1, {"a": 1}), (2, {"a": 2})], [])
