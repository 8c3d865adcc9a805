"""Names that a rule gives to fields which no mapping describes: which of them a query can't say."""

from __future__ import annotations

import re

from sigmagen.mapping.generic import field_types
from sigmagen.mapping.source import StoredSource
from sigmagen.rules.model import BaseRule, Correlation
from sigmagen.targets import registry

_LINES = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_OURS = re.compile(
    r"pane|k|packed|groups|group_total|large_groups|window_(start|end)|(first|last)_seen|value(_total|_number|_\d+(_of)?)?|"
    r"(rule|step|below|up_to|matches)_\d+"
)
"""The columns that a correlation's query makes."""


def name_fault(rule: BaseRule | Correlation, stored: StoredSource) -> tuple[str, str] | None:
    """The first name that the query of a rule can't have there, and why; None if all can be written."""
    given = set(_grouped(rule)) | (field_types(rule).keys() if stored.untyped else set())
    for name in sorted(given):
        if reason := _fault(name, rule, stored):
            return name, reason
    return None


def _fault(name: str, rule: BaseRule | Correlation, stored: StoredSource) -> str | None:
    if not all(name.split(".")):
        return "a part of the name is empty"
    if _LINES.search(name):
        return "the name has a control character, a line break or a mark for the direction of writing"
    if isinstance(rule, Correlation) and _OURS.fullmatch(name):
        return "the query has a column of its own of this name"
    return registry.get(stored.name).find_name_fault(name, stored.untyped)


def _grouped(rule: BaseRule | Correlation) -> set[str]:
    """The group-by names of all correlations, aliases among them."""
    if isinstance(rule, BaseRule):
        return set()
    return {*rule.group_by, *(name for part in rule.rules for name in _grouped(part))}
