"""JSON text to values, and what can be told of a text before it is read."""

from __future__ import annotations

import json
import math
from typing import Any

import orjson


class NotReadableError(Exception):
    """Text that is no record; `column` counts from 1 where it is known."""

    def __init__(self, code: str, reason: str, column: int | None = None) -> None:
        self.code = code
        self.reason = reason
        self.column = column
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


def is_object(raw: bytes) -> bool:
    """Whether a line is a JSON object by itself."""
    if not raw.startswith(b"{") or not raw.endswith(b"}"):
        return False
    try:
        return isinstance(loads(raw)[0], dict)
    except NotReadableError:
        return False


def size_text(size: int) -> str:
    """Bytes in words.

    >>> size_text(16 * 1024 * 1024), size_text(1500)
    ('16 MB', '1,500 bytes')
    """
    for unit, factor in (("MB", 1024 * 1024), ("kB", 1024)):
        if size >= factor and size % factor == 0:
            return f"{size // factor:,} {unit}"
    return f"{size:,} bytes"
