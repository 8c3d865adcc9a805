"""Limits of Sentinel and its community's checks, before anything is written: each violation names rule and field.

The checks are those of Azure-Sentinel's detectionTemplateSchemaValidation, read as a specification.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from uuid import UUID

from sigmagen.packages.sentinel.facts import Facts
from sigmagen.packages.sentinel.formatting import span
from sigmagen.packages.sentinel.function import Function
from sigmagen.packages.sentinel.hunt import HuntingQuery
from sigmagen.packages.sentinel.rule import AnalyticsRule
from sigmagen.problems import Problem

_KEY = re.compile(r"[a-zA-Z]+\w*", re.ASCII)
_COLUMN = re.compile(r"[a-zA-Z_]+\w*", re.ASCII)
_VERSION = re.compile(r"\d+\.\d+\.\d+")
_TECHNIQUE = re.compile(r"T\d{4}(\.\d{3})?")
_PLACEHOLDER = re.compile(r"\{\{([^{}]*)\}\}")

Finding = tuple[str, str]
"""(field, what is wrong with it)."""


def lint(
    rules: Sequence[AnalyticsRule], hunts: Sequence[HuntingQuery], facts: Facts, functions: Sequence[Function] = ()
) -> list[Problem]:
    """Every violation, in the order of the rules."""
    problems = []
    for rule in rules:
        for field, message in (
            *_texts(rule, facts),
            *_schedule(rule, facts),
            *_attack(rule, facts),
            *_columns(rule, facts),
        ):
            problems.append(_problem(rule, field, message))
    texts = [*((f"hunting query {hunt.name}", hunt.query) for hunt in hunts)]
    texts += [(f"function {function.name}", function.query) for function in functions]
    for name, text in texts:
        for field, message in _long("query", text, facts):
            problems.append(Problem("sentinel-limit", f"{name}: {field} {message}"))
    return problems


def _problem(rule: AnalyticsRule, field: str, message: str) -> Problem:
    return Problem("sentinel-limit", f"{rule.title}: {field} {message}", file=rule.origin, line=rule.line)


def _texts(rule: AnalyticsRule, facts: Facts) -> Iterator[Finding]:
    if not _guid(rule.id):
        yield "id", f"must be a GUID, not {rule.id!r}"
    if not rule.query.strip():
        yield "query", "is empty"
    if not rule.title.strip():
        yield "name", "is empty"
    if not rule.description.strip():
        yield "description", "is empty"
    if not _VERSION.fullmatch(rule.version) or len(rule.version) > facts.limits["version"]:
        yield "version", f"must be three numbers, not {rule.version!r}"
    yield from _long("query", rule.query, facts)
    yield from _long("name", rule.title, facts)
    yield from _long("description", rule.description, facts)
    for field, text, limit in (
        ("alertDisplayNameFormat", rule.display_format, "alert_name_bytes"),
        ("alertDescriptionFormat", rule.description_format, "alert_description_bytes"),
    ):
        if text is None:
            continue
        size = len(text.encode())
        if not 0 < size <= facts.limits[limit]:
            yield field, f"has {size} bytes; from 1 to {facts.limits[limit]} are allowed"
        named = _PLACEHOLDER.findall(text)
        if len(named) > facts.limits["placeholders"]:
            yield field, f"names {len(named)} columns; {facts.limits['placeholders']} are allowed"
        yield from (
            (field, f"names {name}, which is no column of the result") for name in named if name not in rule.columns
        )


def _schedule(rule: AnalyticsRule, facts: Facts) -> Iterator[Finding]:
    limits = facts.limits
    shortest, longest = limits["shortest_minutes"], limits["longest_minutes"]
    for field, minutes in (("queryFrequency", rule.frequency), ("queryPeriod", rule.period)):
        if not shortest <= minutes <= longest:
            yield field, f"is {span(minutes)}; it must be from {span(shortest)} to {span(longest)}"
    if rule.period < rule.frequency:
        yield "queryPeriod", f"is {span(rule.period)}, shorter than queryFrequency, {span(rule.frequency)}"
    if rule.period >= limits["long_period_minutes"] and rule.frequency < limits["long_period_frequency"]:
        yield "queryFrequency", f"is {span(rule.frequency)}; over a period of {span(rule.period)} it must be 1h or more"
    if not 0 <= rule.threshold <= limits["threshold"]:
        yield "triggerThreshold", f"is {rule.threshold}; it must be from 0 to {limits['threshold']}"
    if not shortest <= rule.grouping <= limits["grouping_minutes"]:
        yield "lookbackDuration", f"is {span(rule.grouping)}; it must be from 5m to {span(limits['grouping_minutes'])}"


def _attack(rule: AnalyticsRule, facts: Facts) -> Iterator[Finding]:
    if rule.severity not in facts.severities.values():
        yield "severity", f"is {rule.severity!r}, which Sentinel doesn't know"
    for tactic in rule.attack.tactics:
        if tactic not in facts.tactics:
            yield "tactics", f"has {tactic!r}, which Sentinel doesn't know"
    for technique in rule.attack.techniques:
        wanted = facts.techniques.get(technique.partition(".")[0], ())
        if not _TECHNIQUE.fullmatch(technique) or not set(wanted) <= set(rule.attack.tactics) or not wanted:
            yield "relevantTechniques", f"has {technique} without all of its tactics ({', '.join(wanted) or 'unknown'})"


def _columns(rule: AnalyticsRule, facts: Facts) -> Iterator[Finding]:
    entities, details, limits = rule.enrichment.entities, rule.enrichment.details, facts.limits
    if len(entities) > limits["entity_mappings"]:
        yield "entityMappings", f"has {len(entities)} entities; {limits['entity_mappings']} are allowed"
    for kind, identifier, column in entities:
        known = facts.identifiers.get(kind)
        if known is None:
            yield "entityMappings", f"has the entity {kind!r}, which Sentinel doesn't know"
        elif identifier not in known["known"] or [identifier] not in known["required"]:
            yield "entityMappings", f"maps {kind} by {identifier}, which doesn't identify it alone"
        if column not in rule.columns:
            yield "entityMappings", f"maps {column}, which is no column of the result"
    if len(details) > limits["custom_details"]:
        yield "customDetails", f"has {len(details)} keys; {limits['custom_details']} are allowed"
    for key, column in details.items():
        if not _KEY.fullmatch(key) or len(key) > limits["custom_detail_key"]:
            yield (
                "customDetails",
                f"has the key {key!r}; a key is a word of at most {limits['custom_detail_key']} characters",
            )
        if column not in rule.columns or not _COLUMN.fullmatch(column):
            yield "customDetails", f"maps {column}, which is no column of the result"


def _long(field: str, text: str, facts: Facts) -> Iterator[Finding]:
    if len(text) > facts.limits[field]:
        yield field, f"has {len(text)} characters; {facts.limits[field]} are allowed"


def _guid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
