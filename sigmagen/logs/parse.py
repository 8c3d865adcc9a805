"""JSON text to records: one a line, an array, an envelope of cloud exports, or documents spread over lines."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

import orjson

_DECODER = json.JSONDecoder()
_BETWEEN = re.compile(r"[\s,]*")
_OPENING = re.compile(r'\[|\{\s*"[Rr]ecords"\s*:\s*\[')
_CLOSING = re.compile(r"\]\s*\}?")


class NotReadableError(Exception):
    """Text that is no record; `column` counts from 1 where it is known, `at` is the offset in a document."""

    def __init__(self, code: str, reason: str, column: int | None = None, at: int = 0) -> None:
        self.code = code
        self.reason = reason
        self.column = column
        self.at = at
        super().__init__(reason)


def loads(raw: bytes) -> tuple[Any, str]:
    """A JSON value, and text of it that every strict reader takes.

    What only strict readers refuse is mended rather than lost, because a caller can put it into a prompt: a lone
    surrogate becomes "?", a number that is none (NaN) or too large becomes null. Raises NotReadableError.
    """
    try:
        return orjson.loads(raw), raw.decode()
    except orjson.JSONDecodeError as error:
        strict = error
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise NotReadableError("log-not-utf8", f"not UTF-8 text: {error.reason}", error.start + 1) from None
    try:
        value = json.loads(text, parse_constant=lambda _: None, parse_float=_finite)
    except RecursionError:
        raise NotReadableError("log-not-json", "nested too deep") from None
    except ValueError:
        raise NotReadableError("log-not-json", f"not JSON: {strict.msg.split(':')[0]}", strict.colno) from None
    return value, json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode()


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def dumps(value: Any) -> str:
    """Compact JSON text of a value that `loads` gave."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # a lone surrogate, or an integer of more than 64 bits
        return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode()


def unwrapped(value: Any) -> list[Any] | None:
    """The elements of an array or of an envelope, `{"Records": [...]}` (CloudTrail) or `{"records": [...]}` (Azure)."""
    if isinstance(value, dict) and len(value) == 1:
        value = value.get("Records", value.get("records"))
    return value if isinstance(value, list) else None


def spans_lines(first: bytes, second: bytes | None) -> bool:
    """Whether a file that begins with these two lines is a document spread over lines, not a record a line."""
    if second is None or not first.startswith((b"{", b"[")):
        return False
    try:
        loads(first)
    except NotReadableError:
        # The first of many one-line records may be broken itself: then the second one starts a record all the same.
        return first.startswith(b"[") or first.endswith((b"[", b"{", b",", b":")) or not second.startswith(b"{")
    return False


def values(text: str) -> Iterator[tuple[int, str]]:
    """(offset, JSON text) of every element of the arrays, envelopes and objects in a text.

    Raises NotReadableError where it stops being JSON; the elements before that have been given.
    """
    position = _past(text, 0)
    depth = 0
    while position < len(text):
        if opening := _OPENING.match(text, position):
            position, depth = opening.end(), depth + 1
        elif depth and (closing := _CLOSING.match(text, position)):
            position, depth = closing.end(), depth - 1
        else:
            start, position = position, _end(text, position)
            yield start, text[start:position]
        position = _past(text, position)
    if depth:
        raise NotReadableError("log-not-json", "the JSON array has no end; the file seems to be cut off", at=len(text))


def _past(text: str, position: int) -> int:
    between = _BETWEEN.match(text, position)
    return between.end() if between else position


def _end(text: str, position: int) -> int:
    try:
        return _DECODER.raw_decode(text, position)[1]
    except RecursionError:
        raise NotReadableError("log-not-json", "nested too deep", at=position) from None
    except json.JSONDecodeError as error:
        raise NotReadableError("log-not-json", f"not JSON: {error.msg}", error.colno, error.pos) from None
