"""Checks for unused selections and placeholders without the modifier expand."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

from sigmagen.lint.context import Context, RuleDocument, list_texts
from sigmagen.problems import Problem
from sigmagen.rules.condition_text import matches_pattern
from sigmagen.rules.placeholders import find_placeholders, load_allow_lists
from sigmagen.rules.yaml import KeyPath


def check(context: Context) -> Iterator[Problem]:
    """Yield the problems of detections."""
    # Windows paths contain variables such as %temp%, so only names of allow lists are reported.
    lists, _ = load_allow_lists(context.mappings)
    for document in context.documents:
        detection = document.data.get("detection")
        if isinstance(detection, dict):
            yield from _unused(context, document, detection)
            for key, definition in detection.items():
                if key != "condition":
                    yield from _literal_placeholders(context, document, definition, ("detection", key), lists)


def _unused(context: Context, document: RuleDocument, detection: dict[str, Any]) -> Iterator[Problem]:
    words = {word for text in list_texts(detection.get("condition")) for word in re.findall(r"[\w*-]+", text)}
    if not words or "them" in {word.lower() for word in words}:
        return
    patterns = [word for word in words if "*" in word]
    for key in detection:
        used = key in words or any(matches_pattern(key, pattern) for pattern in patterns)
        if key != "condition" and not used:
            message = f"the condition doesn't use '{key}'"
            yield context.problem("selection-unused", document.document, message, ("detection", key))


def _literal_placeholders(
    context: Context, document: RuleDocument, definition: Any, path: KeyPath, lists: Collection[str]
) -> Iterator[Problem]:
    if isinstance(definition, list):
        for position, item in enumerate(definition):
            yield from _literal_placeholders(context, document, item, (*path, position), lists)
    elif isinstance(definition, dict):
        for key, value in definition.items():
            literal = [name for name in find_placeholders(value) if name in lists]
            if literal and "expand" not in key.split("|"):
                message = f"'%{literal[0]}%' is compared literally"
                hint = f"write {key}|expand to use the allow list"
                yield context.problem("placeholder-without-expand", document.document, message, (*path, key), hint)
