"""Conditions as terms of Splunk's search command, which the index can answer, where they say exactly the same.

From the Search Reference, "search": terms compare without regard to case, `*` is a wildcard also in quotes and can't be
escaped, OR binds tighter than AND, which is implied between terms, NOT is also met by events without the field, and a
value in CIDR notation is a network.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from sigmagen.backends.printer import constant
from sigmagen.plan.expr import Call, Expr, Get, Literal, conjunction, substitute
from sigmagen.plan.steps import Derive, Filter, Step

_FIELD = re.compile(
    r"(?!(?:(?i:and|or|not|xor|in|by|as)|earliest|latest|_index_\w+|starttime|endtime|eventtype|tag|savedsearch|savedsplunk)$)[\w.]+"
)
_NETWORK = re.compile(r"[0-9A-Fa-f.:]+/\d+")

Quote = Callable[[str], str]


def hoisted(steps: list[Step], quote: Quote) -> tuple[list[str], list[Step]]:
    """The parts of the first filters that are search terms, and the steps without them."""
    terms: list[str] = []
    kept: list[Step] = []
    stored: dict[str, Expr] = {}
    for position, step in enumerate(steps):
        if isinstance(step, Derive):
            stored |= dict(step.columns)
            kept.append(step)
        elif isinstance(step, Filter):
            said = [(part, term(substitute(part, stored), quote)) for part in conjuncts(step.condition)]
            terms += [text for _, text in said if text]
            left = [part for part, text in said if not text]
            kept += [Filter(conjunction(left))] if left else []
        else:
            return terms, [*kept, *steps[position:]]
    return terms, kept


def conjuncts(condition: Expr) -> tuple[Expr, ...]:
    """The parts of a condition that are joined by AND."""
    return condition.args if isinstance(condition, Call) and condition.op == "and" else (condition,)


def term(condition: Expr, quote: Quote) -> str | None:
    """A condition on stored fields as search terms, one after the other all of them; None where they would differ."""
    if not isinstance(condition, Call):
        return None
    if condition.op in ("and", "or"):
        parts = [term(part, quote) for part in condition.args]
        texts = [part for part in parts if part is not None]
        word = " OR " if condition.op == "or" else " "
        return f"({word.join(texts)})" if len(texts) == len(parts) else None
    if condition.op == "not":
        inner = term(condition.args[0], quote)
        return inner and f"NOT {inner}"
    return _comparison(condition, quote)


def _comparison(condition: Call, quote: Quote) -> str | None:
    subject, *values = condition.args
    folded = isinstance(subject, Call) and subject.op == "lower"
    if isinstance(subject, Call) and folded:
        subject = subject.args[0]
    field = _field(subject)
    if field is None or not values or not all(isinstance(value, Literal) for value in values):
        return None
    patterns = [_pattern(condition.op, value, quote, folded=folded) for value in map(constant, values)]
    if condition.op == "like":
        patterns = [_wildcards([constant(value) for value in values], quote) if folded else None]
    texts = [pattern for pattern in patterns if pattern is not None]
    if not texts or len(texts) < len(patterns):
        return None
    return f"{field}={texts[0]}" if len(texts) == 1 else f"{field} IN ({', '.join(texts)})"


def _field(subject: Expr) -> str | None:
    """The name of a field that Splunk extracts by itself, if search can name it."""
    if not isinstance(subject, Get) or subject.base is not None:
        return None
    name = ".".join(map(str, subject.segments))
    return name if _FIELD.fullmatch(name) and subject.type != "timestamp" else None


def _pattern(op: str, value: object, quote: Quote, *, folded: bool) -> str | None:
    """What a field is compared with. Text with regard to case, and numbers that have several forms, are for `where`."""
    if isinstance(value, bool):
        return quote(str(value).lower()) if op == "eq" else None
    if isinstance(value, int):
        return str(value) if op in ("eq", "in") else None
    if op in ("equals_ignoring_case", "in_ignoring_case"):
        return _wildcards([str(value)], quote)
    around = {"starts_with": [value, 0], "ends_with": [0, value], "contains": [0, value, 0]}
    return _wildcards(around[op], quote) if op in around and folded else None


def _wildcards(parts: list[object], quote: Quote) -> str | None:
    """Texts with a number for `*`, and None where there is a `?` or a text that search takes for something else."""
    texts = [part for part in parts if isinstance(part, str)]
    if 1 in parts or any("*" in text or not text.isascii() or _NETWORK.fullmatch(text) for text in texts):
        return None
    return quote("".join(part if isinstance(part, str) else "*" for part in parts)) if any(texts) else None
