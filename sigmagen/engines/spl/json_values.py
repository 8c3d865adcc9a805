"""JSON in events: search-time extraction and the JSON functions."""

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
def parse_json(text: str) -> Any:
    """Parse JSON text; MISSING if it is not valid."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return MISSING


def dump_json(value: Any) -> str:
    """Return JSON text. (Splunk's white space in it is not documented.)"""
    return orjson.dumps(value).decode()


def extract_fields(raw: str) -> Row:
    """Return an event's fields under KV_MODE = json: keys joined by dots, `key{}` for arrays with a value per element.

    A JSON null is the text "null" (not documented, but shown so). Empty objects and arrays give no field. Only the
    first 5,000 bytes are extracted (limits.conf, spath, extraction_cutoff); json_extract reads all.
    """
    found: dict[str, list[Any]] = {}
    if len(raw) > EXTRACTION_CUTOFF or len(raw.encode()) > EXTRACTION_CUTOFF:
        for name, value in _leaves(raw.encode()[:EXTRACTION_CUTOFF].decode(errors="ignore")):
            found.setdefault(name, []).append(_text(value))
    elif isinstance(record := parse_json(raw), dict | list):
        _collect("", record, found)
    return {name: from_values(values) for name, values in found.items()}


_TOKEN = re.compile(r'\s*([{}\[\],:]|"(?:[^"\\]|\\.)*"|[^\s{}\[\],:"]+(?=[\s\]},]))', re.DOTALL)


def _tokens(text: str) -> Iterator[str]:
    """Yield the tokens of JSON text, up to an incomplete one."""
    at = 0
    while match := _TOKEN.match(text, at):
        yield match[1]
        at = match.end()


def _leaves(text: str) -> Iterator[tuple[str, Any]]:
    """Yield names and scalars of JSON text that may be truncated, without an incomplete one."""
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
    """Return the steps of a location path: keys, indexes, or None for every element. Raises ValueError.

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
    """Run json_extract with one path: text, numbers and booleans are unchanged, objects and arrays are JSON text.

    Null if the text is not JSON, the value is missing, or it is JSON null. A path with `{}` gives a JSON array.
    A boolean is bool, which tostring() converts to text; comparing it with the text "true" is not documented.
    """
    value = parse_json(text)
    if value is MISSING:
        return None
    found = _walk([value], path_steps(path))
    if None in path_steps(path):
        return dump_json(found) if found else None
    return native(found[0]) if found else None


def extract_exact(text: str, key: str) -> Value:
    """Run json_extract_exact: the value of a literal key of the outer object, including dots and braces."""
    value = parse_json(text)
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
    """Return a JSON value as json_extract does."""
    if isinstance(value, dict | list):
        return dump_json(value)
    if isinstance(value, bool):
        return value
    return None if value is None else to_field(value)


def array_to_values(text: str, keep_quotes: bool) -> list[str] | None:
    """Run json_array_to_mv: one value per element; None if the text is not a JSON array."""
    value = parse_json(text)
    if not isinstance(value, list):
        return None
    return [item if isinstance(item, str) and not keep_quotes else dump_json(item) for item in value]


def show_path(text: str, steps: tuple[str | int | None, ...]) -> Value:
    """Return the values that spath extracts at a path, objects and arrays as JSON text."""
    value = parse_json(text)
    found = [] if value is MISSING else _walk([value], steps)
    return from_values([dump_json(item) if isinstance(item, dict | list) else _text(item) for item in found])
