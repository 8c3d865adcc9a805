"""The operations of the plan's expressions, each declared once: arguments, result, and what a missing value gives.

Every dialect implements an operation or declares that it lacks it. Building a call of anything else is an error.
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
"""What a missing argument gives.

`missing`: a missing result. `unknown`: a condition that is not met. `decided`: a missing value is one case of several.
`skipped`: the result of the other arguments or rows. `excluded`: an argument is never missing.
"""


class OperationError(ValueError):
    """A call of an operation that doesn't exist, or with a wrong number of arguments."""


@dataclass(frozen=True, slots=True)
class Operation:
    """What an operation takes and gives.

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
    """Whether it makes one value of many rows."""


def check_call(name: str, count: int) -> None:
    """Raises OperationError for an unknown operation, or for a number of arguments that it doesn't take."""
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
    yield condition("differs", "The comparison is not met, by a value that is there.", "boolean")
    yield condition("eq", "Both are equal.", *pair)
    yield condition("ne", "Both are there and not equal.", *pair)
    yield condition("lt", "The first is less.", *pair)
    yield condition("lte", "The first is less or equal.", *pair)
    yield condition("gt", "The first is greater.", *pair)
    yield condition("gte", "The first is greater or equal.", *pair)
    yield condition("in", "The first equals one of the others.", *pair, more=True)
    yield condition("equals_ignoring_case", "Both texts are equal but for case.", *texts)
    yield condition("in_ignoring_case", "The text equals one of the others but for case.", *texts, more=True)
    yield condition("starts_with", "The text starts with the second.", *texts)
    yield condition("ends_with", "The text ends with the second.", *texts)
    yield condition("contains", "The text contains the second.", *texts)
    yield condition("like", "The text matches parts: texts and wildcards.", "string", "any", more=True)
    yield condition("like_ignoring_case", "The same but for case.", "string", "any", more=True)
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
    yield value("coalesce", "The first that is there.", ("any", "any"), LAST, "skipped", more=True)
    yield value("cast", "A text read as the named type; missing if it can't be.", ("any", "type"), NAMED)
    yield value("text", "The value as text.", ("any",), "string")
    yield value("lower", "The text in lower case.", ("string",), "string")
    yield value("left", "The first characters.", ("string", "integer"), "string")
    yield value("length", "The number of characters.", ("string",), "integer")
    yield value("concat", "The texts, one after the other.", ("string",), "string", "excluded", more=True)
    yield value("not_empty", "The text; an empty one is missing.", ("string",), "string")
    yield value("extract", "What the group of a regular expression matches.", ("string", "string"), "string")
    yield value("replace", "Each match of a regular expression replaced.", ("string", "string", "string"), "string")
    yield value("sha256", "The SHA-256 of the text in hexadecimal digits.", ("string",), "string")
    yield value("sorted_pieces", "The pieces between commas, sorted.", ("string",), "string")
    yield value("parse_json", "A JSON text decoded; missing if it is none.", ("string",), "json")
    yield value("json_text", "A JSON value as text.", ("json",), "string")
    yield value("elements", "The number of elements of a JSON array.", ("json",), "integer")
    yield value(
        "last_text",
        "The last text, at one of the places, in the messages of a role.",
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
    yield value("epoch_seconds", "The time so many seconds after 1970.", ("float",), "timestamp")
    yield value("moment", "The time so many milliseconds after 1970.", ("integer",), "timestamp", "excluded")
    yield value("milliseconds", "The time to the millisecond.", ("timestamp",), "timestamp")
    yield value("time_part", "A named part of the time, in UTC.", ("timestamp", "string"), "integer")
    yield value("pane", "The start of the pane, of so many milliseconds, of a time.", ("timestamp", "integer"), SAME)
    yield value("tick", "The end of the n-th pane after one.", ("timestamp", "integer", "integer"), SAME)
    yield value("shift", "The time, so many milliseconds later.", ("timestamp", "integer"), SAME)
    yield value("mirrored", "The time as far on the other side of the second.", ("timestamp", "timestamp"), SAME)
    yield value("seconds_between", "How many seconds the second is before the first.", ("timestamp",) * 2, "integer")
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
    yield aggregate("sum_positive", "The sum of what is above zero.", ("number",), SAME)
    yield aggregate("min", "The least.", ("any",), SAME)
    yield aggregate("max", "The greatest.", ("any",), SAME)
    yield aggregate("any", "One of the values.", ("any",), SAME)
    yield aggregate("distinct", "The number of distinct values that are no empty texts.", ("any",), "integer")
    yield aggregate("percentile", "A percentile, by nearest rank.", ("number", "number"), SAME)
    yield aggregate("values", "The set of values.", ("any",), "json")
    yield aggregate("merge_values", "The union of sets.", ("json",), "json")


OPERATIONS: Mapping[str, Operation] = {
    operation.name: operation for group in (_comparisons, _values, _aggregates) for operation in group()
}
