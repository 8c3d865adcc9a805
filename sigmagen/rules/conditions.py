"""Parsing a correlation's condition: comparisons with numbers, or rules joined by and, or, not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import eq, ge, gt, le, lt, ne
from typing import TYPE_CHECKING, Any, cast

from sigmagen.problems import Problem
from sigmagen.rules.correlation_types import CorrelationType
from sigmagen.rules.model import Combined, Comparison, Expression, Occurs, Operator, Threshold
from sigmagen.rules.wording import reword_error
from sigmagen.rules.yaml import Document, KeyPath, describe_type

if TYPE_CHECKING:
    from sigma.correlations import CorrelationConditionItem, SigmaRuleReference

OPERATORS = ("gt", "gte", "lt", "lte", "eq", "neq")
PATH: KeyPath = ("correlation", "condition")
_MEETS = {"gt": gt, "gte": ge, "lt": lt, "lte": le, "eq": eq, "neq": ne}


class ThresholdParser:
    """Parses the mapping of a condition such as `{gte: 10, lt: 50}`; `kind` is None for an unknown type."""

    def __init__(self, document: Document, kind: CorrelationType | None, fields: tuple[str, ...]) -> None:
        self.document = document
        self.kind = kind
        self.whole = kind is not None and kind.whole
        self.fields = fields
        self.problems: list[Problem] = []

    def parse(self, condition: dict[str, Any]) -> Threshold | None:
        """Return the threshold; None if there are `problems`."""
        for key in condition:
            if key not in (*OPERATORS, "field", "percentile"):
                hint = f"available: {', '.join(OPERATORS)}, field, percentile"
                self._note("unknown-key", f"unknown key '{key}' in condition", (*PATH, key), hint)
        operators = [op for op in OPERATORS if op in condition]
        if not operators:
            self._note("missing-key", "the condition has no comparison", PATH, f"available: {', '.join(OPERATORS)}")
        compared = [(op, self._number(condition[op], (*PATH, op))) for op in operators]
        self._fields()
        percentile = self._percentile(condition)
        found = [Comparison(cast(Operator, op), value) for op, value in compared if value is not None]
        if found and not _possible(found, whole=self.whole):
            text = " and ".join(f"{item.op} {item.value}" for item in found)
            self._note("condition-range", f"no number can be {text}", PATH, "example of a range: {gte: 5, lt: 50}")
        if self.problems or not found:
            return None
        first, *rest = found
        return Threshold(first.op, first.value, self.fields, percentile, tuple(rest))

    def _note(self, code: str, message: str, path: KeyPath, hint: str | None = None) -> None:
        self.problems.append(self.document.problem(code, message, path, hint))

    def _number(self, value: object, path: KeyPath) -> int | float | None:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            hint = "write the number without quotes or separators"
            shown = f" ({value!r})" if isinstance(value, str) else ""
            self._note("wrong-type", f"a threshold must be a number, not {describe_type(value)}{shown}", path, hint)
            return None
        if self.kind and self.whole and (value < 0 or value != int(value)):
            message = f"the threshold of {self.kind.name} must be a whole number of at least 0, not {value}"
            self._note("wrong-value", message, path)
            return None
        return int(value) if self.whole else value

    def _fields(self) -> None:
        if self.kind is None or self.kind.fields == "none":
            return
        if not self.fields:
            self._note("missing-key", f"{self.kind.name} needs 'field' in its condition", PATH)
        elif self.kind.fields == "one" and len(self.fields) > 1:
            self._note("wrong-value", f"{self.kind.name} takes only one field", (*PATH, "field"))

    def _percentile(self, condition: dict[str, Any]) -> int | None:
        value = condition.get("percentile")
        if self.kind is None:
            return None
        if self.kind.percentile != "stated":
            return self.kind.percentile
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 100:
            path = (*PATH, "percentile")
            self._note("wrong-value", f"{self.kind.name} needs 'percentile', a whole number from 1 to 99", path)
            return None
        return value


def _possible(comparisons: list[Comparison], *, whole: bool) -> bool:
    """Return whether a number meets all comparisons. It is enough to try the bounds and the numbers next to them."""
    step = 1 if whole else 1e-9
    near = [item.value + delta for item in comparisons for delta in (-step, 0, step)]
    return any(all(_MEETS[item.op](number, item.value) for item in comparisons) for number in near)


def find_named_rules(text: str) -> list[str]:
    """Return the distinct rules named in a boolean condition, in order. Raises ValueError if it is invalid."""
    from sigma.correlations import SigmaExtendedCorrelationCondition
    from sigma.exceptions import SigmaError

    try:
        return list(SigmaExtendedCorrelationCondition(text).get_referenced_rules())
    except SigmaError as error:
        raise ValueError(reword_error(error)) from None


def parse_expression(text: str, rules: tuple[str, ...]) -> Expression:
    """Parse a condition such as `a and not b`.

    Raises ValueError if it is invalid, or does not name exactly the rules that the correlation lists.
    """
    from sigma.correlations import SigmaExtendedCorrelationCondition

    named = find_named_rules(text)
    unknown = [name for name in named if name not in rules]
    unused = [name for name in rules if name not in named]
    if unknown or unused:
        wrong = unknown or unused
        raise ValueError(f"{', '.join(wrong)} is {'not in rules' if unknown else 'in rules, but not in the condition'}")
    return _expression(SigmaExtendedCorrelationCondition.parse(text), rules)


def _expression(node: CorrelationConditionItem | SigmaRuleReference, rules: tuple[str, ...]) -> Expression:
    from sigma.correlations import CorrelationConditionAND, CorrelationConditionItem, CorrelationConditionOR

    if not isinstance(node, CorrelationConditionItem):
        return Occurs(rules.index(node.reference))
    operands = tuple(_expression(arg, rules) for arg in node.args)
    if isinstance(node, CorrelationConditionAND):
        return Combined("and", operands)
    return Combined("or" if isinstance(node, CorrelationConditionOR) else "not", operands)


def expression_text(expression: Expression, names: Sequence[str]) -> str:
    """A condition in words, with the rules called by `names`."""
    if isinstance(expression, Occurs):
        return names[expression.rule]
    texts = [expression_text(operand, names) for operand in expression.operands]
    texts = [f"({text})" if " " in text else text for text in texts]
    return f"not {texts[0]}" if expression.op == "not" else f" {expression.op} ".join(texts)
