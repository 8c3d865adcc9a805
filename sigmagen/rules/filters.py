"""Sigma filters: conditions in separate files, such as a tenant's exceptions, that are applied to rules when loading.

A filter with `rules: any` applies to every base rule of its log source, other filters to the rules that they name.
https://sigmahq.io/sigma-specification/specification/sigma-filters-specification.html
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sigmagen.problems import Problem
from sigmagen.rules.detection import Processing, parse_logsource, parse_section
from sigmagen.rules.model import BaseRule, LogSource
from sigmagen.rules.placeholders import AllowLists
from sigmagen.rules.processing import Processor
from sigmagen.rules.yaml import Document, describe_type

if TYPE_CHECKING:
    from sigmagen.rules.model import Condition

ANY = "any"


@dataclass(frozen=True, slots=True, eq=False)
class Filter:
    """A filter. `rules` are names or ids, None for any rule. `logsource` may be less specific than the rules'."""

    document: Document
    logsource: LogSource
    rules: tuple[str, ...] | None
    condition: Condition

    def applies_to(self, rule: BaseRule) -> bool:
        """Return whether the filter applies to a base rule."""
        ours, theirs = self.logsource, rule.logsource
        pairs = ((ours.category, theirs.category), (ours.product, theirs.product), (ours.service, theirs.service))
        if any(wanted is not None and wanted != found for wanted, found in pairs):
            return False
        return self.rules is None or rule.name in self.rules or (rule.id or "").lower() in self.rules


def parse_filter(
    document: Document, lists: AllowLists, processor: Processor | None = None
) -> tuple[Filter | None, list[Problem]]:
    """Parse and process a filter. Returns the filter, or None with all problems."""
    problems: list[Problem] = []
    if "title" not in document.data:
        problems.append(document.problem("missing-key", "the filter has no title"))
    body = document.data["filter"]
    if not isinstance(body, dict):
        message = f"'filter' must be a mapping, not {describe_type(body)}"
        return None, [*problems, document.problem("wrong-type", message, ("filter",))]
    logsource = parse_logsource(document, problems)
    rules = _rules(document, body.get("rules", ANY), problems)
    processing = Processing(document.data, processor, logsource)
    condition = parse_section(document, "filter", lists, problems, processing)
    if problems or logsource is None or condition is None:
        return None, problems
    return Filter(document, logsource, rules, condition), problems


def _rules(document: Document, value: object, problems: list[Problem]) -> tuple[str, ...] | None:
    names = value if isinstance(value, list) else [value]
    if not names or not all(isinstance(name, str) for name in names):
        message = f"'rules' must be a list of names or ids, or 'any', not {describe_type(value)}"
        problems.append(document.problem("wrong-type", message, ("filter", "rules"), "example: rules: any"))
        return ()
    texts = [str(name) for name in names]
    return None if texts == [ANY] else tuple(part for text in texts for part in (text, text.lower()))


def apply_filters(rule: BaseRule, filters: Iterable[Filter]) -> BaseRule:
    """Return the rule with the conditions of all filters that apply to it."""
    from sigma.conditions import ConditionAND

    joined = [found.condition for found in filters if found.applies_to(rule)]
    if not joined:
        return rule
    return replace(rule, condition=ConditionAND([rule.condition, *joined]))
