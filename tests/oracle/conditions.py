"""The oracle's half for single events: what a condition means, on pySigma's own tree, as naively as possible."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address, ip_address
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from sigma import conditions, types

from sigmagen.rules.model import BaseRule

COMPARE = {"gt": gt, "gte": ge, "lt": lt, "lte": le, "eq": eq, "neq": ne}

Event = dict[str, Any]


def matches(rule: BaseRule, event: Event) -> bool:
    """Does the event meet the rule's condition? A comparison with a missing field is false, its negation true.

    Raises ValueError for value types that the oracle has no meaning for.
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
        return _compare(node.field, node.value, event)
    if isinstance(node, conditions.ConditionValueExpression):
        return any(
            _found(_canonical(field, value), node.value)
            for field, value in event.items()
            if not field.endswith(".hash")
        )
    raise ValueError(f"no condition: {node!r}")


def _found(value: object, wanted: object) -> bool:
    """Is a keyword somewhere in this text of the event? Numbers and truth values are no text."""
    if isinstance(wanted, types.SigmaExpansion):
        return any(_found(value, one) for one in wanted.values)
    if not isinstance(value, str):
        return False
    if isinstance(wanted, types.SigmaRegularExpression):
        return _search(wanted, value)
    if isinstance(wanted, types.SigmaNumber):
        return as_text(wanted.number) in value
    if isinstance(wanted, types.SigmaString):
        # The loader's mark of a keyword with `startswith` or `endswith`, which holds its wildcard already.
        around = [] if getattr(wanted, "_sigmagen_whole", False) else [types.SpecialChars.WILDCARD_MULTI]
        return _like(value, [*around, *wanted.s, *around], cased=isinstance(wanted, types.SigmaCasedString))
    raise ValueError(f"the oracle has no meaning for a keyword that is a {type(wanted).__name__}")


def _compare(field: str, wanted: object, event: Event) -> bool:
    """Does a field of an event meet one value of the rule? Of a list of values, one has to."""
    value = _canonical(field, event.get(field))
    if isinstance(wanted, types.SigmaExpansion):
        return any(_compare(field, one, event) for one in wanted.values)
    if isinstance(wanted, types.SigmaNull):
        return value is None
    if isinstance(wanted, types.SigmaExists):
        return (value is not None) == wanted.exists
    if isinstance(value, list):
        return any(_compare(field, wanted, {**event, field: one}) for one in value)
    if isinstance(wanted, types.SigmaString):
        if field.endswith(".ip") and _address(str(wanted)) is not None:
            return _address(value) == _address(str(wanted))
        return value is not None and _like(as_text(value), wanted.s, cased=isinstance(wanted, types.SigmaCasedString))
    if isinstance(wanted, types.SigmaFieldReference):
        return _refers(value, event.get(wanted.field), wanted)
    if isinstance(wanted, types.SigmaBool):
        return value is not None and as_text(value).lower() == as_text(wanted.boolean)
    if isinstance(wanted, types.SigmaTimestampPart):
        return value is not None and _time_part(value, wanted) == wanted.number
    if isinstance(wanted, types.SigmaNumber):
        if isinstance(value, str):
            return value == as_text(wanted.number)
        return is_number(value) and bool(value == wanted.number)
    if isinstance(wanted, types.SigmaCompareExpression):
        if isinstance(wanted.number, types.SigmaTimestampPart) and value is not None:
            value = _time_part(value, wanted.number)
        return (
            value is not None
            and is_number(value)
            and bool(COMPARE[wanted.op.name.lower()](value, wanted.number.number))
        )
    if isinstance(wanted, types.SigmaRegularExpression):
        return value is not None and _search(wanted, as_text(value))
    if isinstance(wanted, types.SigmaCIDRExpression):
        address = _address(value)
        return address is not None and (address in wanted.network or _mapped(address) in wanted.network)
    raise ValueError(f"the oracle has no meaning for a {type(wanted).__name__}")


def _refers(value: Any, other: Any, wanted: types.SigmaFieldReference) -> bool:
    """Does a field equal another, or start with it, end with it or hold it? Text without regard to case.

    An empty text refers to nothing.
    """
    if value is None or other is None or other == "":
        return False
    if not isinstance(value, str) or not isinstance(other, str):
        return bool(value == other)
    text, part = _lower(value), _lower(other)
    if wanted.starts_with and wanted.ends_with:
        return part in text
    if wanted.starts_with or wanted.ends_with:
        return text.startswith(part) if wanted.starts_with else text.endswith(part)
    return text == part


def _time_part(value: int, wanted: types.SigmaTimestampPart) -> int:
    """A part of a time (epoch milliseconds) in UTC; weeks are those of ISO 8601."""
    moment = datetime.fromtimestamp(value / 1000, UTC)
    if wanted.timestamp_part is types.TimestampPart.WEEK:
        return moment.isocalendar().week
    return int(getattr(moment, wanted.timestamp_part.name.lower()))


# What PCRE means by its classes and Python by theirs differs beyond ASCII.
ASCII = {
    "d": "0-9",
    "w": "0-9A-Za-z_",
    "s": " \\t\\n\\r\\f\\v",
}
NOT_ASCII = {
    "D": "\\x00-/:-\U0010ffff",
    "W": "\\x00-/:-@\\[-^`{-\U0010ffff",
    "S": "\\x00-\\x08\\x0e-\\x1f!-\U0010ffff",
}
POSIX = {
    "upper": "A-Z",
    "lower": "a-z",
    "digit": "0-9",
    "alpha": "A-Za-z",
    "space": " \\t\\n\\r\\f\\v",
    "punct": re.escape("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"),
    "^digit": "\\x00-/:-\U0010ffff",
}
EDGE = "(?:(?<![0-9A-Za-z_])(?=[0-9A-Za-z_])|(?<=[0-9A-Za-z_])(?![0-9A-Za-z_]))"


def _search(wanted: types.SigmaRegularExpression, text: str) -> bool:
    flags = 0
    for flag in wanted.flags:
        flags |= types.SigmaRegularExpression.sigma_to_python_flags[flag]
    return re.search(_as_pcre(str(wanted.regexp)), text, flags) is not None


def _as_pcre(pattern: str) -> str:
    """The pattern with its classes and boundaries written out as ASCII."""
    written, in_class, at = "", False, 0
    while at < len(pattern):
        character, following = pattern[at], pattern[at + 1 : at + 2]
        if character == "\\":
            written += _escape(following, in_class=in_class)
            at += 2
            continue
        if in_class and (posix := re.match(r"\[:(\^?[a-z]+):\]", pattern[at:])):
            written += POSIX[posix[1]]
            at += posix.end()
            continue
        if named := re.match(r"\(\?<(?=\w+>)", pattern[at:]):
            written += "(?P<"
            at += named.end()
            continue
        if character == "[" and not in_class:
            in_class = True
            first = re.match(r"\[\^?\]?", pattern[at:])
            assert first is not None
            written += first[0]
            at += len(first[0])
            continue
        in_class = in_class and character != "]"
        written += character
        at += 1
    return written


def _escape(letter: str, *, in_class: bool) -> str:
    if letter in ASCII:
        return ASCII[letter] if in_class else f"[{ASCII[letter]}]"
    if letter in NOT_ASCII:
        return NOT_ASCII[letter] if in_class else f"[{NOT_ASCII[letter]}]"
    if letter in "bB" and not in_class:
        return EDGE if letter == "b" else f"(?!{EDGE})"
    return r"(?=\n?\Z)" if letter == "Z" else "\\" + letter


def _lower(text: str) -> str:
    """Lower case, in which a sigma is one letter wherever it stands."""
    return text.lower().replace("\u03c2", "\u03c3")


def _like(text: str, parts: Sequence[object], *, cased: bool) -> bool:
    """The whole text against a string with wildcards; upper and lower case are one unless the rule says `cased`."""
    pattern = ""
    for part in parts:
        if isinstance(part, str):
            pattern += re.escape(part if cased else _lower(part))
        elif part is types.SpecialChars.WILDCARD_MULTI:
            pattern += ".*"
        elif part is types.SpecialChars.WILDCARD_SINGLE:
            pattern += "."
        else:
            raise ValueError(f"unresolved placeholder: {part}")
    return re.fullmatch(pattern, text if cased else _lower(text), re.DOTALL) is not None


def _address(value: object) -> IPv4Address | IPv6Address | None:
    """The address that a text says, IPv4 also where it is mapped into IPv6; None for any other text."""
    try:
        address = ip_address(str(value))
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _canonical(field: str, value: Any) -> Any:
    """An address in its one form; anything else as it is."""
    address = _address(value) if field.endswith(".ip") else None
    return value if address is None else str(address)


def _mapped(address: IPv4Address | IPv6Address) -> IPv6Address:
    return address if isinstance(address, IPv6Address) else IPv6Address(f"::ffff:{address}")


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def as_text(value: object) -> str:
    """A value as text, the way JSON writes it; a whole number has no fraction."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
