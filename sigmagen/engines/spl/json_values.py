"""JSON in events: what search-time extraction makes of it, and what the JSON functions return."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Any

import orjson

from sigmagen.engines.spl.values import Row, Value, from_values, to_field

_STEP = re.compile(r"(?P<key>[^.{}]+)|\{(?P<index>[0-9]*)\}")
MISSING = object()
EXTRACTION_CUTOFF = 5_000


@lru_cache(maxsize=2048)
def parsed(text: str) -> Any:
    """JSON text as Python values; MISSING where it is no JSON."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return MISSING


def dumped(value: Any) -> str:
    """JSON text. (Splunk's spacing inside of it is not documented.)"""
    return orjson.dumps(value).decode()


def extracted(raw: str) -> Row:
    """An event's fields under KV_MODE = json: keys joined by dots, `key{}` for arrays with a value per element.

    A JSON null is the text "null" (not documented; so it is shown); empty objects and arrays give no field. What lies
    behind the first 5,000 bytes is not extracted (limits.conf, spath, extraction_cutoff); json_extract reads it all.
    """
    found: dict[str, list[Any]] = {}
    if len(raw) > EXTRACTION_CUTOFF or len(raw.encode()) > EXTRACTION_CUTOFF:
        for name, value in _leaves(raw.encode()[:EXTRACTION_CUTOFF].decode(errors="ignore")):
            found.setdefault(name, []).append(_text(value))
    elif isinstance(record := parsed(raw), dict | list):
        _collect("", record, found)
    return {name: from_values(values) for name, values in found.items()}


_TOKEN = re.compile(r'\s*([{}\[\],:]|"(?:[^"\\]|\\.)*"|[^\s{}\[\],:"]+(?=[\s\]},]))', re.DOTALL)


def _tokens(text: str) -> Iterator[str]:
    """Tokens of JSON text, up to where it is cut through one."""
    at = 0
    while match := _TOKEN.match(text, at):
        yield match[1]
        at = match.end()


def _leaves(text: str) -> Iterator[tuple[str, Any]]:
    """Names and scalars of JSON text that may be cut anywhere; what is cut through is left out."""
    names: list[str] = [""]
    arrays: list[bool] = []
    key = ""
    for token, following in pairwise([*_tokens(text), ""]):
        if token in "{[":
            names.append(key if arrays else "")
            arrays.append(token == "[")
        elif token in "}]":
            names.pop()
            arrays.pop()
        elif token in ",:":
            continue
        elif following == ":":
            key = f"{names[-1]}.{orjson.loads(token)}" if names[-1] else orjson.loads(token)
            continue
        elif following:
            yield key, orjson.loads(token)
        if arrays and arrays[-1]:
            key = f"{names[-1]}{{}}"


def _collect(name: str, value: Any, found: dict[str, list[Any]]) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            _collect(f"{name}.{key}" if name else key, inner, found)
    elif isinstance(value, list):
        for inner in value:
            _collect(f"{name}{{}}", inner, found)
    else:
        found.setdefault(name, []).append(_text(value))


def _text(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)


@lru_cache(maxsize=512)
def path_steps(path: str) -> tuple[str | int | None, ...]:
    """A location path's steps: a key, an index, or None for every element. Raises ValueError.

    Keys are separated by dots, so a key with a dot can't be reached (the reference says so of json_extract).
    """
    steps: list[str | int | None] = []
    at = 0
    while at < len(path):
        if path[at] == "." and at and path[at - 1] != ".":
            at += 1
        match = _STEP.match(path, at)
        if match is None:
            raise ValueError(f"not a location path: {path!r}")
        steps.append(match["key"] if match["key"] else int(match["index"]) if match["index"] else None)
        at = match.end()
    return tuple(steps)


def extract(text: str, path: str) -> Value:
    """json_extract with one path: text, numbers and booleans as they are, objects and arrays as JSON text.

    Null where the text is no JSON, where nothing is there, or where JSON null is. A path with `{}` gives a JSON array.
    A boolean is bool, which tostring() makes text; that it equals the text "true" is not documented.
    """
    value = parsed(text)
    if value is MISSING:
        return None
    found = _walk([value], path_steps(path))
    if None in path_steps(path):
        return dumped(found) if found else None
    return native(found[0]) if found else None


def extract_exact(text: str, key: str) -> Value:
    """json_extract_exact: the value of a key of the outer object, taken literally, dots and braces included."""
    value = parsed(text)
    return native(value.get(key)) if isinstance(value, dict) else None


def _walk(values: list[Any], steps: tuple[str | int | None, ...]) -> list[Any]:
    for step in steps:
        reached: list[Any] = []
        for value in values:
            if isinstance(step, str):
                if isinstance(value, dict) and step in value:
                    reached.append(value[step])
            elif isinstance(value, list):
                reached += value if step is None else value[step : step + 1]
        values = reached
    return values


def native(value: Any) -> Value:
    """A JSON value as json_extract returns it."""
    if isinstance(value, dict | list):
        return dumped(value)
    if isinstance(value, bool):
        return value
    return None if value is None else to_field(value)


def array_to_values(text: str, keep_quotes: bool) -> list[str] | None:
    """json_array_to_mv: one value an element; None where the text is no JSON array."""
    value = parsed(text)
    if not isinstance(value, list):
        return None
    return [item if isinstance(item, str) and not keep_quotes else dumped(item) for item in value]


def shown(text: str, steps: tuple[str | int | None, ...]) -> Value:
    """What spath shows at a path: every value it reaches, objects and arrays as JSON text."""
    value = parsed(text)
    found = [] if value is MISSING else _walk([value], steps)
    return from_values([dumped(item) if isinstance(item, dict | list) else _text(item) for item in found])
