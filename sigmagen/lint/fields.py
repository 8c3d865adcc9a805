"""Checks for fields that no log source has: a rule on them would never match."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator
from typing import Any

from sigmagen.lint.context import Context, RuleDocument
from sigmagen.problems import Problem
from sigmagen.rules.model import Correlation, LogSource, base_rules
from sigmagen.rules.yaml import Document, KeyPath

NUMERIC = ("integer", "float")


def check(context: Context) -> Iterator[Problem]:
    """Yield the problems of field names in detections, group-by and conditions."""
    for document in context.documents:
        if not document.is_correlation:
            yield from _base(context, document)
    documents = {(item.document.file, item.document.line()): item for item in context.documents}
    for file in context.loaded.files:
        for rule in file.documents:
            if isinstance(rule, Correlation):
                yield from _correlation(context, documents[(rule.file, rule.line)].document, rule)


def find_known_fields(context: Context, logsource: LogSource) -> dict[str, str] | None:
    """Return the fields of a log source with their types; None if the log source is unknown."""
    canonical = context.taxonomy.fields.values() if context.taxonomy else ()
    if fields := {field.name: str(field.type) for field in canonical if logsource.category in field.categories}:
        return fields
    native = [
        source.native_fields
        for source in context.sources.values()
        if any(entry.logsource == logsource for entry in source.logsources)
    ]
    return {name: kind for fields in native for name, kind in fields.items()} or None


def _base(context: Context, document: RuleDocument) -> Iterator[Problem]:
    logsource, detection = document.data.get("logsource"), document.data.get("detection")
    if not isinstance(logsource, dict) or not isinstance(detection, dict):
        return
    known = find_known_fields(context, LogSource(*(logsource.get(key) for key in ("category", "product", "service"))))
    if known is None:
        if context.taxonomy is not None:
            shown = ", ".join(f"{key}={value}" for key, value in logsource.items() if key != "definition" and value)
            message = f"no source mapping has the log source {shown}"
            yield context.problem("unknown-logsource", document.document, message, ("logsource",))
        return
    for field, path in _detection_fields(detection, ("detection",)):
        yield from _unknown(context, document.document, field, path, known)


def _detection_fields(definition: Any, path: KeyPath) -> Iterator[tuple[str, KeyPath]]:
    """Yield the fields of a detection with their paths. The first level has the names of the selections."""
    if isinstance(definition, list):
        for position, item in enumerate(definition):
            yield from _detection_fields(item, (*path, position))
    elif isinstance(definition, dict):
        for key, value in definition.items():
            if len(path) > 1:
                if field := key.split("|")[0]:
                    yield field, (*path, key)
            elif key != "condition":
                yield from _detection_fields(value, (*path, key))


def _correlation(context: Context, document: Document, rule: Correlation) -> Iterator[Problem]:
    """Check that group-by and condition fields exist in the log source of every referenced rule."""
    reported: set[str] = set()
    for base in base_rules(rule):
        known = find_known_fields(context, base.logsource)
        if known is None:
            continue
        for field, path in _correlation_fields(rule):
            problems = list(_unknown(context, document, field, path, known))
            kind = known.get(field)
            if not problems and kind not in (*NUMERIC, None) and path[1] == "condition" and rule.kind.numeric:
                message = f"{rule.type} needs a numeric field, but '{field}' has the type {kind}"
                problems = [context.problem("field-not-numeric", document, message, path)]
            if field not in reported:
                yield from problems
            reported |= {field} if problems else set()


def _correlation_fields(rule: Correlation) -> Iterator[tuple[str, KeyPath]]:
    for position, field in enumerate(rule.group_by):
        yield field, ("correlation", "group-by", position)
    for field in rule.threshold.fields if rule.threshold else ():
        yield field, ("correlation", "condition", "field")


def _unknown(
    context: Context, document: Document, field: str, path: KeyPath, known: Collection[str]
) -> Iterator[Problem]:
    if field in known:
        return
    near = difflib.get_close_matches(field, known, 3)
    hint = (
        f"nearest: {', '.join(near)}"
        if near
        else "canonical fields are listed in taxonomy.yml, native ones under native_fields of a source"
    )
    yield context.problem("unknown-field", document, f"unknown field '{field}'", path, hint)
