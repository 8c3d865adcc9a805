"""Records out of a stream of bytes, one at a time: what is broken or too large costs no other record."""

from __future__ import annotations

import io
import json
import random
from functools import partial

import pytest

from sigmagen.logs.scan import KEPT, Piece, Scanner, without_time


def scanned(text: str | bytes, size: int = 3, limit: int = 1000) -> list[Piece]:
    """The pieces of a text that comes in chunks of some bytes."""
    stream = io.BytesIO(text if isinstance(text, bytes) else text.encode())
    return list(Scanner(b"", partial(stream.read, size), limit=limit).pieces())


@pytest.mark.parametrize("size", [1, 2, 7, 64, 100_000])
def test_elements_of_arrays_and_envelopes_come_one_by_one(size: int) -> None:
    text = '[{"a": 1},\n {"a": [2, {"b": "]}\\""}]}]\n{"Records": [{"a": 3}], "more": {"x": [1]}}\n{"a": 4}{"a": 5}'
    pieces = scanned(text, size)
    assert [json.loads(piece.text)["a"] for piece in pieces] == [1, [2, {"b": ']}"'}], 3, 4, 5]
    assert [piece.line for piece in pieces] == [1, 2, 3, 4, 4]


@pytest.mark.parametrize("size", [1, 5, 1000])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[{"a": 1}, {"a": 2}', [{"a": 1}, {"a": 2}, 1]),
        ('[\n{"a": 1},\n{"a": 2,\n', [{"a": 1}, 3]),
        ('{"a": "cut off",\n{"b": 1}\n{"b": 2}\n', [1, {"b": 1}, {"b": 2}]),
        ('{"a": [1,\n{"b": 1}\n', [1, {"b": 1}]),
        ('[\n{"a": "x\n{"b": 1},\n{"b": 2}\n]\n{"b": 3}', [2, {"b": 1}, {"b": 2}, {"b": 3}]),
        ('[{"a": 1, ], {"b": 1}', [1, {"b": 1}]),
        ('{"a": ]} rest\n{"b": 1}\n', [1, {"b": 1}]),
        ('no JSON at all\n{"b": 1}\n', [1, {"b": 1}]),
        ("[" * 50 + '\n{"b": 1}\n', [1, {"b": 1}]),
        ('{"a":' * 1100 + '\n{"b": 1}\n', [1, {"b": 1}]),
        ('2026-03-02T08:00:00.000Z {"b": 1}\n2026-03-02T08:00:00.000Z {"b": 2}\n', [{"b": 1}, {"b": 2}]),
    ],
)
def test_reading_goes_on_after_what_is_broken(text: str, expected: list[object], size: int) -> None:
    pieces = scanned(text, size, limit=10_000)
    values: list[object] = []
    for piece in pieces:
        try:
            values.append(piece.line if piece.code else json.loads(piece.text))
        except ValueError:
            values.append(piece.line)
    assert values == expected


@pytest.mark.parametrize("size", [1, 64, 100_000])
def test_a_record_over_the_limit_is_passed_over_and_its_beginning_kept(size: int) -> None:
    large = json.dumps({"a": 'x\\"' * 20_000, "b": [{"c": 1}]})
    for text in (f'[{{"a": 1}},\n{large},\n{{"a": 2}}]', f'{{"a": 1}}\n{large}\n{{"a": 2}}\n'):
        first, middle, last = scanned(text, size, limit=10_000)
        assert (json.loads(first.text), json.loads(last.text)) == ({"a": 1}, {"a": 2})
        assert (middle.code, middle.line, middle.text) == ("log-too-large", 2, large.encode()[:KEPT])


def test_only_one_record_is_held() -> None:
    held = 0
    given = 0

    def more() -> bytes:
        nonlocal given, held
        held = max(held, len(scanner._data))
        given += 1
        if given > 20_000:
            return b""
        return b'{"Records": [{"a": "' if given == 1 else b"x" * 1000 + (b'"}, {"a": "' if given % 7 == 0 else b"")

    scanner = Scanner(b"", more, limit=3000)
    count = sum(1 for _ in scanner.pieces())
    assert count == 20_000 // 7 + 1
    assert held < 3000 + 10_000


def test_the_scan_of_a_line_stops_where_the_line_does() -> None:
    stream = io.BytesIO(b'{"a": 1} {"a": 2}\n{"a": 3}\n')
    scanner = Scanner(b"", partial(stream.readline, 4), limit=1000, one_line=True)
    assert [piece.text for piece in scanner.pieces()] == [b'{"a": 1}', b'{"a": 2}']
    assert (scanner.line, stream.read()) == (2, b'{"a": 3}\n')


def test_random_damage_ends_and_loses_no_byte_s_line() -> None:
    chance = random.Random(8)
    whole = b'{"Records": [{"a": "x", "b": [1, {"c": null}]},\n{"a": "y"}]}\n{"a": 1}\n'
    for _ in range(2000):
        damaged = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            damaged[chance.randrange(len(damaged))] = chance.choice(b'[]{}",:\\\n x1')
        pieces = scanned(bytes(damaged), chance.choice((1, 3, 50)), limit=chance.choice((10, 1000)))
        assert len(pieces) <= len(damaged) + 1
        assert [piece.line for piece in pieces] == sorted(piece.line for piece in pieces)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'2026-03-02T08:00:00.000Z {"a": 1}', b'{"a": 1}'),
        (b'2026-03-02T08:00:00+00:00 aws/bedrock/modelinvocations {"a": 1}', b'{"a": 1}'),
        (b"2026 something happened", b"2026 something happened"),
        (b'{"a": 1}', b'{"a": 1}'),
        (b"2026-03-02T08:00:00.000Z START RequestId: x", b"2026-03-02T08:00:00.000Z START RequestId: x"),
    ],
)
def test_the_time_before_an_exported_record_is_left_out(line: bytes, expected: bytes) -> None:
    assert without_time(line) == expected
