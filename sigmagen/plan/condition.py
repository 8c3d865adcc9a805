"""A rule's condition, as pySigma parsed it, turned into an expression of the plan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.types import (
    CompareOperators,
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaString,
    SigmaTimestampPart,
    SpecialChars,
)

from sigmagen.expr.address import address_condition, network_condition
from sigmagen.expr.membership import any_of
from sigmagen.expr.pcre import RegexError
from sigmagen.expr.regex import anchored, parse
from sigmagen.expr.text import ANY_TEXT, split_pattern, text_condition
from sigmagen.expr.tree import (
    NUMERIC,
    TEXTUAL,
    Column,
    Expr,
    UnsupportedDetectionError,
    call,
    conjunction,
    disjunction,
    negate,
)
from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.rules.matching import is_whole

_COMPARE = {"LT": "lt", "LTE": "lte", "GT": "gt", "GTE": "gte", "NEQ": "ne"}
_WHOLE_RECORDS = frozenset({"_raw", "*"})
"""Names of what stands for the whole record where no field is known (`mappings/generic.yml`)."""
_FLAGS = SigmaRegularExpression.sigma_to_re_flag


class ConditionCompiler:
    """Compiles conditions; `use` derives a field and returns its column, `searched` names the fields with text."""

    def __init__(
        self, use: Callable[[str], Column], taxonomy: Taxonomy, searched: Callable[[], list[str]] = list
    ) -> None:
        self.use = use
        self.taxonomy = taxonomy
        self.searched = searched

    def compile(self, node: Any) -> Expr:
        """The condition's expression: true or false, never null.

        Raises UnsupportedDetectionError and UnavailableFieldError.
        """
        if isinstance(node, ConditionAND):
            return conjunction([self.compile(child) for child in node.args])
        if isinstance(node, ConditionOR):
            return any_of([self.compile(child) for child in node.args])
        if isinstance(node, ConditionNOT):
            return negate(self.compile(node.args[0]))
        if isinstance(node, ConditionFieldEqualsValueExpression):
            return self._comparison(self.use(node.field), node.value)
        if isinstance(node, ConditionValueExpression):
            return self._keyword(node.value)
        raise UnsupportedDetectionError(f"the condition {node!r}")

    def _keyword(self, value: Any) -> Expr:
        """A value without a field: in the text of any field that the source carries."""
        if isinstance(value, SigmaExpansion):
            return disjunction([self._keyword(part) for part in value.values])
        if isinstance(value, SigmaNumber):
            value = SigmaString(str(value.number))
        whole = is_whole(value)
        if isinstance(value, SigmaString) and not whole:
            star = SpecialChars.WILDCARD_MULTI
            surrounded = type(value)()
            surrounded.s = [star, *value.s, star]
            value = surrounded
        elif not isinstance(value, SigmaRegularExpression | SigmaString):
            raise UnsupportedDetectionError(f"the keyword {value}: only text, numbers and regular expressions")
        shown = value.regexp if isinstance(value, SigmaRegularExpression) else value
        fields = self.searched()
        if not fields:
            raise UnsupportedDetectionError(f"the keyword {shown}: the source has no field with text to search")
        ends = _asks_for_ends(value) if isinstance(value, SigmaRegularExpression) else whole
        if ends and not _WHOLE_RECORDS.isdisjoint(fields):
            reason = "the beginning or end of a field's text, and here the record is searched as one text"
            raise UnsupportedDetectionError(f"the keyword {shown}: it asks for {reason}")
        return disjunction([self._comparison(self.use(name), value) for name in fields])

    def _comparison(self, column: Column, value: Any) -> Expr:
        if isinstance(value, SigmaExpansion):
            return any_of([self._comparison(column, part) for part in value.values])
        if isinstance(value, SigmaNull):
            return call("is_missing", column)
        if isinstance(value, SigmaExists):
            return call("is_present" if value.exists else "is_missing", column)
        if isinstance(value, SigmaBool):
            return self._boolean(column, value.boolean)
        if isinstance(value, SigmaNumber):
            return self._equal_to_number(column, value)
        if isinstance(value, SigmaCompareExpression):
            return self._order(column, value)
        if isinstance(value, SigmaRegularExpression):
            return self._regex(column, value)
        if isinstance(value, SigmaCIDRExpression):
            if column.type not in ("ip", "string", "text"):
                raise _unsupported(column, f"is no address, so the network {value.cidr} has no meaning for it")
            return network_condition(column, value.network)
        if isinstance(value, SigmaFieldReference):
            return self._reference(column, self.use(value.field), value)
        if isinstance(value, SigmaString):
            return self._text(column, value, cased=isinstance(value, SigmaCasedString))
        raise _unsupported(column, f"compared with a {type(value).__name__}")

    # Numbers and booleans.

    def _boolean(self, column: Column, value: bool) -> Expr:
        if column.type == "boolean":
            return call("eq", column, value)
        if column.type not in TEXTUAL:
            raise _unsupported(column, f"holds no {str(value).lower()}")
        return call("equals_ignoring_case", column, "true" if value else "false")

    def _equal_to_number(self, column: Column, value: SigmaNumber) -> Expr:
        if isinstance(value, SigmaTimestampPart):
            return call("eq", self._time_part(column, value), value.number)
        if column.type in NUMERIC:
            return call("eq", column, value.number)
        if column.type not in TEXTUAL:
            raise _unsupported(column, f"holds no number, so not {value.number}")
        return call("eq", column, str(value.number))

    def _order(self, column: Column, value: SigmaCompareExpression) -> Expr:
        number = value.number
        if isinstance(number, SigmaTimestampPart):
            subject: Expr = self._time_part(column, number)
        elif column.type in NUMERIC:
            subject = column
        else:
            raise _unsupported(column, f"is not numeric, so it can't be ordered against {number.number}")
        if value.op is CompareOperators.NEQ:
            return negate(call("eq", subject, number.number))
        return call(_COMPARE[value.op.name], subject, number.number)

    def _time_part(self, column: Column, value: SigmaTimestampPart) -> Expr:
        part = value.timestamp_part.name.lower()
        if column.type != "timestamp":
            raise _unsupported(column, f"is no time, so it has no {part}")
        return call("time_part", column, part)

    # Text.

    def _text(self, column: Column, value: SigmaString, *, cased: bool) -> Expr:
        if any(not isinstance(part, str | SpecialChars) for part in value.s):
            raise _unsupported(column, f"compared with an unresolved placeholder: {value}")
        parts = split_pattern(value.s)
        if any("\0" in part for part in parts if isinstance(part, str)):
            raise _unsupported(column, "compared with UTF-16 text, which no field holds: add |base64 or |base64offset")
        if parts and all(part == ANY_TEXT for part in parts):
            return call("is_present", column)
        if column.type == "boolean" and str(value).lower() in ("true", "false"):
            return call("eq", column, str(value).lower() == "true")
        if column.type in NUMERIC and len(parts) < 2:
            number = _number(parts[0] if parts else "")
            if number is None:
                raise _unsupported(column, f"is a number, so it is never {str(value)!r}")
            return call("eq", column, number)
        if column.type == "ip" and len(parts) == 1 and isinstance(parts[0], str):
            address = address_condition(column, parts[0])
            if address is not None:
                return address
        lowered = column.type == "hash" or (column.name in self.taxonomy and self.taxonomy[column.name].lower)
        return text_condition(self._as_text(column, str(value)), parts, cased=cased, lowered=lowered)

    def _as_text(self, column: Column, wanted: str) -> Expr:
        """What a text or a regular expression is compared with."""
        if column.type in ("ip", "integer"):
            return call("text", column)
        if column.type not in TEXTUAL:
            raise _unsupported(column, f"is a {column.type}, which has no one form as text to compare with {wanted!r}")
        return column

    def _regex(self, column: Column, value: SigmaRegularExpression) -> Expr:
        pattern, flags = str(value.regexp), "".join(sorted(_FLAGS[flag] for flag in value.flags))
        try:
            parse(pattern, flags)
        except RegexError as error:
            raise _unsupported(column, f"compared with the regular expression {pattern!r}: {error}") from None
        return call("matches", self._as_text(column, pattern), pattern, flags)

    # Two fields.

    def _reference(self, column: Column, other: Column, value: SigmaFieldReference) -> Expr:
        """Both have to be there, so that the negation is true where either is missing.

        An empty text refers to nothing: a KQL column can't tell it from a missing one, and every text contains it.
        """
        there = "has_value" if other.type in TEXTUAL and other.type != "ip" else "is_present"
        return conjunction([call(there, other), self._pair(column, other, value)])

    def _pair(self, column: Column, other: Column, value: SigmaFieldReference) -> Expr:
        whole = not (value.starts_with or value.ends_with)
        kinds = {column.type, other.type}
        if whole and (kinds <= NUMERIC or (len(kinds) == 1 and not kinds <= TEXTUAL)):
            return call("eq", column, other)
        if not kinds <= TEXTUAL or (kinds != {"ip"} and "ip" in kinds and whole):
            raise _unsupported(column, f"({column.type}) compared with {other.name} ({other.type}): other types")
        left, right = (call("lower", self._as_text(part, part.name)) for part in (column, other))
        if whole:
            return call("eq", left, right)
        both = value.starts_with and value.ends_with
        return call("contains" if both else "starts_with" if value.starts_with else "ends_with", left, right)


def _asks_for_ends(value: SigmaRegularExpression) -> bool:
    """Whether a regular expression can only match at the beginning or end of a text or of a line."""
    try:
        return anchored(parse(str(value.regexp)))
    except RegexError:
        return False  # reported where it is compared


def _unsupported(column: Column, reason: str) -> UnsupportedDetectionError:
    return UnsupportedDetectionError(f"{column.name} {reason}")


def _number(text: str | int) -> int | float | None:
    """The number that is written exactly so, or None."""
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        if str(number) == text:
            return number
    return None
