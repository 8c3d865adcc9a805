"""JSON text to values: what strict readers refuse is mended, what is no record says where it stops."""

from __future__ import annotations

import json

import pytest

from sigmagen.logs.parse import NotReadableError, dumps, loads, spans_lines


@pytest.mark.parametrize(
    ("raw", "value", "text"),
    [
        (b'{"a": 1}', {"a": 1}, '{"a": 1}'),
        (b'{"a": "\\ud83d"}', {"a": "\ud83d"}, '{"a": "?"}'),
        (b'{"a": NaN, "b": -Infinity}', {"a": None, "b": None}, '{"a": null, "b": null}'),
        (b'{"a": 1e999}', {"a": None}, '{"a": null}'),
    ],
)
def test_what_only_strict_readers_refuse_is_mended(raw: bytes, value: object, text: str) -> None:
    found, said = loads(raw)
    assert (found, said) == (value, text)


@pytest.mark.parametrize(
    ("raw", "code", "column"),
    [
        (b'{"a": }', "log-not-json", 7),
        (b'{"a": 1} {"b": 2}', "log-not-json", 10),
        (b'{"a": "\xff"}', "log-not-utf8", 8),
        (b"[" * 100_000, "log-not-json", None),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "log-not-json", None),
    ],
)
def test_what_is_no_json_says_where(raw: bytes, code: str, column: int | None) -> None:
    with pytest.raises(NotReadableError) as caught:
        loads(raw)
    assert caught.value.code == code
    assert column is None or caught.value.column == column


def test_values_that_were_read_can_be_written() -> None:
    assert dumps({"a": [1, None]}) == '{"a":[1,null]}'
    assert json.loads(dumps({"a": "\ud83d", "b": 2**70})) == {"a": "?", "b": 2**70}


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (b'{"a": 1}', b'{"a": 2}', False),
        (b"{", b'"a": 1', True),
        (b"[", b'{"a": 1},', True),
        (b'[{"a": 1},', b'{"a": 2}]', True),
        (b'{"a": 1, "cut', b'{"a": 2}', False),
        (b"text", b"{", False),
        (b"{", None, False),
    ],
)
def test_a_document_over_lines_is_told_by_its_first_two(first: bytes, second: bytes | None, expected: bool) -> None:
    assert spans_lines(first, second) is expected
