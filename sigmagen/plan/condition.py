"""A rule's condition, as pySigma parsed it, turned into an expression of the plan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.types import (
    SigmaBool,
    SigmaCasedString,
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaNull,
    SigmaNumber,
    SigmaString,
    SpecialChars,
)

from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.plan.expr import NUMERIC, Call, Column, Expr, Literal, call, conjunction, disjunction, negate

_COMPARE = {"LT": "lt", "LTE": "lte", "GT": "gt", "GTE": "gte"}


class UnsupportedDetectionError(Exception):
    """A detection that no backend can say yet; the message names it."""


class ConditionCompiler:
    """Compiles conditions; `use` derives a field and returns its column."""

    def __init__(self, use: Callable[[str], Column], taxonomy: Taxonomy) -> None:
        self.use = use
        self.taxonomy = taxonomy

    def compile(self, node: Any) -> Expr:
        """The condition's expression: true or false, never null.

        Raises UnsupportedDetectionError and UnavailableFieldError.
        """
        if isinstance(node, ConditionAND):
            return conjunction([self.compile(child) for child in node.args])
        if isinstance(node, ConditionOR):
            return _gathered(disjunction([self.compile(child) for child in node.args]))
        if isinstance(node, ConditionNOT):
            return negate(self.compile(node.args[0]))
        if isinstance(node, ConditionFieldEqualsValueExpression):
            return self._comparison(self.use(node.field), node.value)
        if isinstance(node, ConditionValueExpression):
            raise UnsupportedDetectionError(
                "keywords without a field: an event of this kind has no full text to search"
            )
        raise UnsupportedDetectionError(f"the condition {node!r}")

    def _comparison(self, column: Column, value: Any) -> Expr:
        if isinstance(value, SigmaExpansion):
            return _gathered(disjunction([self._comparison(column, part) for part in value.values]))
        if isinstance(value, SigmaNull):
            return call("is_missing", column)
        if isinstance(value, SigmaExists):
            return call("is_present" if value.exists else "is_missing", column)
        if isinstance(value, SigmaBool):
            return self._boolean(column, value.boolean)
        if isinstance(value, SigmaNumber):
            return self._equal_to_number(column, value.number)
        if isinstance(value, SigmaCompareExpression):
            return self._order(column, value)
        if isinstance(value, SigmaString):
            return self._text(column, value, cased=isinstance(value, SigmaCasedString))
        raise UnsupportedDetectionError(f"{type(value).__name__} on {column.name}")

    def _boolean(self, column: Column, value: bool) -> Expr:
        if column.type == "boolean":
            return call("eq", column, value)
        return call("equals_ignoring_case", column, "true" if value else "false")

    def _equal_to_number(self, column: Column, number: int | float) -> Expr:
        return call("eq", column, number if column.type in NUMERIC else str(number))

    def _order(self, column: Column, value: SigmaCompareExpression) -> Expr:
        if column.type not in NUMERIC:
            raise UnsupportedDetectionError(f"an order comparison on {column.name}, which is no number")
        number = value.number.number if isinstance(value.number, SigmaNumber) else None
        if number is None:
            raise UnsupportedDetectionError(f"an order comparison of {column.name} with something that is no number")
        return call(_COMPARE[value.op.name], column, number)

    def _text(self, column: Column, value: SigmaString, *, cased: bool) -> Expr:
        if column.type in NUMERIC:
            return self._number_as_text(column, value)
        parts = list(value.s)
        if any(not isinstance(part, str | SpecialChars) for part in parts):
            raise UnsupportedDetectionError(f"an unresolved placeholder on {column.name}")
        exact = cased or self._lowered(column) or column.type in ("ip", "hash")
        if all(isinstance(part, str) for part in parts):
            text = "".join(str(part) for part in parts)
            if text == "":
                return call("is_empty", column)
            if self._lowered(column):
                text = text.lower() if not cased else text
            return call("eq" if exact else "equals_ignoring_case", column, text)
        return self._pattern(column, parts, exact=exact, lower=self._lowered(column) and not cased)

    def _lowered(self, column: Column) -> bool:
        return column.name in self.taxonomy and self.taxonomy[column.name].lower

    def _number_as_text(self, column: Column, value: SigmaString) -> Expr:
        text = str(value)
        try:
            return call("eq", column, int(text))
        except ValueError:
            raise UnsupportedDetectionError(f"text on {column.name}, which is a number: {text!r}") from None

    def _pattern(self, column: Column, parts: list[Any], *, exact: bool, lower: bool) -> Expr:
        if lower:
            parts = [part.lower() if isinstance(part, str) else part for part in parts]
        star = SpecialChars.WILDCARD_MULTI
        texts = [part for part in parts if isinstance(part, str)]
        if all(part == star for part in parts):
            return call("is_present", column)
        case = call("lower", column) if not exact else column
        if len(texts) == 1 and SpecialChars.WILDCARD_SINGLE not in parts and len(parts) <= 3:
            text = texts[0] if exact else texts[0].lower()
            starts, ends = parts[0] == star, parts[-1] == star
            op = "contains" if starts and ends else "ends_with" if starts else "starts_with"
            return call(op, case, text)
        return Call("like", (case, *(Literal(_wildcard(part, exact)) for part in parts)))


def _wildcard(part: Any, exact: bool) -> str | int:
    """Text as text; `*` as 0 and `?` as 1, so that no text can be taken for a wildcard."""
    if part == SpecialChars.WILDCARD_MULTI:
        return 0
    if part == SpecialChars.WILDCARD_SINGLE:
        return 1
    return str(part) if exact else str(part).lower()


def _gathered(condition: Expr) -> Expr:
    """Equalities on one column, joined by OR, as one membership test."""
    if not (isinstance(condition, Call) and condition.op == "or"):
        return condition
    groups: dict[tuple[str, Expr], list[Expr]] = {}
    order: list[Expr | tuple[str, Expr]] = []
    for part in condition.args:
        if isinstance(part, Call) and part.op in ("eq", "equals_ignoring_case"):
            key = (part.op, part.args[0])
            if key not in groups:
                order.append(key)
            groups.setdefault(key, []).append(part.args[1])
        else:
            order.append(part)
    return disjunction([_membership(entry, groups) for entry in order])


def _membership(entry: Expr | tuple[str, Expr], groups: dict[tuple[str, Expr], list[Expr]]) -> Expr:
    if not isinstance(entry, tuple):
        return entry
    op, column = entry
    values = groups[entry]
    if len(values) == 1:
        return Call(op, (column, values[0]))
    return Call("in" if op == "eq" else "in_ignoring_case", (column, *values))


def any_of(conditions: Iterable[Expr]) -> Expr:
    """Any of the conditions."""
    return _gathered(disjunction(list(conditions)))


def factored(conditions: Mapping[str, Expr]) -> tuple[list[Expr], dict[str, Expr]]:
    """What all conditions have in common, as parts joined by AND; and what is left of each."""
    parts = {
        name: list(condition.args) if isinstance(condition, Call) and condition.op == "and" else [condition]
        for name, condition in conditions.items()
    }
    first, *others = parts.values()
    common = [part for part in first if all(part in other for other in others)]
    return common, {name: conjunction([part for part in own if part not in common]) for name, own in parts.items()}
