"""The eval functions: numbers of arguments, result types and implementations.

Arguments are already evaluated. A bool is always a JSON boolean from json_extract. Unless documented otherwise, a null
argument gives null. The lazy functions (if, case, coalesce, ...) are in evaluate.py.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from sigmagen.engines.spl import json_values, regex, times
from sigmagen.engines.spl.values import Scalar, Value, from_values, to_number, to_text, values_of

MANY = 1_000


class DataError(ValueError):
    """Splunk documents no result for these values."""


@dataclass(frozen=True, slots=True)
class Function:
    """An eval function. `work` takes the arguments; a `condition` returns bool; `nulls` accepts null arguments."""

    least: int
    most: int
    work: Callable[..., Any]
    condition: bool = False
    nulls: bool = False


def one(value: Value) -> Scalar:
    """Return a value that must be a single value."""
    if type(value) is list:
        raise DataError("the result for several values is not documented")
    if type(value) is bool:
        raise DataError("the result for a boolean of json_extract is not documented; use tostring()")
    scalar: Scalar = value
    return scalar


def text(value: Value) -> str:
    """Return a single value as text."""
    return to_text(one(value))


def number(value: Value) -> float | None:
    """Return a single value as a number; None if it is not numeric."""
    return to_number(one(value))


def whole(value: Value) -> int:
    """Return a single value as a whole number."""
    found = number(value)
    if found is None or not found.is_integer():
        raise DataError(f"expected a whole number, found {value!r}")
    return int(found)


def _rounded(value: Value, digits: Value = 0.0) -> float | None:
    """Round half away from zero."""
    found, scale = number(value), 10.0 ** whole(digits)
    return None if found is None else math.copysign(math.floor(abs(found) * scale + 0.5) / scale, found)


def _numeric(work: Callable[[float], float]) -> Callable[[Value], float | None]:
    def apply(value: Value) -> float | None:
        found = number(value)
        return None if found is None else float(work(found))

    return apply


def _substring(value: Value, start: Value, length: Value = None) -> str:
    """Return a substring. Positions count from 1, negative ones from the end."""
    whole_text, first = text(value), whole(start)
    if first == 0:
        raise DataError("positions of substr start at 1; 0 is not documented")
    begin = first - 1 if first > 0 else max(0, len(whole_text) + first)
    return whole_text[begin:] if length is None else whole_text[begin : begin + max(0, whole(length))]


def _to_number(value: Value, base: Value = 10.0) -> float | None:
    radix = whole(base)
    if radix == 10:
        return number(value)
    try:
        return float(int(text(value), radix))
    except ValueError:
        return None


@lru_cache(maxsize=256)
def _network(cidr: str) -> Any:
    try:
        return ipaddress.ip_network(cidr, strict=False)
    except ValueError:
        raise DataError(f"not a CIDR block: {cidr!r}") from None


def _in_network(cidr: Value, address: Value) -> bool:
    network = _network(text(cidr))
    try:
        return ipaddress.ip_address(text(address)) in network
    except ValueError:
        return False


def _element(value: Value, start: Value, end: Value = None) -> Value:
    values = values_of(value)
    first = whole(start)
    first = first + len(values) if first < 0 else first
    if end is None:
        return values[first] if 0 <= first < len(values) else None
    last = whole(end)
    last = last + len(values) if last < 0 else last
    return from_values(values[max(first, 0) : last + 1])


def _range(start: Value, end: Value, step: Value = 1.0) -> Value:
    first, last, by = number(start), number(end), number(step)
    if first is None or last is None or by is None:
        return None
    if by <= 0:
        raise DataError("mvrange needs a positive step")
    return from_values([first + index * by for index in range(max(0, math.ceil((last - first) / by)))])


def _split(value: Value, delimiter: Value) -> Value:
    by = text(delimiter)
    return from_values(list(text(value)) if by == "" else text(value).split(by))


def _find(value: Value, pattern: Value) -> float | None:
    search = regex.compiled(text(pattern)).search
    return next((float(at) for at, item in enumerate(values_of(value)) if search(to_text(item))), None)


def _texts(value: Value) -> list[str]:
    return [to_text(item) for item in values_of(value)]


def _append(*values: Value) -> Value:
    return from_values([item for value in values for item in values_of(value)])


def _extract(value: Value, *paths: Value) -> Value:
    if len(paths) > 1:
        raise DataError("json_extract with several paths is not supported")
    return json_values.extract(text(value), text(paths[0]) if paths else "")


def _shown(value: Value) -> str:
    """Return text; a boolean is True or False."""
    return str(value) if type(value) is bool else text(value)


def _elements(value: Value, keep_quotes: bool = False) -> Value:
    found = json_values.array_to_values(text(value), keep_quotes)
    return None if found is None else from_values(found)


def _keys(value: Value) -> str | None:
    found = json_values.parse_json(text(value))
    return json_values.dump_json(list(found)) if isinstance(found, dict) else None


def _digest(name: str) -> Callable[[Value], str]:
    return lambda value: hashlib.new(name, text(value).encode(), usedforsecurity=False).hexdigest()


def _sorted_texts(values: Sequence[str]) -> list[str]:
    """Sort lexicographically, which is by code point."""
    return sorted(values)


FUNCTIONS: dict[str, Function] = {
    # Comparison and conditional functions.
    "isnull": Function(1, 1, lambda value: value is None, condition=True, nulls=True),
    "isnotnull": Function(1, 1, lambda value: value is not None, condition=True, nulls=True),
    "isnum": Function(1, 1, lambda value: number(value) is not None, condition=True),
    "like": Function(2, 2, lambda value, by: bool(regex.like(text(by)).fullmatch(text(value))), condition=True),
    "match": Function(2, 2, lambda value, by: bool(regex.compiled(text(by)).search(text(value))), condition=True),
    "cidrmatch": Function(2, 2, _in_network, condition=True),
    "null": Function(0, 0, lambda: None),
    "true": Function(0, 0, lambda: True, condition=True),
    "false": Function(0, 0, lambda: False, condition=True),
    # Text functions.
    "lower": Function(1, 1, lambda value: text(value).lower()),
    "upper": Function(1, 1, lambda value: text(value).upper()),
    "len": Function(1, 1, lambda value: float(len(text(value)))),
    "substr": Function(2, 3, _substring),
    "replace": Function(3, 3, lambda value, by, to: regex.replace(text(value), text(by), text(to))),
    "urldecode": Function(1, 1, lambda value: unquote(text(value))),
    "trim": Function(1, 1, lambda value: text(value).strip(" \t")),
    "ltrim": Function(1, 1, lambda value: text(value).lstrip(" \t")),
    "rtrim": Function(1, 1, lambda value: text(value).rstrip(" \t")),
    # Mathematical functions.
    "floor": Function(1, 1, _numeric(math.floor)),
    "ceil": Function(1, 1, _numeric(math.ceil)),
    "ceiling": Function(1, 1, _numeric(math.ceil)),
    "abs": Function(1, 1, _numeric(abs)),
    "round": Function(1, 2, _rounded),
    # Conversion functions.
    "tonumber": Function(1, 2, _to_number),
    "tostring": Function(1, 1, _shown),
    # Cryptographic functions.
    "md5": Function(1, 1, _digest("md5")),
    "sha1": Function(1, 1, _digest("sha1")),
    "sha256": Function(1, 1, _digest("sha256")),
    "sha512": Function(1, 1, _digest("sha512")),
    # Multivalue functions.
    "mvindex": Function(2, 3, _element),
    "mvrange": Function(2, 3, _range),
    "mvjoin": Function(2, 2, lambda value, by: text(by).join(_texts(value))),
    "mvsort": Function(1, 1, lambda value: from_values(_sorted_texts(_texts(value)))),
    "mvdedup": Function(1, 1, lambda value: from_values(list(dict.fromkeys(_texts(value))))),
    "mvcount": Function(1, 1, lambda value: float(len(values_of(value)))),
    "mvappend": Function(1, MANY, _append, nulls=True),
    "mvfind": Function(2, 2, _find),
    "split": Function(2, 2, _split),
    # JSON functions.
    "json_extract": Function(1, MANY, _extract),
    "json_extract_exact": Function(2, 2, lambda value, key: json_values.extract_exact(text(value), text(key))),
    "json_array_to_mv": Function(1, 2, _elements),
    "json_keys": Function(1, 1, _keys),
    "json_valid": Function(
        1, 1, lambda value: json_values.parse_json(text(value)) is not json_values.MISSING, condition=True
    ),
    # Date and time functions.
    "strftime": Function(2, 2, lambda time, form: times.format_time(number(time), text(form))),
    "strptime": Function(2, 2, lambda value, form: times.parse_time(text(value), text(form))),
}
