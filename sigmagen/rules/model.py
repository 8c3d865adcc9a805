"""The model of a loaded rule file: base rules, correlations over them, and which of them alert."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sigmagen.rules.correlation_types import CORRELATION_TYPES, CorrelationType
from sigmagen.rules.processing import Processed

if TYPE_CHECKING:
    from sigma.conditions import ConditionFieldEqualsValueExpression, ConditionItem, ConditionValueExpression

    Condition = ConditionItem | ConditionFieldEqualsValueExpression | ConditionValueExpression

Operator = Literal["gt", "gte", "lt", "lte", "eq", "neq"]

LEVELS = ("informational", "low", "medium", "high", "critical")
STATUSES = ("stable", "test", "experimental", "deprecated", "unsupported")


@dataclass(frozen=True, slots=True)
class LogSource:
    """The log source of a base rule."""

    category: str | None = None
    product: str | None = None
    service: str | None = None

    def __str__(self) -> str:
        parts = (("category", self.category), ("product", self.product), ("service", self.service))
        return ", ".join(f"{name}={value}" for name, value in parts if value is not None)


# Documents compare by identity: they are nodes of a graph, and equal documents in two files are two rules.
@dataclass(frozen=True, slots=True, eq=False)
class BaseRule:
    """A Sigma rule on single events.

    `detections` is the mapping as written, without its condition. `condition` is pySigma's parsed tree, with
    placeholders replaced by the values of the allow lists. `processed` is what a processing pipeline made of the rule.
    """

    name: str
    id: str | None
    title: str
    logsource: LogSource
    detections: dict[str, Any]
    condition: Condition
    raw: dict[str, Any]
    file: str
    line: int
    processed: Processed | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The comparison of a window's aggregate with a number."""

    op: Operator
    value: int | float


@dataclass(frozen=True, slots=True)
class Threshold:
    """The condition on a window's aggregate. `fields` is empty for event_count; `also` is a second bound."""

    op: Operator
    value: int | float
    fields: tuple[str, ...] = ()
    percentile: int | None = None
    also: tuple[Comparison, ...] = ()

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """All comparisons; each must be true."""
        return (Comparison(self.op, self.value), *self.also)


@dataclass(frozen=True, slots=True)
class Occurs:
    """In a temporal condition: the rule at this position (from 0) matches an event of the window."""

    rule: int


@dataclass(frozen=True, slots=True)
class Combined:
    """A boolean combination of temporal conditions; `not` has one operand."""

    op: Literal["and", "or", "not"]
    operands: tuple[Expression, ...]


Expression = Occurs | Combined


@dataclass(frozen=True, slots=True, eq=False)
class Correlation:
    """A Sigma correlation with its rules resolved. `timespan` is in milliseconds.

    A temporal type has an `expression` over its rules, or a `threshold` on the number of rules that match, or neither:
    then all must match. `aliases` has, for each rule by position, the fields of `group_by` with another name there.
    `fields` are shown with an alert.
    """

    name: str
    id: str | None
    title: str
    type: str
    rules: tuple[BaseRule | Correlation, ...]
    group_by: tuple[str, ...]
    timespan: int
    threshold: Threshold | None
    level: str
    status: str
    frameworks: dict[str, tuple[str, ...]]
    tags: tuple[str, ...]
    description: str
    falsepositives: tuple[str, ...]
    references: tuple[str, ...]
    raw: dict[str, Any]
    file: str
    line: int
    expression: Expression | None = None
    aliases: tuple[Mapping[str, str], ...] = ()
    fields: tuple[str, ...] = ()

    @property
    def kind(self) -> CorrelationType:
        """What the table of correlation types says of `type`."""
        return CORRELATION_TYPES[self.type]

    def field_in(self, position: int, name: str) -> str:
        """Return the name of a field of this correlation in the rule at `position`."""
        return self.aliases[position].get(name, name) if self.aliases else name


@dataclass(frozen=True, slots=True, eq=False)
class RuleFile:
    """One rule file. `subjects` are the documents that no other document refers to: they are converted and alert."""

    path: Path
    documents: tuple[BaseRule | Correlation, ...]
    subjects: tuple[BaseRule | Correlation, ...]


def base_rules(document: BaseRule | Correlation) -> tuple[BaseRule, ...]:
    """Return the distinct base rules below a document, in order."""
    if isinstance(document, BaseRule):
        return (document,)
    found: dict[int, BaseRule] = {}
    for rule in document.rules:
        for base in base_rules(rule):
            found.setdefault(id(base), base)
    return tuple(found.values())


def correlations(document: BaseRule | Correlation) -> Iterator[Correlation]:
    """Yield a correlation and all correlations below it, top down; nothing for a base rule."""
    if isinstance(document, Correlation):
        yield document
        for rule in document.rules:
            yield from correlations(rule)
