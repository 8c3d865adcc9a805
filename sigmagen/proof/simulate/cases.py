"""A test case as the calls it describes: steps repeated, templates filled in, lists cycled through."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from sigmagen.problems import Problem, SigmagenError
from sigmagen.sources.call import ATTRIBUTES, Call

if TYPE_CHECKING:
    from sigmagen.rules.testfile import Case, Step, TestFile

# `{i}` the 0-based index inside the step, `{i%7}` a remainder, `{i+5}` a sum: all that the templates can say.
_TEMPLATE = re.compile(r"\{i(?:([%+])([0-9]+))?\}")

SETTABLE = tuple(name for name in ATTRIBUTES if name != "time")
"""What a test file may say of a call; its time follows from the step."""

_NUMBERS = frozenset(
    {
        "as_number",
        "history",
        "inputs",
        "input_tokens",
        "notes",
        "object_bytes",
        "output_tokens",
        "reasoning_tokens",
        "status",
        "tool_steps",
    }
)
_VECTORS = frozenset({"features", "scores"})
_FLAGS = frozenset({"cached", "console"})
_NULLABLE = frozenset(
    {
        *("api_key", "organization", "end_user", "source_ip", "as_number", "tls_fingerprint"),
        *("system", "prompt", "prefill", "reasoning_tokens", "error", "object", "object_bytes"),
    }
)


def calls(test: TestFile, case: Case, start: int) -> list[Call]:
    """The calls of a case in the order of time, the case starting at `start` (epoch milliseconds).

    Raises SigmagenError with a Problem for each attribute that a call doesn't have or can't take.
    """
    problems: list[Problem] = []
    found: list[Call] = []
    offset = 0
    for number, step in enumerate(case.steps, 1):
        offset = offset if step.at is None else step.at
        attributes = merge(test.defaults, step.call)
        place = f"case {case.name!r}, step {number}"
        unknown = [_unknown(test, place, name) for name in attributes if name not in SETTABLE]
        if unknown:
            problems += unknown
            continue
        try:
            found += _expand(case, step, attributes, start + offset, len(found))
        except ValueError as error:
            problems.append(_problem(test, "call-value", f"{place}: {error}"))
        offset += step.repeat * step.every
    if problems:
        raise SigmagenError(list(dict.fromkeys(problems)))
    return sorted(found, key=lambda call: call.time)


def merge(defaults: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of a call: its own over the defaults; `parameters` are merged key by key.

    A list of parameters (cycled through) replaces the defaults' parameters as a whole.
    """
    merged = {**defaults, **own}
    ours, theirs = own.get("parameters"), defaults.get("parameters")
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        merged["parameters"] = {**theirs, **ours}
    return merged


def fill(text: str, index: int) -> str:
    """The text with its templates filled in.

    >>> fill("item {i+5} of {i%7}, {x}", 9)
    'item 14 of 2, {x}'
    """
    return _TEMPLATE.sub(lambda match: str(_number(match, index)), text) if "{i" in text else text


def _number(match: re.Match[str], index: int) -> int:
    sign, operand = match.groups()
    if sign is None:
        return index
    if sign == "+":
        return index + int(operand)
    if int(operand) == 0:
        raise ValueError(f"{match[0]} divides by zero")
    return index % int(operand)


def _expand(case: Case, step: Step, attributes: dict[str, Any], start: int, first: int) -> list[Call]:
    slug = re.sub("[^a-z0-9]+", "-", case.name.lower()).strip("-")
    found = []
    for index in range(step.repeat):
        values = {name: _attribute(name, value, index) for name, value in attributes.items()}
        values = {"principal": "principal", "id": f"{slug}-{first + index}", **values}
        found.append(Call(time=start + index * step.every, **values))
    return found


def _attribute(name: str, value: Any, index: int) -> Any:
    """The value of one attribute for the event `index` of its step, of the type that Call wants."""
    if name in _VECTORS:
        return _vector(name, value, index)
    if isinstance(value, list):
        if not value:
            raise ValueError(f"{name}: an empty list has nothing to cycle through")
        value = value[index % len(value)]
    if value is None:
        if name not in _NULLABLE:
            raise ValueError(f"{name}: can't be null")
        return None
    if name == "parameters":
        if not isinstance(value, Mapping):
            raise ValueError(f"parameters: expected a mapping, not {value!r}")
        return _parameter(value, index)
    if name == "proxies":
        return tuple(fill(str(item), index) for item in (value if isinstance(value, list) else [value]))
    return _scalar(name, fill(value, index) if isinstance(value, str) else value)


def _vector(name: str, value: Any, index: int) -> tuple[float, ...]:
    """A list of numbers; of a list of such lists, the one whose turn it is. `{i}` in it is a number, too."""
    if isinstance(value, list) and value and all(isinstance(item, list) for item in value):
        value = value[index % len(value)]
    found = _parameter(value, index)
    if not isinstance(found, list) or not all(isinstance(item, int | float) for item in found):
        raise ValueError(f"{name}: expected a list of numbers, not {value!r}")
    return tuple(found)


def _scalar(name: str, value: Any) -> Any:
    if name in _FLAGS:
        wanted, fits = "true or false", isinstance(value, bool)
    elif name in _NUMBERS:
        value = int(value) if isinstance(value, str) and re.fullmatch("[0-9]+", value) else value
        wanted, fits = "a whole number", isinstance(value, int) and not isinstance(value, bool)
    elif name == "outcome":
        wanted, fits = "success or failure", value in ("success", "failure")
    else:
        # YAML reads an account number as a number.
        value = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        wanted, fits = "a text", isinstance(value, str)
    if not fits:
        raise ValueError(f"{name}: expected {wanted}, not {value!r}")
    return value


def _parameter(value: Any, index: int) -> Any:
    """A value inside the parameters: lists stay lists; a text that is nothing but one template is a number."""
    if isinstance(value, Mapping):
        return {fill(str(key), index): _parameter(item, index) for key, item in value.items()}
    if isinstance(value, list):
        return [_parameter(item, index) for item in value]
    if isinstance(value, str):
        whole = _TEMPLATE.fullmatch(value)
        return _number(whole, index) if whole else fill(value, index)
    return value


def _unknown(test: TestFile, place: str, name: Any) -> Problem:
    near = get_close_matches(str(name), SETTABLE, n=2, cutoff=0.6)
    hint = f"did you mean {' or '.join(near)}?" if near else f"a call has {', '.join(SETTABLE)}"
    if name == "time":
        hint = "the time follows from the step's `at` and `every`"
    return _problem(test, "unknown-call-attribute", f"{place}: a call has no attribute {name!r}", hint)


def _problem(test: TestFile, code: str, message: str, hint: str | None = None) -> Problem:
    file = getattr(test, "file", None) or getattr(test, "path", None)
    return Problem(code, message, file=str(file) if file else None, hint=hint)
