"""A query plan: what a target prints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sigmagen.expr.tree import Get
from sigmagen.mapping.source import Source, StoredSource
from sigmagen.plan.explain import explain
from sigmagen.plan.logical import Events, Windowed
from sigmagen.plan.steps import Step
from sigmagen.plan.window import Window
from sigmagen.problems import Problem
from sigmagen.rules.model import BaseRule, Correlation

Mode = Literal["hunt", "alert", "events"]
"""`events` are the events that a rule looks at, before they are correlated."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A query as a pipeline of steps, and what its result means. Without a rule it is a branch, or a source's view.

    `windows` are those from the events to the alert, innermost first. `stored_as` holds native fields that the SIEM has
    under a name of its own, `in_place` columns that are read where they are stored. `ranged` says that the query asks
    for the time range that it sees, `estimated` that the value shown is the SIEM's own estimate. `times` are columns of
    the result that hold a time, besides the windows'. `logical` is what the steps were lowered from: the windows of a
    correlation, or streams of events; branches and views have none.
    """

    rule: BaseRule | Correlation | None
    source: Source
    stored_source: StoredSource
    mode: Mode
    steps: tuple[Step, ...] = ()
    group_by: tuple[str, ...] = ()
    windows: tuple[Window, ...] = ()
    stored_as: Mapping[str, str] = field(default_factory=dict)
    in_place: Mapping[str, Get] = field(default_factory=dict)
    warnings: tuple[Problem, ...] = ()
    ranged: bool = False
    estimated: bool = False
    times: tuple[str, ...] = ()
    logical: Windowed | tuple[Events, ...] = ()

    def explain(self) -> str:
        """The plan as indented text: what it looks for, then its steps, one a line."""
        return explain(self)
