"""Does one event meet a rule's condition? pySigma's own condition tree, walked over one event."""

from __future__ import annotations

import re
from ipaddress import ip_address
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from sigma import conditions, types

from sigmagen.rules.model import BaseRule

COMPARE = {"gt": gt, "gte": ge, "lt": lt, "lte": le, "eq": eq, "neq": ne}

Event = dict[str, Any]


def matches(rule: BaseRule, event: Event) -> bool:
    """Does the event meet the rule's condition? A comparison with a missing field is false, its negation true.

    Raises ValueError for keywords (values without a field) and for value types that the oracle has no meaning for.
    """
    return _condition(rule.condition, event)


def _condition(node: object, event: Event) -> bool:
    if isinstance(node, conditions.ConditionAND):
        return all(_condition(arg, event) for arg in node.args)
    if isinstance(node, conditions.ConditionOR):
        return any(_condition(arg, event) for arg in node.args)
    if isinstance(node, conditions.ConditionNOT):
        return not _condition(node.args[0], event)
    if isinstance(node, conditions.ConditionFieldEqualsValueExpression):
        return _compare(event.get(node.field), node.value)
    if isinstance(node, conditions.ConditionValueExpression):
        raise ValueError(f"a keyword without a field has no meaning over canonical events: {node.value}")
    raise ValueError(f"no condition: {node!r}")


def _compare(value: Any, wanted: object) -> bool:
    """Does an event's value meet one value of the rule? Of a list of values, one has to."""
    if isinstance(wanted, types.SigmaExpansion):
        return any(_compare(value, one) for one in wanted.values)
    if isinstance(wanted, types.SigmaNull):
        return value is None
    if isinstance(wanted, types.SigmaExists):
        return (value is not None) == wanted.exists
    if isinstance(value, list):
        return any(_compare(one, wanted) for one in value)
    if isinstance(wanted, types.SigmaString):
        return value is not None and _like(_text(value), wanted)
    if isinstance(wanted, types.SigmaBool):
        return value is not None and _text(value).lower() == _text(wanted.boolean)
    if isinstance(wanted, types.SigmaNumber) and not isinstance(wanted, types.SigmaTimestampPart):
        if isinstance(value, str):
            return value == _text(wanted.number)
        return _is_number(value) and bool(value == wanted.number)
    if isinstance(wanted, types.SigmaCompareExpression):
        return _is_number(value) and bool(COMPARE[wanted.op.name.lower()](value, wanted.number.number))
    if isinstance(wanted, types.SigmaRegularExpression):
        flags = 0
        for flag in wanted.flags:
            flags |= types.SigmaRegularExpression.sigma_to_python_flags[flag]
        return value is not None and re.search(str(wanted.regexp), _text(value), flags) is not None
    if isinstance(wanted, types.SigmaCIDRExpression):
        return value is not None and _is_inside(_text(value), wanted)
    raise ValueError(f"the oracle has no meaning for a {type(wanted).__name__}")


def _like(text: str, wanted: types.SigmaString) -> bool:
    """The whole text against a string with wildcards; upper and lower case are one unless the rule says `cased`."""
    cased = isinstance(wanted, types.SigmaCasedString)
    pattern = ""
    for part in wanted.s:
        if isinstance(part, str):
            pattern += re.escape(part if cased else part.lower())
        elif part is types.SpecialChars.WILDCARD_MULTI:
            pattern += ".*"
        elif part is types.SpecialChars.WILDCARD_SINGLE:
            pattern += "."
        else:
            raise ValueError(f"unresolved placeholder in {wanted}")
    return re.fullmatch(pattern, text if cased else text.lower(), re.DOTALL) is not None


def _is_inside(text: str, wanted: types.SigmaCIDRExpression) -> bool:
    try:
        return ip_address(text) in wanted.network
    except ValueError:  # not an address
        return False


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(value: object) -> str:
    """A value as text, the way JSON writes it; a whole number has no fraction."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
