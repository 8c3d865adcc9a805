"""Checks that the numbers in a description match the rule, since descriptions get outdated when thresholds change.

A description may also have numbers of published attacks. So there is no problem if one of its counts is the threshold
and one of its time spans is the timespan.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from sigmagen.durations import DAY, HOUR, MINUTE, SECOND, format_timespan
from sigmagen.lint.context import Context
from sigmagen.problems import Problem
from sigmagen.rules.correlation_types import Measure
from sigmagen.rules.model import Correlation, Threshold

_WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_SMALL = {word: number for number, word in enumerate(_WORDS, 1)} | {"a": 1, "an": 1}
_SCALES = {"k": 1_000, "thousand": 1_000, "m": 1_000_000, "million": 1_000_000, "billion": 1_000_000_000}
_UNITS = {"second": SECOND, "minute": MINUTE, "hour": HOUR, "day": DAY, "week": 7 * DAY, "month": 30 * DAY}

_NUMBER = r"[0-9]+(?:,[0-9]{3})*"
_TIME = re.compile(
    rf"\b(?:in|within|over|during|inside)\s+(?:the\s+)?(?:last\s+|past\s+|same\s+)?({_NUMBER}|{'|'.join(_SMALL)})"
    rf"[\s-]+({'|'.join(_UNITS)})s?\b",
    re.IGNORECASE,
)
_EVENTS = ("calls?", "requests?", "queries", "query", "events?", "prompts?", "probes?", "invocations?", "completions?")
_SUMMED = ("tokens?",)
_DISTINCT = (
    *_EVENTS,
    *("accounts?", "organi[sz]ations?", "users?", "keys?", "principals?", "values?", "fillings?", "addresses"),
    *("models?", "hashes", "settings", "documents?", "maps?", "biases"),
)
# After one of these words, the number belongs to another noun.
_BREAKS = "and|or|of|in|on|at|to|from|per|by|with|x|times"
_MEASURED: Mapping[Measure, tuple[str, ...]] = {"events": _EVENTS, "distinct values": _DISTINCT, "sum": _SUMMED}
"""Nouns of what is measured."""


def check(context: Context) -> Iterator[Problem]:
    """Yield the problems of the descriptions of alerting rules."""
    documents = {(item.document.file, item.document.line()): item.document for item in context.documents}
    for file in context.loaded.files:
        for rule in file.subjects:
            if not isinstance(rule, Correlation):
                continue
            document = documents[(rule.file, rule.line)]
            spans = find_timespans(rule.description)
            if spans and rule.timespan not in spans:
                shown = ", ".join(format_timespan(span) for span in sorted(spans))
                message = f"the description mentions {shown}, but the timespan is {format_timespan(rule.timespan)}"
                yield context.problem("prose-timespan", document, message, ("description",))
            counts = find_counts(rule.description, _MEASURED.get(rule.kind.measures, ()))
            if rule.threshold and counts and not counts & _list_equal_counts(rule.threshold):
                shown = ", ".join(f"{count:,}" for count in sorted(counts))
                message = f"the description mentions {shown}, but the threshold is {rule.threshold.value:,}"
                yield context.problem("prose-threshold", document, message, ("description",))


def find_timespans(text: str) -> set[int]:
    """Return the time spans after "in", "within", "over", "during" or "inside", in milliseconds."""
    found = set()
    for match in _TIME.finditer(text):
        count = _SMALL.get(match[1].lower()) or int(match[1].replace(",", ""))
        found.add(count * _UNITS[match[2].lower()])
    return found


def find_counts(text: str, nouns: tuple[str, ...]) -> set[float]:
    """Return the numbers before one of the nouns, with at most two words in between."""
    if not nouns:
        return set()
    scales = "|".join(_SCALES)
    pattern = re.compile(
        rf"(?<![\w.,$-])({_NUMBER}(?:\.[0-9]+)?)(?:\s*({scales})\b)?\+?(?:\s+or\s+more)?"
        rf"(?:\s(?!{'|'.join(_UNITS)}|(?:{_BREAKS})\b)[a-z-]+){{0,2}}?\s(?:{'|'.join(nouns)})\b",
        re.IGNORECASE,
    )
    return {
        float(match[1].replace(",", "")) * _SCALES.get((match[2] or "").lower(), 1) for match in pattern.finditer(text)
    }


def _list_equal_counts(threshold: Threshold) -> set[float]:
    """Return the numbers that may describe a threshold: "more than 49" and "50 or more" are the same."""
    other = {"gt": 1, "gte": -1, "lt": -1, "lte": 1}.get(threshold.op, 0)
    return {float(threshold.value), float(threshold.value + other)}
