"""Validating a document against a JSON schema, with readable messages and line numbers."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator
from functools import lru_cache
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sigmagen.bundled import mappings_folder as built_in_mappings
from sigmagen.problems import Problem
from sigmagen.rules.yaml import Document, KeyPath, describe_type

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

_TYPES = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "empty",
}


def find_schema(name: str, mappings: Path | None) -> Path:
    """Return the path of a schema such as "rule" or "test", in the mappings folder or else the built-in one."""
    own = mappings / "schema" / f"{name}.schema.json" if mappings else None
    return own if own and own.exists() else built_in_mappings() / "schema" / f"{name}.schema.json"


def check_schema(document: Document, schema: Path, code: str, unknown_key: str | None = None) -> list[Problem]:
    """Return all schema violations in a document, sorted by line. `unknown_key` is the code of those, if another."""
    found = [
        problem
        for error in _validator(schema).iter_errors(document.data)
        for problem in _to_problem(document, error, code, unknown_key or code)
    ]
    found += [
        document.problem(code, f"{_name(path)} must be a finite number", path) for path in _not_finite(document.data)
    ]
    return sorted(found, key=lambda problem: (problem.line or 0, problem.column or 0))


def _not_finite(value: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    """Yield the paths of YAML's .nan and .inf, which JSON schemas don't support."""
    if isinstance(value, float) and not isfinite(value):
        yield path
    elif isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _not_finite(item, (*path, key))


@lru_cache(maxsize=8)
def _validator(schema: Path) -> Draft202012Validator:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(json.loads(schema.read_text(encoding="utf-8")))


def _to_problem(document: Document, error: ValidationError, code: str, unknown_key: str) -> Iterator[Problem]:
    path: KeyPath = tuple(error.absolute_path)
    if error.validator == "additionalProperties":
        yield from _unknown_keys(document, error, unknown_key, path)
        return
    message, hint = _describe(error, path)
    yield document.problem(code, message, path, hint)


def _unknown_keys(document: Document, error: ValidationError, code: str, path: KeyPath) -> Iterator[Problem]:
    schema = error.schema
    known = list(schema.get("properties", {})) if isinstance(schema, dict) else []
    instance: Any = error.instance
    for key in instance:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, 1)
            hint = f"did you mean '{near[0]}'?" if near else f"available: {', '.join(known)}"
            yield document.problem(code, f"unknown key '{key}' in {_name(path)}", (*path, key), hint)


def _describe(error: ValidationError, path: KeyPath) -> tuple[str, str | None]:
    name, limit = _name(path), error.validator_value
    value: Any = error.instance
    hint = error.schema.get("description") if isinstance(error.schema, dict) else None
    match error.validator:
        case "not":
            return f"{name} is not allowed here", None
        case "required":
            missing = [key for key in _list(limit) if key not in value]
            # jsonschema reports each missing key separately; its message starts with the key.
            key = next((key for key in missing if error.message.startswith(f"'{key}'")), missing[0])
            return f"missing key '{key}' in {name}", None
        case "type":
            wanted = " or ".join(_TYPES.get(str(one), str(one)) for one in _list(limit))
            return f"{name} must be {wanted}, not {describe_type(value)}", hint
        case "enum" | "const":
            return f"{name} can't be {_to_yaml(value)}", f"available: {', '.join(map(str, _list(limit)))}"
        case "pattern":
            return f"{name} can't be {_to_yaml(value)}", hint
        case "minItems" | "minLength" | "minProperties":
            return f"{name} is too short", hint
        case "maxItems" | "maxLength":
            return f"{name} is too long (at most {limit})", hint
        case "minimum":
            return f"{name} must be at least {limit}, not {value}", hint
        case "maximum":
            return f"{name} must be at most {limit}, not {value}", hint
        case "uniqueItems":
            return f"{name} has duplicate items", hint
        case _:
            return f"{name} is not valid", hint


def _list(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list) else [value]


def _to_yaml(value: Any) -> str:
    """Return a value in YAML's notation."""
    return repr(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)[:80]


def _name(path: KeyPath) -> str:
    if not path:
        return "the document"
    if isinstance(path[-1], int):
        return f"item {path[-1] + 1} of '{path[-2]}'" if len(path) > 1 else f"item {path[-1] + 1}"
    return f"'{path[-1]}'"
