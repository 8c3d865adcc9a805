"""Options that choose rules by name and level, and alerts by time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import click

from sigmagen.engines.alert import instant
from sigmagen.local.detection import Detection, Rule
from sigmagen.problems import EXIT_USAGE, Problem, SigmagenError

LEVELS = ("informational", "low", "medium", "high", "critical")


class Moment(click.ParamType[int]):
    """An ISO 8601 date or time, in UTC unless it has a zone, as epoch milliseconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            return instant(datetime.fromisoformat(str(value)))
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is not an ISO 8601 time such as 2026-08-11 or 2026-08-11T09:00Z", param, ctx)


@dataclass(frozen=True)
class Selection:
    """Which rules run, and which alerts are shown. Times are epoch milliseconds."""

    names: tuple[str, ...] = ()
    least: str | None = None
    since: int | None = None
    until: int | None = None

    def rules(self, rules: Sequence[Rule]) -> list[Rule]:
        """Return the chosen rules. Raises SigmagenError for names that no rule has."""
        from difflib import get_close_matches

        known = {name for rule in rules for name in (rule.name, rule.id)}
        names = [rule.name for rule in rules]
        problems = []
        for name in dict.fromkeys(self.names):
            if name not in known:
                hint = f"available: {', '.join(get_close_matches(name, names, n=3, cutoff=0.4) or names)}"
                problems.append(Problem("unknown-rule", f"unknown rule {name!r}", hint=hint))
        if problems:
            raise SigmagenError(problems, EXIT_USAGE)
        chosen = [rule for rule in rules if not self.names or {rule.name, rule.id} & set(self.names)]
        return [rule for rule in chosen if self.least is None or _rank(rule) >= LEVELS.index(self.least)]

    def alerts(self, detections: Iterable[Detection]) -> list[Detection]:
        """Return the alerts whose windows overlap the chosen time. An alert without a time is in no chosen time."""
        if self.since is None and self.until is None:
            return list(detections)
        return [
            item
            for item in detections
            if item.window_start is not None
            and item.window_end is not None
            and (self.since is None or item.window_end > self.since)
            and (self.until is None or item.window_start < self.until)
        ]


def _rank(rule: Rule) -> int:
    level = str(rule.raw.get("level", "informational"))
    return LEVELS.index(level) if level in LEVELS else 0


def selection_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a selection to a command, which takes them as `rule`, `min_level`, `since` and `until`."""
    options = (
        click.option(
            "--rule", multiple=True, metavar="NAME", help="Run only the rule with this name or id (repeatable)."
        ),
        click.option("--min-level", type=click.Choice(LEVELS), help="Run only rules of this level or higher."),
        click.option("--since", type=Moment(), help="Show only alerts with a window that ends after this time."),
        click.option("--until", type=Moment(), help="Show only alerts with a window that starts before this time."),
    )
    for option in reversed(options):
        function = option(function)
    return function
