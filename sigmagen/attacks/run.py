"""What an attack did: its queries in order, and the surrogate's agreement with the victim on the way."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sigmagen.sources.call import Call


@dataclass(frozen=True, slots=True)
class Query:
    """One query of an attack, with the attributes of a `Call` that it sets. `pause` is the time before it, in seconds,
    in addition to the attack's pace: while the attacker trains a surrogate, for example.
    """

    attributes: Mapping[str, Any]
    pause: float = 0.0


@dataclass(frozen=True, slots=True)
class Point:
    """The surrogate's agreement with the victim, from 0 to 1, after a number of queries."""

    queries: int
    agreement: float


@dataclass(frozen=True, slots=True)
class Run:
    """One attack on one victim.

    `agreement` is measured on inputs that neither the victim was trained on nor the attacker asked about.
    `victim_accuracy` is the victim's on labelled data, None for a model without labels. `found` has what the attack
    computes besides a surrogate, such as a hidden size. `pace` is in queries a second.
    """

    attack: str
    victim: str
    pace: float
    queries: tuple[Query, ...]
    curve: tuple[Point, ...]
    victim_accuracy: float | None = None
    found: Mapping[str, Any] = field(default_factory=dict)

    @property
    def agreement(self) -> float:
        """The agreement at the end."""
        return self.curve[-1].agreement

    def agreement_after(self, queries: int) -> float:
        """Return the agreement that was reached after a number of queries; 0 before the first measurement."""
        position = bisect_right([point.queries for point in self.curve], queries)
        return self.curve[position - 1].agreement if position else 0.0

    def share_of_gain(self, queries: int) -> float:
        """Return which share of the final agreement beyond guessing was reached, from 0 to 1."""
        first, last = self.curve[0].agreement, self.agreement
        reached = max(0.0, self.agreement_after(queries) - first)
        return reached / (last - first) if last > first else float(queries >= self.curve[-1].queries)

    def calls(self, start: int, principal: str, **attributes: Any) -> Iterator[Call]:
        """Yield the queries as calls of a principal from `start`, in epoch milliseconds. `attributes` are the same for
        all calls.
        """
        time = float(start)
        for number, query in enumerate(self.queries):
            time += query.pause * 1000
            yield Call(
                time=int(time),
                id=f"{self.attack}-{principal}-{number}",
                principal=principal,
                **{**attributes, **query.attributes},
            )
            time += 1000 / self.pace
