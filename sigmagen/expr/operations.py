"""The operations of the plan's expressions, each declared once: arguments, result, and the effect of missing values.

Every dialect implements an operation or declares it unsupported. A call of an undeclared operation is an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

SAME = "same"
"""The type of the first argument."""
LAST = "last"
"""The type of the last argument that is not the missing constant."""
NAMED = "named"
"""The type that the last argument names."""

Null = Literal["missing", "unknown", "decided", "skipped", "excluded"]
"""The effect of a missing argument.

`missing`: the result is missing. `unknown`: the condition is not met. `decided`: the operation handles missing values.
`skipped`: the result of the other arguments or rows. `excluded`: an argument is never missing.
"""


class OperationError(ValueError):
    """A call of an unknown operation, or with the wrong number of arguments."""


@dataclass(frozen=True, slots=True)
class Operation:
    """The signature of an operation.

    `arguments` and `result` are types, or `any`, `number` and `type`; `result` may be SAME, LAST or NAMED. With `more`,
    further arguments of the last type may follow.
    """

    name: str
    meaning: str
    arguments: tuple[str, ...]
    result: str
    null: Null
    more: bool = False
    aggregate: bool = False
    """Whether it aggregates many rows to one value."""


def check_call(name: str, count: int) -> None:
    """Raise OperationError for an unknown operation, or for a wrong number of arguments."""
    operation = OPERATIONS.get(name)
    if operation is None:
        raise OperationError(f"unknown operation {name!r}; available: {', '.join(sorted(OPERATIONS))}")
    least = len(operation.arguments)
    if count < least or (count > least and not operation.more):
        number = f"{least} or more" if operation.more else str(least)
        raise OperationError(f"{name!r} takes {number} argument{'' if number == '1' else 's'}, not {count}")


def _comparisons() -> Iterator[Operation]:
    pair = ("any", "any")
    texts = ("string", "string")

    def condition(name: str, meaning: str, *arguments: str, more: bool = False, null: Null = "unknown") -> Operation:
        return Operation(name, meaning, arguments, "boolean", null, more)

    yield condition("and", "All conditions are met.", "boolean", "boolean", more=True)
    yield condition("or", "One of the conditions is met.", "boolean", "boolean", more=True)
    yield condition("not", "The comparison is not met, or its value is missing.", "boolean", null="decided")
    yield condition("differs", "The value exists, and the comparison is not met.", "boolean")
    yield condition("eq", "Both are equal.", *pair)
    yield condition("ne", "Both values exist and are not equal.", *pair)
    yield condition("lt", "The first is less.", *pair)
    yield condition("lte", "The first is less or equal.", *pair)
    yield condition("gt", "The first is greater.", *pair)
    yield condition("gte", "The first is greater or equal.", *pair)
    yield condition("in", "The first equals one of the others.", *pair, more=True)
    yield condition("equals_ignoring_case", "Both texts are equal, ignoring case.", *texts)
    yield condition("in_ignoring_case", "The text equals one of the others, ignoring case.", *texts, more=True)
    yield condition("starts_with", "The text starts with the second.", *texts)
    yield condition("ends_with", "The text ends with the second.", *texts)
    yield condition("contains", "The text contains the second.", *texts)
    yield condition("like", "The text matches parts: texts and wildcards.", "string", "any", more=True)
    yield condition("like_ignoring_case", "The same, ignoring case.", "string", "any", more=True)
    yield condition("matches", "A regular expression with flags matches in the text.", "string", "string", "string")
    yield condition("in_network", "The address is in one of the networks.", "ip", "string", more=True)
    yield condition("is_missing", "There is no value.", "any", null="decided")
    yield condition("is_present", "There is a value.", "any", null="decided")
    yield condition("has_value", "There is a value, and it is not an empty text.", "any")
    yield condition("has_no_value", "A text is missing or empty.", "string", null="decided")
    yield condition("is_empty", "A text is empty.", "string")
    yield condition("is_json_string", "A JSON value is a string.", "json")
    yield condition("is_cut", "A text is there and is neither a JSON object nor a list.", "string", null="decided")
    yield condition(
        "not_extracted", "A value stands in the record, but the SIEM did not extract it.", "any", null="decided"
    )


def _values() -> Iterator[Operation]:
    def value(
        name: str, meaning: str, arguments: tuple[str, ...], result: str, null: Null = "missing", *, more: bool = False
    ) -> Operation:
        return Operation(name, meaning, arguments, result, null, more)

    yield value("if", "The second if the condition is met, else the third.", ("boolean", "any", "any"), LAST, "decided")
    yield value("coalesce", "The first value that exists.", ("any", "any"), LAST, "skipped", more=True)
    yield value("cast", "A text read as the named type; missing if it can't be.", ("any", "type"), NAMED)
    yield value("text", "The value as text.", ("any",), "string")
    yield value("lower", "The text in lower case.", ("string",), "string")
    yield value("left", "The first characters.", ("string", "integer"), "string")
    yield value("length", "The number of characters.", ("string",), "integer")
    yield value("concat", "The texts, one after the other.", ("string",), "string", "excluded", more=True)
    yield value("not_empty", "The text; missing if it is empty.", ("string",), "string")
    yield value("extract", "The match of the group in a regular expression.", ("string", "string"), "string")
    yield value("replace", "Each match of a regular expression replaced.", ("string", "string", "string"), "string")
    yield value("sha256", "The SHA-256 of the text in hexadecimal digits.", ("string",), "string")
    yield value("sorted_pieces", "The pieces between commas, sorted.", ("string",), "string")
    yield value("parse_json", "A decoded JSON text; missing if it is invalid.", ("string",), "json")
    yield value("json_text", "A JSON value as text.", ("json",), "string")
    yield value("elements", "The number of elements of a JSON array.", ("json",), "integer")
    yield value(
        "last_text",
        "The last text at one of the paths in the messages of a role.",
        ("json", "string", "string"),
        "string",
        more=True,
    )
    yield value("add", "The sum.", ("number", "number"), SAME, more=True)
    yield value("subtract", "The first less the second.", ("number", "number"), SAME)
    yield value("times", "The product.", ("number", "number"), SAME)
    yield value("divide", "The quotient, with fractions; missing for a divisor of zero.", ("number", "number"), "float")
    yield value("mean", "A total divided by its number of values.", ("number", "integer"), "float")
    yield value(
        "share",
        "A part in percent of the whole, with one decimal; missing for a whole of zero.",
        ("number", "number"),
        "float",
    )
    yield value("network", "The network of an address: its IPv4 /24 or IPv6 /48, as text.", ("ip",), "string")
    yield value("epoch_seconds", "The time so many seconds after 1970.", ("float",), "timestamp")
    yield value("epoch_milliseconds", "The time so many milliseconds after 1970.", ("integer",), "timestamp")
    yield value("moment", "The time so many milliseconds after 1970.", ("integer",), "timestamp", "excluded")
    yield value("milliseconds", "The time to the millisecond.", ("timestamp",), "timestamp")
    yield value("time_part", "A named part of the time, in UTC.", ("timestamp", "string"), "integer")
    yield value(
        "pane", "The start of the pane of a time; the length is in milliseconds.", ("timestamp", "integer"), SAME
    )
    yield value("tick", "The end of the n-th pane after one.", ("timestamp", "integer", "integer"), SAME)
    yield value("shift", "The time plus milliseconds.", ("timestamp", "integer"), SAME)
    yield value("mirrored", "The time mirrored at the second one.", ("timestamp", "timestamp"), SAME)
    yield value("seconds_between", "The seconds from the second time to the first.", ("timestamp",) * 2, "integer")
    yield value("ingestion_time", "When the SIEM received the record.", (), "timestamp")
    yield value("stored_text", "The whole record as text, as the SIEM received it.", (), "string")
    yield value("size", "How many values a set has.", ("json",), "integer")
    yield value("head", "The first values of a set, sorted.", ("json", "integer"), "json")


def _aggregates() -> Iterator[Operation]:
    def aggregate(
        name: str, meaning: str, arguments: tuple[str, ...], result: str, null: Null = "skipped"
    ) -> Operation:
        return Operation(name, meaning, arguments, result, null, aggregate=True)

    yield aggregate("count", "The number of rows.", (), "integer", "decided")
    yield aggregate("count_if", "The number of rows that meet the condition.", ("boolean",), "integer")
    yield aggregate("sum", "The sum.", ("number",), SAME)
    yield aggregate("sum_positive", "The sum of the positive values.", ("number",), SAME)
    yield aggregate("min", "The least.", ("any",), SAME)
    yield aggregate("max", "The greatest.", ("any",), SAME)
    yield aggregate("any", "One of the values.", ("any",), SAME)
    yield aggregate("distinct", "The number of distinct values, except empty text.", ("any",), "integer")
    yield aggregate("percentile", "A percentile, by nearest rank.", ("number", "number"), SAME)
    yield aggregate("values", "The set of values.", ("any",), "json")
    yield aggregate("merge_values", "The union of sets.", ("json",), "json")


OPERATIONS: Mapping[str, Operation] = {
    operation.name: operation for group in (_comparisons, _values, _aggregates) for operation in group()
}
