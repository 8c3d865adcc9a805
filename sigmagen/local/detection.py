"""What local detection finds: one campaign as one detection, and the rules that were not run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sigmagen.durations import SECOND, duration_text, iso
from sigmagen.rules.conditions import expression_text
from sigmagen.rules.model import BaseRule, Correlation

Rule = BaseRule | Correlation
Group = tuple[tuple[str, str], ...]

_OPERATORS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "eq": "=", "neq": "!="}


@dataclass(frozen=True)
class Detection:
    """One campaign: alerts of one group whose windows overlap. Times are epoch milliseconds.

    `events` are up to three of the events that the rule looked at, the first, the middle and the last; `panes` count
    all of them, one number for each tick of the rule from `window_start` to `window_end`. `counts` are those of a
    temporal rule: the name of each referenced rule and its events. Records without a time are in no window.
    """

    rule: Rule
    source: str
    window_start: int | None
    window_end: int | None
    group: Group
    value: int | float
    events: tuple[dict[str, Any], ...]
    panes: tuple[int, ...]
    tick: int
    counts: tuple[tuple[str, int], ...] = ()

    @property
    def first_window_end(self) -> int | None:
        """The end of the first window: when a scheduled rule could have alerted first. None without a window."""
        if self.window_start is None or isinstance(self.rule, BaseRule):
            return None
        return self.window_start + self.rule.timespan

    @property
    def first_seen(self) -> str | None:
        """The time of the first event, ISO 8601."""
        return self.events[0].get("@timestamp") if self.events else None

    @property
    def last_seen(self) -> str | None:
        """The time of the last event, ISO 8601."""
        return self.events[-1].get("@timestamp") if self.events else None

    @property
    def level(self) -> str:
        """The rule's level."""
        return str(self.rule.raw.get("level", "informational"))

    @property
    def atlas(self) -> tuple[str, ...]:
        """The rule's MITRE ATLAS ids."""
        return self.rule.frameworks.get("atlas", ()) if isinstance(self.rule, Correlation) else ()

    def as_dict(self) -> dict[str, Any]:
        """The documented JSON shape of an alert."""
        return {
            "rule": self.rule.name,
            "rule_id": self.rule.id,
            "level": self.level,
            "source": self.source,
            "window_start": _iso(self.window_start),
            "window_end": _iso(self.window_end),
            "group": dict(self.group),
            "value": self.value,
            "condition": condition_text(self.rule),
            "events": list(self.events),
            "author": author if isinstance(author := self.rule.raw.get("author"), str) else None,
            "atlas": list(self.atlas),
            "first_window_end": _iso(self.first_window_end),
            "timespan": self.rule.timespan // SECOND if isinstance(self.rule, Correlation) else None,
            "first_seen": self.first_seen,
            "last_seen": self.last_seen,
            "counts": dict(self.counts) or None,
        }


def _iso(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else iso(milliseconds)


@dataclass(frozen=True, slots=True)
class NotRun:
    """A rule that could not look at a source, or at any, and why."""

    rule: Rule
    source: str | None
    reason: str

    def as_dict(self) -> dict[str, Any]:
        """The documented JSON shape."""
        return {"rule": self.rule.name, "rule_id": self.rule.id, "source": self.source, "reason": self.reason}


def condition_text(rule: Rule) -> str:
    """When the rule alerts: `value_sum(gen_ai.usage.output_tokens) >= 1000000 within 1d`."""
    if isinstance(rule, BaseRule):
        return "any event"
    within = f"within {duration_text(rule.timespan)}"
    names = [part.name for part in rule.rules]
    if rule.threshold is None:
        what = expression_text(rule.expression, names) if rule.expression else ", ".join(names)
        return f"{rule.type}({what}) {within}"
    fields = f"({', '.join(rule.threshold.fields)})" if rule.threshold.fields else ""
    kind = f"{rule.type} {rule.threshold.percentile}" if rule.kind.percentile == "stated" else rule.type
    limits = " and ".join(f"{_OPERATORS[item.op]} {item.value}" for item in rule.threshold.comparisons)
    return f"{kind}{fields} {limits} {within}"
