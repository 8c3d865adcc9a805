"""The signatures of the operations in mapping expressions, and checks of expressions with their locations."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sigmagen.mapping.documents import make_value_problem
from sigmagen.mapping.expression import OPERATIONS
from sigmagen.problems import Problem
from sigmagen.rules.yaml import Document, KeyPath, describe_type

Constant = Literal["scalar", "value", "text", "number", "whole", "path", "name", "pattern", "group"]

_KEY = r"""[^.\[\]"'\x00-\x1f]+"""
_WITH_DOTS = rf"\[{_KEY}(\.{_KEY})+\]"
PATH = re.compile(rf"({_KEY}|{_WITH_DOTS})(\.{_KEY}|{_WITH_DOTS}|\[-?\d{{1,9}}\])*")
_NAME = re.compile(r"[a-z][a-z0-9_]*")

_WORDS: dict[Constant, str] = {
    "scalar": "text, a number, true or false",
    "value": "text, a number, true, false or null",
    "text": "text",
    "number": "a number",
    "whole": "a whole number that is not negative",
    "path": "a path such as messages[-1].role",
    "name": "a name of lower-case letters, digits and _",
    "pattern": "a regular expression",
    "group": "a regular expression with one group",
}


@dataclass(frozen=True, slots=True)
class Signature:
    """The arguments of an operation: first expressions, then constants. The last `optional` arguments may be missing.

    With `more`, the last kind of argument may be repeated.
    """

    expressions: int = 1
    constants: tuple[Constant, ...] = ()
    optional: int = 0
    more: bool = False

    @property
    def least(self) -> int:
        """The minimum number of arguments."""
        return self.expressions + len(self.constants) - self.optional

    @property
    def most(self) -> int | None:
        """The maximum number of arguments; None for any number."""
        return None if self.more else self.expressions + len(self.constants)

    def constant(self, position: int) -> Constant | None:
        """Return the kind of constant at a position; None for an expression."""
        if position < self.expressions or not self.constants:
            return None
        return self.constants[min(position - self.expressions, len(self.constants) - 1)]

    def count(self) -> str:
        """Return the number of arguments as text."""
        if self.most is None:
            return f"{self.least} or more arguments"
        number = str(self.least) if self.least == self.most else f"{self.least} or {self.most}"
        return f"{number} argument{'' if self.most == 1 else 's'}"


SIGNATURES: Mapping[str, Signature] = {
    "constant": Signature(0, ("value",)),
    "coalesce": Signature(1, more=True),
    "if": Signature(3),
    "path": Signature(1, ("path",)),
    "parse_json": Signature(1, ("name",), optional=1),
    "cast": Signature(),
    "extract": Signature(1, ("group",)),
    "replace": Signature(1, ("pattern", "text")),
    "not_in": Signature(1, ("text",), more=True),
    "equals": Signature(1, ("scalar",)),
    "in": Signature(1, ("scalar",), more=True),
    "starts_with": Signature(1, ("text",)),
    "contains": Signature(1, ("text",)),
    "matches": Signature(1, ("pattern",)),
    "below": Signature(1, ("number",)),
    "at_least": Signature(1, ("number",)),
    "is_present": Signature(),
    "is_missing": Signature(),
    "address": Signature(),
    "not_empty": Signature(),
    "both": Signature(2),
    "either": Signature(2),
    "lower": Signature(),
    "left": Signature(1, ("whole",)),
    "length": Signature(),
    "subtract": Signature(2),
    "divide": Signature(2),
    "epoch_seconds": Signature(),
    "epoch_milliseconds": Signature(),
    "epoch_nanoseconds": Signature(),
    "sha256": Signature(),
    "network": Signature(),
    "nulls": Signature(),
    "template": Signature(),
    "bias_pairs": Signature(),
    "sorted_pieces": Signature(),
    "user_text": Signature(1, ("path",), optional=1, more=True),
    "turn": Signature(),
    "system_text": Signature(),
    "only_text": Signature(1, ("name",)),
}


def check_expression(document: Document, path: KeyPath, data: Any) -> Iterator[Problem]:
    """Yield the problems of the expression at `path`: its form, operations and arguments.

    Names are not checked, since their meaning depends on where the expression is used.
    """
    if isinstance(data, str):
        if not is_path(data):
            yield make_value_problem(document, f"{data!r} is not a path", path, f"use {_WORDS['path']}")
        return
    if not isinstance(data, dict) or len(data) != 1:
        message = f"expected a path or one operation, not {_shown(data)}"
        yield make_value_problem(document, message, path, "an operation is a mapping with one key: {lower: [a.b]}")
        return
    ((name, arguments),) = data.items()
    if name not in OPERATIONS:
        near = difflib.get_close_matches(str(name), OPERATIONS, 1)
        hint = f"did you mean '{near[0]}'?" if near else f"available: {', '.join(sorted(OPERATIONS))}"
        yield make_value_problem(document, f"unknown operation '{name}'", (*path, name), hint)
        return
    yield from _check_arguments(document, (*path, name), name, arguments)


def is_path(text: str) -> bool:
    """Return whether a text is a path into a record."""
    return PATH.fullmatch(text) is not None


def find_paths(data: Any) -> Iterator[str]:
    """Return the paths that a valid expression reads from its own scope."""
    if isinstance(data, str):
        yield data
        return
    ((name, arguments),) = data.items()
    signature = SIGNATURES.get(name, Signature())
    for position, argument in enumerate(_listed(arguments)):
        if signature.constant(position) is None:
            yield from find_paths(argument)


def _check_arguments(document: Document, path: KeyPath, name: str, arguments: Any) -> Iterator[Problem]:
    signature = SIGNATURES[name]
    listed = _listed(arguments)
    if len(listed) < signature.least or (signature.most is not None and len(listed) > signature.most):
        message = f"'{name}' takes {signature.count()}, not {len(listed)}"
        yield make_value_problem(document, message, path)
        return
    for position, argument in enumerate(listed):
        place = (*path, position) if isinstance(arguments, list) else path
        constant = signature.constant(position)
        if constant is None:
            yield from check_expression(document, place, argument)
        elif not _fits(constant, argument):
            message = f"argument {position + 1} of '{name}' must be {_WORDS[constant]}, not {_shown(argument)}"
            yield make_value_problem(document, message, place)


def _listed(arguments: Any) -> list[Any]:
    return arguments if isinstance(arguments, list) else [arguments]


def _fits(constant: Constant, value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    match constant:
        case "scalar":
            return isinstance(value, str | bool) or (number and _finite(value))
        case "value":
            return value is None or _fits("scalar", value)
        case "number":
            return number and _finite(value)
        case "whole":
            return number and isinstance(value, int) and 0 <= value < 2**31
        case "path":
            return isinstance(value, str) and is_path(value)
        case "name":
            return isinstance(value, str) and _NAME.fullmatch(value) is not None
        case "pattern" | "group":
            return isinstance(value, str) and _groups(value) in ((1,) if constant == "group" else (0, 1))
        case _:
            return isinstance(value, str)


def _finite(value: float) -> bool:
    """Return whether every dialect can represent a number."""
    return value == value and abs(value) < 2**63


def _groups(pattern: str) -> int | None:
    try:
        return re.compile(pattern).groups
    except (re.error, OverflowError, RecursionError):
        return None


def _shown(value: Any) -> str:
    return repr(value)[:60] if isinstance(value, str | int | float) else describe_type(value)
