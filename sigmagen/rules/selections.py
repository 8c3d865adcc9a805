"""Parsing the selections of a detection with pySigma. Each item is checked first, so that problems have a line.

pySigma drops or misreads some input, such as empty lists or contradicting modifiers, and raises unspecific exceptions.
Some modifiers multiply the number of values.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sigmagen.problems import Problem
from sigmagen.rules.modifiers import count_spellings, find_conflict, find_text_modifier, get_modifier_name
from sigmagen.rules.placeholders import (
    NOTHING,
    AllowLists,
    count_expansions,
    expand_placeholders,
    find_unknown_placeholders,
)
from sigmagen.rules.wording import reword_error, reword_value
from sigmagen.rules.yaml import Document, KeyPath, describe_type

if TYPE_CHECKING:
    from sigma.rule import SigmaDetection, SigmaDetectionItem

MOST_SPELLINGS = 5_000
"""The most values that an item may have after its modifiers and placeholders are applied."""

_INCOMPATIBLE = re.compile(r"Modifier (\w+) incompatible to value type of '(.*)'", re.DOTALL)


class SelectionReader:
    """Parses selections. Collects problems in `problems` and fields without any value in `emptied`."""

    def __init__(self, document: Document, lists: AllowLists, problems: list[Problem]) -> None:
        self.document = document
        self.lists = lists
        self.problems = problems
        self.emptied: list[str] = []

    def read(self, definition: Any, path: KeyPath) -> SigmaDetection | None:
        """Parse a selection or a part of one. Returns None, with problems, if anything in it is invalid."""
        from sigma.rule import SigmaDetection

        found: list[Any]
        if definition in ({}, [], None):
            self._note(f"'{path[-1]}' is empty", path)
            return None
        if isinstance(definition, dict):
            found = [self._item(key, value, (*path, key)) for key, value in definition.items()]
        elif isinstance(definition, list) and any(isinstance(item, dict | list) for item in definition):
            found = [self.read(item, (*path, position)) for position, item in enumerate(definition)]
        else:
            found = [self._item("", definition, path)]
        parts = [part for part in found if part is not None]
        return SigmaDetection(parts) if len(parts) == len(found) else None

    def _item(self, key: str, value: Any, path: KeyPath) -> SigmaDetectionItem | None:
        from sigma.rule import SigmaDetectionItem

        field, *modifiers = key.split("|")
        values = value if isinstance(value, list) else [value]
        if not (self._known(modifiers, path) and self._values(field, modifiers, values, path)):
            return None
        if "expand" in modifiers:
            unknown = find_unknown_placeholders(self.document, self.lists, values, path)
            self.problems += unknown
            if unknown:
                return None
            modifiers.remove("expand")
            values = [
                text for one in values for text in expand_placeholders(one, self.lists, literal="re" in modifiers)
            ]
            if not values:
                self.emptied.append(field)
                values, modifiers = [NOTHING], [name for name in modifiers if name == "neq"]
        try:
            # pySigma raises unspecific exceptions for values of unexpected types.
            return SigmaDetectionItem.from_mapping("|".join([field, *modifiers]), values)
        except Exception as error:
            self._note(_reword_reason(error, modifiers), path)
            return None

    def _known(self, modifiers: list[str], path: KeyPath) -> bool:
        from sigma.modifiers import modifier_mapping

        for modifier in modifiers:
            if modifier not in modifier_mapping:
                near = difflib.get_close_matches(modifier, modifier_mapping, 3) or sorted(modifier_mapping)
                message = f"unknown modifier '{modifier}'"
                hint = f"nearest: {', '.join(near)}"
                self.problems.append(self.document.problem("unknown-modifier", message, path, hint))
                return False
        if reason := find_conflict(modifiers):
            self._note(reason, path)
            return False
        return True

    def _values(self, field: str, modifiers: list[str], values: list[Any], path: KeyPath) -> bool:
        """Return whether pySigma can parse the values."""
        before = len(self.problems)
        if not values:
            hint = "write null for a missing field, or remove the item"
            self._note(f"{field or 'the item'} is compared with an empty list", path, hint)
        for position, value in enumerate(values):
            place = (*path, position)
            if isinstance(value, dict | list):
                self._note(
                    f"{field or 'the item'} is compared with {describe_type(value)}", place, "write text or a number"
                )
            elif value is None and not field:
                self._note("a value without a field can't be empty", place)
            elif not isinstance(value, str) and (modifier := find_text_modifier(modifiers)):
                self._note(f"the modifier '{modifier}' needs text, not {describe_type(value)}", place, "quote it")
            elif "expand" in modifiers and not isinstance(value, str):
                self._note(f"the modifier 'expand' needs text, not {describe_type(value)}", place, "quote it")
        if len(self.problems) > before:
            return False
        number = sum(self._number(value, modifiers) for value in values)
        if number > max(MOST_SPELLINGS, len(values)):
            message = f"the modifiers produce {number:,} values; at most {MOST_SPELLINGS:,} are allowed"
            hint = "split the text, or use a regular expression (|re)"
            self._note(message, path, hint)
        return len(self.problems) == before

    def _number(self, value: Any, modifiers: list[str]) -> int:
        if not isinstance(value, str):
            return 1
        listed = count_expansions(value, self.lists) if "expand" in modifiers else 1
        return listed * count_spellings(value, modifiers)

    def _note(self, message: str, path: KeyPath, hint: str | None = None) -> None:
        self.problems.append(self.document.problem("invalid-detection", message, path, hint))


def _reword_reason(error: Exception, modifiers: list[str]) -> str:
    """Return pySigma's reason in terms of the rule."""
    text = str(error) or type(error).__name__
    if found := _INCOMPATIBLE.search(text):
        return f"the modifier '{get_modifier_name(found[1], modifiers)}' can't be applied to {reword_value(found[2])}"
    return reword_error(error)


def count_values(detections: Mapping[str, SigmaDetection]) -> dict[str, int]:
    """Return the number of values of each selection."""
    return {name: _count_values(detection) for name, detection in detections.items()}


def _count_values(part: Any) -> int:
    """Return the number of values below a selection, an item, or an expansion of one value."""
    below = getattr(part, "detection_items", None) or getattr(part, "value", None) or getattr(part, "values", None)
    return sum(map(_count_values, below)) if isinstance(below, list) else 1
