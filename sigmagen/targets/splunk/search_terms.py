"""Conditions as terms of Splunk's search command, which use the index, if both mean exactly the same.

From the Search Reference, "search": terms ignore case, `*` is a wildcard also in quotes and can't be
escaped, OR binds tighter than AND, which is implied between terms, NOT also finds events without the field, and a
value in CIDR notation is a network.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from sigmagen.expr.tree import Call, Column, Expr, Get, Literal, Scalar, conjunction
from sigmagen.plan.steps import Aggregate, Derive, Filter, Step, Unique
from sigmagen.targets.printer import constant
from sigmagen.targets.unprintable import find_unprintable

_FIELD = re.compile(
    r"(?!(?:(?i:and|or|not|xor|in|by|as)"
    r"|earliest|latest|_index_\w+|starttime|endtime|eventtype|tag|savedsearch|savedsplunk)$)[A-Za-z0-9_.]+"
)
_WIDE = ("eq", "in", "equals_ignoring_case", "in_ignoring_case")
_NETWORK = re.compile(r"[0-9A-Fa-f.:]+/\d+")
_WORD = re.compile(r"[A-Za-z](?:[A-Za-z0-9_.:-]*[A-Za-z0-9])?")
"""A text that is never escaped in JSON, and that ends where the index ends a term."""

Quote = Callable[[str], str]


def hoist_terms(steps: list[Step], stored: Mapping[str, Get], quote: Quote) -> tuple[list[str], list[Step]]:
    """The parts of the first filters that are search terms, and the steps without them.

    `stored` are the columns that are read in place; steps may add more.
    """
    terms: list[str] = []
    kept: list[Step] = []
    fields = _searchable_fields(stored)
    for position, step in enumerate(steps):
        if isinstance(step, Derive):
            fields |= _searchable_fields({name: value for name, value in step.columns if isinstance(value, Get)})
            kept.append(step)
        elif isinstance(step, Filter):
            found = [(part, term(part, fields, quote)) for part in conjuncts(step.condition)]
            terms += [text for _, text in found if text]
            remaining = [part for part, text in found if not text]
            kept += [Filter(conjunction(remaining))] if remaining else []
        else:
            return terms, [*kept, *steps[position:]]
    return terms, kept


def prefilter(steps: list[Step], literal: Callable[[Scalar], str]) -> list[str]:
    """Terms for the conditions on fields that Splunk itself extracts, up to the first aggregation.

    They find at least what the conditions find, so the conditions remain.
    """
    stored = {name: value for step in steps if isinstance(step, Derive) for name, value in step.columns}
    first = next((index for index, step in enumerate(steps) if isinstance(step, Aggregate | Unique)), len(steps))
    return [
        term
        for step in steps[:first]
        if isinstance(step, Filter)
        for term in wide_terms(step.condition, stored, literal)
    ]


def wide_terms(condition: Expr, stored: Mapping[str, Expr], literal: Callable[[Scalar], str]) -> list[str]:
    """Search terms for the parts of a condition joined by AND, as far as terms find at least as much."""
    terms = []
    for part in conjuncts(condition):
        if not (isinstance(part, Call) and part.op in _WIDE):
            continue
        subject, *values = part.args
        get = stored.get(subject.name) if isinstance(subject, Column) else subject
        lowered = isinstance(get, Call) and get.op == "lower"
        get = get.args[0] if isinstance(get, Call) and lowered else get
        if not isinstance(get, Get) or get.base is not None or not all(isinstance(value, Literal) for value in values):
            continue
        field = ".".join(map(str, get.segments))
        constants = [constant(value) for value in values]
        folds = lowered or part.op.endswith("ignoring_case")
        if _FIELD.fullmatch(field) and all(_is_found_by_search(value, folds=folds) for value in constants):
            texts = [literal(value) for value in constants]
            terms.append(f"{field}={texts[0]}" if len(texts) == 1 else f"{field} IN ({', '.join(texts)})")
    return terms


def word_terms(steps: list[Step], quote: Quote) -> list[str]:
    """Words in the text of every event that passes the first filters of the steps, however long the text is."""
    stored: dict[str, Get] = {}
    terms = []
    for step in steps:
        if isinstance(step, Derive):
            stored |= {name: value for name, value in step.columns if isinstance(value, Get)}
        elif isinstance(step, Filter):
            terms += [words for part in conjuncts(step.condition) if (words := _words(part, stored, quote))]
        else:
            break
    return terms


def _words(condition: Expr, stored: Mapping[str, Get], quote: Quote) -> str | None:
    if not (isinstance(condition, Call) and condition.op in _WIDE):
        return None
    subject, *values = condition.args
    get = stored.get(subject.name) if isinstance(subject, Column) else subject
    if not isinstance(get, Get) or get.base is not None or not all(isinstance(value, Literal) for value in values):
        return None
    texts = [constant(value) for value in values]
    if not all(isinstance(text, str) and _WORD.fullmatch(text) for text in texts):
        return None
    words = " OR ".join(map(quote, texts))
    return words if len(texts) == 1 else f"({words})"


def _is_found_by_search(value: Scalar, *, folds: bool) -> bool:
    """Whether a term finds everything that equals a value. Whether search treats 2 and 2.0 alike is undocumented."""
    if not isinstance(value, str):
        return isinstance(value, bool)
    return (
        not find_unprintable(value)
        and "*" not in value
        and not _NETWORK.fullmatch(value)
        and (value.isascii() or not folds)
    )


def _searchable_fields(stored: Mapping[str, Get]) -> dict[str, str]:
    """The fields, by column, that Splunk itself extracts and search terms can name."""
    names = {
        column: ".".join(map(str, get.segments))
        for column, get in stored.items()
        if get.base is None and get.type != "timestamp"
    }
    return {column: name for column, name in names.items() if _FIELD.fullmatch(name)}


def conjuncts(condition: Expr) -> tuple[Expr, ...]:
    """The parts of a condition that are joined by AND."""
    return condition.args if isinstance(condition, Call) and condition.op == "and" else (condition,)


def term(condition: Expr, fields: Mapping[str, str], quote: Quote) -> str | None:
    """A condition on fields as one search term or several in brackets; None if no term means the same."""
    if not isinstance(condition, Call):
        return None
    if condition.op in ("and", "or"):
        texts: list[str] = []
        for part in condition.args:
            text = term(part, fields, quote)
            if text is None:
                return None
            texts.append(text)
        return f"({(' OR ' if condition.op == 'or' else ' ').join(texts)})"
    if condition.op == "not":
        inner = term(condition.args[0], fields, quote)
        return inner and f"NOT {inner}"
    return _comparison(condition, fields, quote)


def _comparison(condition: Call, fields: Mapping[str, str], quote: Quote) -> str | None:
    subject, *values = condition.args or (Literal(None),)
    folded = isinstance(subject, Call) and subject.op == "lower"
    if isinstance(subject, Call) and folded:
        subject = subject.args[0]
    field = fields.get(subject.name) if isinstance(subject, Column) else None
    if field is None or not values or not all(isinstance(value, Literal) for value in values):
        return None
    if condition.op == "like":
        patterns = [_wildcards([constant(value) for value in values], quote) if folded else None]
    else:
        patterns = [_pattern(condition.op, constant(value), quote, folded=folded) for value in values]
    texts = [pattern for pattern in patterns if pattern is not None]
    if not texts or len(texts) < len(patterns):
        return None
    return f"{field}={texts[0]}" if len(texts) == 1 else f"{field} IN ({', '.join(texts)})"


def _pattern(op: str, value: object, quote: Quote, *, folded: bool) -> str | None:
    """What a field is compared with. Case-sensitive text, and numbers that have several forms, need `where`."""
    if isinstance(value, bool):
        return quote(str(value).lower()) if op == "eq" else None
    if isinstance(value, int):
        return str(value) if op in ("eq", "in") else None
    if op in ("equals_ignoring_case", "in_ignoring_case"):
        return _wildcards([str(value)], quote)
    around = {"starts_with": [value, 0], "ends_with": [0, value], "contains": [0, value, 0]}
    return _wildcards(around[op], quote) if op in around and folded else None


def _wildcards(parts: list[object], quote: Quote) -> str | None:
    """Texts joined, with `*` for a number; None with a `?`, or a text that search would understand differently."""
    texts = [part for part in parts if isinstance(part, str)]
    if 1 in parts or any(
        find_unprintable(text) or "*" in text or not text.isascii() or _NETWORK.fullmatch(text) for text in texts
    ):
        return None
    return quote("".join(part if isinstance(part, str) else "*" for part in parts)) if any(texts) else None
