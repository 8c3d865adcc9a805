"""The expression language of the mappings: parses YAML into expressions of the plan.

A string is a path into the stored record (`messages[-1].role`). A mapping with one key is an operation with a list of
arguments (`{coalesce: [a.b, c]}`). There is no other syntax, so a mapping can't inject text into a query.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from sigmagen.expr.operations import OperationError
from sigmagen.expr.tree import TEXTUAL, Call, Column, Expr, Get, Literal, Type, call
from sigmagen.mapping.address import build_address_pattern
from sigmagen.mapping.fingerprint import BIAS_MARK, BIAS_NOISE, JSON_NULLS, JSON_STRINGS, TEMPLATE_MASKS


class Scope(Protocol):
    """Resolves the names in an expression."""

    @property
    def trusted_proxies(self) -> int:
        """The number of trusted proxies that a call to the source passes."""

    def read(self, text: str, kind: Type) -> Expr:
        """Return the value of a name or path as the given type."""

    def bind(self, name: str, value: Expr, kind: Type) -> Expr:
        """Return a column for an expression that is used more than once."""


Operation = Callable[[Sequence[Any], Type, Scope], Expr]

_SEGMENT = re.compile(r"([^.\[\]]+)|\[(-?\d+)\]|\[([^\[\]]+)\]")


class ExpressionError(ValueError):
    """The expression is not valid."""


class UnavailableFieldError(Exception):
    """The source does not have the field in this SIEM; the message is the reason."""

    def __init__(self, name: str, reason: str, *, known: bool = True) -> None:
        self.name = name
        self.reason = reason
        self.known = known
        super().__init__(reason)


def parse_path(text: str) -> tuple[str | int, ...]:
    """Parse a path: `messages[-1].role` is ("messages", -1, "role"), and `attributes[user.id]` has a key with a dot."""
    segments = tuple(key or exact or int(index) for key, index, exact in _SEGMENT.findall(text))
    if not segments or '"' in text or "'" in text:
        raise ExpressionError(f"not a path: {text!r}")
    return segments


def parse(source: Any, wanted: Type, scope: Scope) -> Expr:
    """Parse `source` (YAML data) into an expression of the type `wanted`.

    Raises ExpressionError for an unknown operation or a wrong number of arguments.
    """
    if isinstance(source, str):
        return scope.read(source, wanted)
    if not isinstance(source, dict) or len(source) != 1:
        raise ExpressionError(f"expected a path or one operation, not {source!r}")
    ((name, args),) = source.items()
    operation = OPERATIONS.get(name)
    if operation is None:
        raise ExpressionError(f"unknown operation {name!r}; available: {', '.join(sorted(OPERATIONS))}")
    try:
        return operation(args if isinstance(args, list) else [args], wanted, scope)
    except IndexError:
        raise ExpressionError(f"too few arguments for {name!r}: {args!r}") from None
    except OperationError as error:
        raise ExpressionError(str(error)) from None


def template(text: Expr) -> Expr:
    """Return the prompt's template: all masks applied in order."""
    for pattern, replacement in TEMPLATE_MASKS:
        text = call("replace", text, pattern, replacement)
    return text


def _function(op: str, *kinds: Type) -> Operation:
    """Return a parser for an operation on expressions of the given types."""

    def build(args: Sequence[Any], wanted: Type, scope: Scope) -> Expr:
        if len(args) != len(kinds):
            raise ExpressionError(f"{op!r} takes {len(kinds)} arguments, not {len(args)}")
        return Call(op, tuple(parse(arg, kind, scope) for arg, kind in zip(args, kinds, strict=True)))

    return build


def _with_constants(op: str, kind: Type) -> Operation:
    """Return a parser for an operation on one expression and constants."""
    return lambda args, wanted, scope: call(op, parse(args[0], kind, scope), *args[1:])


def _constant(args: Sequence[Any], wanted: Type, scope: Scope) -> Expr:
    return Literal(args[0])


def _coalesce(args: Sequence[Any], wanted: Type, scope: Scope) -> Expr:
    """Return the first available value. Fields that the source doesn't have, and empty text, are skipped."""
    parts: list[Expr] = []
    named: list[bool] = []
    missing: UnavailableFieldError | None = None
    for arg in args:
        try:
            part = parse(arg, wanted, scope)
        except UnavailableFieldError as error:
            missing = error
            continue
        parts.append(part)
        named.append(isinstance(part, Get) or (isinstance(part, Column) and isinstance(arg, str)))
    if missing is not None and not parts:
        raise missing
    if wanted in TEXTUAL:
        parts[:-1] = [
            call("not_empty", part) if is_named else part for part, is_named in zip(parts[:-1], named, strict=False)
        ]
    return parts[0] if len(parts) == 1 else Call("coalesce", tuple(parts))


def _subtract(args: Sequence[Any], wanted: Type, scope: Scope) -> Expr:
    left, right = parse(args[0], wanted, scope), parse(args[1], wanted, scope)
    return left if right == Literal(0) else call("subtract", left, right)


def _if(args: Sequence[Any], wanted: Type, scope: Scope) -> Expr:
    return call("if", parse(args[0], "boolean", scope), parse(args[1], wanted, scope), parse(args[2], wanted, scope))


def _path(args: Sequence[Any], wanted: Type, scope: Scope) -> Expr:
    return Get(parse_path(args[1]), wanted, parse(args[0], "json", scope))


def _parse_json(args: Sequence[Any], wanted: Type, scope: Scope) -> Expr:
    """Decode JSON text. A second argument names a column for the result if several fields read it."""
    decoded = call("parse_json", parse(args[0], "string", scope))
    return scope.bind(args[1], decoded, "json") if len(args) > 1 else decoded


def _address(args: Sequence[Any], wanted: Type, scope: Scope) -> Expr:
    """Extract the client's address from a text; see `build_address_pattern`."""
    return call("extract", _bound(args[0], scope), build_address_pattern(scope.trusted_proxies))


def _epoch_nanoseconds(args: Sequence[Any], wanted: Type, scope: Scope) -> Expr:
    """The time, to the millisecond. Nanoseconds are read as text: as a float they would not be exact."""
    digits = call("left", parse(args[0], "string", scope), 13)
    return call("epoch_milliseconds", call("cast", digits, "integer"))


def _cast(args: Sequence[Any], wanted: Type, scope: Scope) -> Expr:
    return call("cast", parse(args[0], "string", scope), wanted)


def _not_in(args: Sequence[Any], wanted: Type, scope: Scope) -> Expr:
    """Return the text, or missing if it is one of the given texts, such as a redaction mark."""
    text = _bound(args[0], scope)
    return call("if", call("in", text, *args[1:]), None, text)


def _user_text(args: Sequence[Any], wanted: Type, scope: Scope) -> Expr:
    """Return the last text of a user message, regardless of later messages.

    The text of a message is its content, or the text of the last content part that has one. A part has its text under
    `text`; further arguments are alternative paths inside a part.
    """
    messages = scope.bind("messages_sent", parse(args[0], "json", scope), "json")
    return scope.bind("user_text", call("last_text", messages, "user", "text", *args[1:]), "string")


def _turn(args: Sequence[Any], wanted: Type, scope: Scope) -> Expr:
    """Return a request's position in its conversation: the number of messages and the text of a final tool message.

    It differs between the steps of an agent, which follow one user message, but not between samples of one request.
    """
    messages = scope.bind("messages_sent", parse(args[0], "json", scope), "json")
    last = scope.bind("last_message", Get((-1,), "json", messages), "json")
    is_text = call("is_json_string", Get(("content",), "json", last))
    of_tool = call("and", call("eq", Get(("role",), "string", last), "tool"), is_text)
    result = call("coalesce", call("if", of_tool, Get(("content",), "string", last), None), "")
    number = call("text", call("coalesce", call("elements", messages), 0))
    return call("concat", number, ":", result)


def _system_text(args: Sequence[Any], wanted: Type, scope: Scope) -> Expr:
    """Return the content of the first message if it is from the system or developer and is text, not blocks."""
    messages = scope.bind("messages_sent", parse(args[0], "json", scope), "json")
    theirs = call("in", Get((0, "role"), "string", messages), "system", "developer")
    is_text = call("is_json_string", Get((0, "content"), "json", messages))
    text = call("if", call("and", theirs, is_text), Get((0, "content"), "string", messages), None)
    return scope.bind("system_text", text, "string")


def _only_text(args: Sequence[Any], wanted: Type, scope: Scope) -> Expr:
    """Return a JSON string as a column. Other values are missing, since engines differ in their JSON text."""
    is_text = call("is_json_string", parse(args[0], "json", scope))
    return scope.bind(args[1], call("if", is_text, parse(args[0], "string", scope), None), "string")


def _not_empty(args: Sequence[Any], wanted: Type, scope: Scope) -> Expr:
    """Return true or false, never missing."""
    return call("if", call("has_value", parse(args[0], "string", scope)), True, False)


def _bias_pairs(args: Sequence[Any], wanted: Type, scope: Scope) -> Expr:
    """Return the pairs of a JSON map as text, `token:bias,token:bias`, in their order; missing if there are none."""
    bare = call("replace", call("json_text", parse(args[0], "json", scope)), BIAS_NOISE, "")
    text = scope.bind("bias_text", bare, "string")
    return scope.bind("bias_pairs", call("if", call("contains", text, BIAS_MARK), text, None), "string")


def _length(args: Sequence[Any], wanted: Type, scope: Scope) -> Expr:
    """Return the number of characters; missing for empty text, which Kusto can't distinguish from missing text."""
    text = parse(args[0], "string", scope)
    return call("if", call("has_value", text), call("length", text), None)


def _sha256(args: Sequence[Any], wanted: Type, scope: Scope) -> Expr:
    return call("sha256", _bound(args[0], scope))


def _nulls(args: Sequence[Any], wanted: Type, scope: Scope) -> Expr:
    """Return the number of values of a JSON text that are null or NaN; missing for missing text.

    It is the difference in length between two replacements, since not all dialects can count matches.
    """
    text = parse(args[0], "string", scope)
    words = scope.bind("input_words", call("replace", text, JSON_STRINGS, "s"), "string")
    longer, shorter = (call("length", call("replace", words, JSON_NULLS, mark)) for mark in ("00", "0"))
    return call("if", call("has_value", words), call("subtract", longer, shorter), None)


def _bound(source: Any, scope: Scope) -> Expr:
    """Return a column for a text that is used more than once."""
    text = parse(source, "string", scope)
    return text if isinstance(text, Column) else scope.bind("", text, "string")


OPERATIONS: dict[str, Operation] = {
    "constant": _constant,
    "coalesce": _coalesce,
    "if": _if,
    "path": _path,
    "parse_json": _parse_json,
    "address": _address,
    "cast": _cast,
    "extract": _with_constants("extract", "string"),
    "replace": _with_constants("replace", "string"),
    "not_in": _not_in,
    "equals": _with_constants("eq", "string"),
    "in": _with_constants("in", "string"),
    "starts_with": _with_constants("starts_with", "string"),
    "contains": _with_constants("contains", "string"),
    "matches": lambda args, wanted, scope: call("matches", parse(args[0], "string", scope), args[1], ""),
    "below": _with_constants("lt", "integer"),
    "at_least": _with_constants("gte", "integer"),
    "is_present": _function("is_present", "string"),
    "is_missing": _function("is_missing", "string"),
    "not_empty": _not_empty,
    "both": _function("and", "boolean", "boolean"),
    "either": _function("or", "boolean", "boolean"),
    "lower": _function("lower", "string"),
    "left": _with_constants("left", "string"),
    "length": _length,
    "subtract": _subtract,
    "divide": _function("divide", "integer", "integer"),
    "epoch_seconds": _function("epoch_seconds", "float"),
    "epoch_milliseconds": _function("epoch_milliseconds", "integer"),
    "epoch_nanoseconds": _epoch_nanoseconds,
    "sha256": _sha256,
    "network": _function("network", "ip"),
    "nulls": _nulls,
    "template": lambda args, wanted, scope: template(parse(args[0], "string", scope)),
    "bias_pairs": _bias_pairs,
    "sorted_pieces": _function("sorted_pieces", "string"),
    "user_text": _user_text,
    "turn": _turn,
    "system_text": _system_text,
    "only_text": _only_text,
}
