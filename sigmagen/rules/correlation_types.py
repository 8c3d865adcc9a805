"""The types of Sigma correlations, each described once: what a rule of the type states, and what is measured.

The loader, the lint, the overlay, the warnings and the plan read this table. A new type is an entry here, and for
something new to measure a lowering in `sigmagen.plan.correlate`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Measure = Literal["events", "distinct values", "sum", "average", "percentile", "matching rules", "sequence"]
"""What a window is measured by: a number, or whether its rules match in order (`sequence`). `explain` prints it."""

Growth = Literal["always", "if never negative", "never"]
"""Whether more events can only raise the measure: always, where the summed values are quantities, or not at all."""

Fields = Literal["none", "one", "several"]


@dataclass(frozen=True, slots=True)
class CorrelationType:
    """What a rule of one type states in its condition, and how its measure behaves.

    `percentile` is the percentile of every rule of the type, or `stated` where each rule names its own.
    """

    name: str
    measures: Measure
    grows: Growth
    fields: Fields = "none"
    """How many fields the condition names; items without a value there take no part."""
    numeric: bool = False
    """Whether these fields must be numbers."""
    whole: bool = False
    """Whether the measure is a whole number that is never negative, and the threshold therefore, too."""
    percentile: int | Literal["stated"] | None = None
    extended: str | None = None
    """What pySigma calls a temporal type whose condition is in words."""

    @property
    def temporal(self) -> bool:
        """Whether it asks which of its rules match; the condition may be in words, or be left out."""
        return self.measures in ("matching rules", "sequence")

    @property
    def ordered(self) -> bool:
        """Whether the order of the events matters."""
        return self.measures == "sequence"

    @property
    def counts(self) -> bool:
        """Whether it counts events or values of events."""
        return self.measures in ("events", "distinct values")

    @property
    def estimated(self) -> bool:
        """Whether the value that an alert shows is the SIEM's own estimate; the condition is exact all the same."""
        return self.measures == "percentile"


CORRELATION_TYPES: Mapping[str, CorrelationType] = {
    kind.name: kind
    for kind in (
        CorrelationType("event_count", "events", "always", whole=True),
        CorrelationType("value_count", "distinct values", "always", "several", whole=True),
        CorrelationType("temporal", "matching rules", "always", whole=True, extended="temporal_extended"),
        CorrelationType("temporal_ordered", "sequence", "always", whole=True, extended="temporal_ordered_extended"),
        CorrelationType("value_sum", "sum", "if never negative", "one", numeric=True),
        CorrelationType("value_avg", "average", "never", "one", numeric=True),
        CorrelationType("value_percentile", "percentile", "never", "one", numeric=True, percentile="stated"),
        CorrelationType("value_median", "percentile", "never", "one", numeric=True, percentile=50),
    )
}

EXTENDED_TYPES: Mapping[str, str] = {kind.extended: kind.name for kind in CORRELATION_TYPES.values() if kind.extended}
"""The type behind each of pySigma's names for a condition in words."""
