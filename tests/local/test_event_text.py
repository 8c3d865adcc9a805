"""The engine writes JSON exactly as orjson does."""

from __future__ import annotations

import random
import struct
from datetime import datetime

import duckdb
import orjson
import pytest

from sigmagen.local.event_text import event_sql, float_sql, text_sql
from sigmagen.mapping.taxonomy import Field


def texts() -> list[str]:
    draw = random.Random(20_260_811)
    alphabet = [
        *map(chr, range(0x30)),
        '"',
        "\\",
        "/",
        "\x7f",
        "\x85",
        "é",
        "\u2028",
        "\ufffe",
        "😀",
        "e\u0301",
        "u001F",
    ]
    made = ["".join(draw.choices(alphabet, k=draw.randint(0, 12))) for _ in range(3_000)]
    return [*made, "\\u001f", "\\\x1f\\", "\x1f\x1f", "\r\n\x0b\r\n", "", "\0", "<&>", "a" * 70_000]


def floats() -> list[float]:
    draw = random.Random(20_260_811)
    made = [struct.unpack("<d", draw.randbytes(8))[0] for _ in range(20_000)]
    made += [draw.uniform(-10, 10) * 10.0 ** draw.randint(-12, 24) for _ in range(20_000)]
    known = [0.0, -0.0, 0.7, 1e15, 9999999999999998.0, 1e16, 1e17, 1e22, 1e23, 5e-324, 1.7e308, 1e-5, 9e-6, 1e-7]
    return [*made, *known, float("nan"), float("inf"), float("-inf")]


@pytest.mark.parametrize(("values", "kind", "sql"), [(texts(), "VARCHAR", text_sql), (floats(), "DOUBLE", float_sql)])
def test_value_is_written_as_orjson_writes_it(values: list[object], kind: str, sql: object) -> None:
    assert callable(sql)
    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT {sql('x')} FROM (SELECT unnest($1::{kind}[]) AS x)", [values]).fetchall()
    wrong = [
        (value, row[0]) for value, row in zip(values, found, strict=True) if orjson.dumps(value).decode() != row[0]
    ]
    assert wrong == []


def test_empty_fields_are_left_out_and_keys_are_in_the_order_asked_for() -> None:
    fields = (
        Field("b.text", "string", (), ""),
        Field("a.number", "integer", (), ""),
        Field("c.flag", "boolean", (), ""),
        Field("A.share", "float", (), ""),
    )
    row = """TIMESTAMP '2026-08-11 09:20:00.125' AS "@timestamp", """
    with duckdb.connect() as connection:

        def written(values: str, *, ordered: bool) -> str:
            sql = f"SELECT {event_sql(fields, ordered=ordered)} FROM (SELECT {row}{values})"
            return str(connection.execute(sql).fetchall()[0][0])

        full = """ 'x' AS "b.text", 0 AS "a.number", false AS "c.flag", 0.5::DOUBLE AS "A.share" """
        empty = """ '' AS "b.text", NULL AS "a.number", NULL AS "c.flag", NULL::DOUBLE AS "A.share" """
        for ordered in (False, True):
            event = {"@timestamp": "2026-08-11T09:20:00.125Z"}
            assert written(empty, ordered=ordered) == orjson.dumps(event).decode()
            event |= {"b.text": "x", "a.number": 0, "c.flag": False, "A.share": 0.5}  # type: ignore[dict-item]
            option = orjson.OPT_SORT_KEYS if ordered else None
            assert written(full, ordered=ordered) == orjson.dumps(event, option=option).decode()
    assert datetime.fromisoformat("2026-08-11T09:20:00.125Z").microsecond == 125_000
