"""A world: accounts and campaigns, laid out from a seed. Each of its days is made by itself, in any order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sigmagen.durations import DAY
from sigmagen.traffic.accounts import Account, Crowd
from sigmagen.traffic.batch import BENIGN, Batch, Registry
from sigmagen.traffic.catalogue import Catalogue, Entry
from sigmagen.traffic.draws import Draws, mixed
from sigmagen.traffic.exchange import Exchange, Materials
from sigmagen.traffic.pace import Pace, make_pace
from sigmagen.traffic.population import populate
from sigmagen.traffic.texts import Phrases

if TYPE_CHECKING:
    from sigmagen.traffic.campaigns import Campaign

_STREAM, _DAY = 44, 30
"""Bits of a call's number below that of its stream, and below that of its day."""


@dataclass
class Stream:
    """The calls of some accounts with one pace and one exchange."""

    name: str
    pace: Pace
    exchange: Exchange
    label: int = BENIGN


@dataclass(frozen=True)
class Plan:
    """What a world is made of. The same plan gives the same world, on every machine with the same numpy."""

    catalogue: Catalogue
    scenarios: Sequence[Entry]
    tenants: int
    days: int
    seed: int


@dataclass
class World:
    """A world that is laid out. `day` makes its calls."""

    plan: Plan
    registry: Registry = field(default_factory=Registry)
    accounts: list[Account] = field(default_factory=list)
    campaigns: list[Campaign] = field(default_factory=list)
    streams: list[Stream] = field(default_factory=list)
    _last: tuple[int, list[Batch]] = (-9, [])

    def __post_init__(self) -> None:
        from sigmagen.traffic.campaigns import launch

        catalogue = self.plan.catalogue
        crowd = Crowd(catalogue.crowd, self.draws("crowd"))
        phrases = Phrases(crowd.words, catalogue.world)
        materials = Materials(self.registry, crowd, phrases, catalogue.traces)
        groups = populate(self, crowd)
        launched = launch(self, materials)
        for entry, members in groups:
            draws = self.draws("persona", entry.name)
            pace = make_pace(entry.settings["pace"], len(members), draws, catalogue.crowd["hours"], catalogue.traces)
            self.streams.append(
                Stream(entry.name, pace, Exchange(entry.settings["exchange"], members, materials, draws))
            )
        self.streams += launched

    @property
    def start(self) -> int:
        """When the first day begins, a Monday: epoch milliseconds."""
        return int(datetime.fromisoformat(self.plan.catalogue.crowd["start"]).replace(tzinfo=UTC).timestamp() * 1000)

    def draws(self, *key: object) -> Draws:
        """Random numbers for one purpose in this world."""
        return Draws(self.plan.catalogue.world, self.plan.seed, *key)

    def day(self, day: int) -> Batch:
        """The calls whose records arrive on this day, in the order of the log."""
        import numpy as np

        start = self.start + day * DAY
        before = self._last[1] if self._last[0] == day - 1 else self._begun(day - 1)
        today = self._begun(day)
        self._last = (day, today)
        whole = Batch.together([*before, *today])
        calls = whole.taken((whole.arrival >= start) & (whole.arrival < start + DAY))
        return calls.taken(np.lexsort((calls.number, calls.arrival)))

    def _begun(self, day: int) -> list[Batch]:
        """The calls that start on this day, or belong to a session or job that does. The day before the first is -1."""
        batches = []
        start = self.start + day * DAY
        for number, stream in enumerate(self.streams):
            draws = self.draws("day", stream.name, day)
            moments = stream.pace.day(draws, day, start)
            first = (number << _STREAM) + ((day + 1) << _DAY)
            batches.append(stream.exchange.calls(draws, moments, first, stream.label))
        return batches

    def ids(self, batch: Batch) -> list[str]:
        """The ids of the calls, which tell nothing about them."""
        salt = int(self.draws("ids").integers(1 << 62, 1)[0])
        return [f"{number:016x}" for number in mixed(batch.number, salt).tolist()]
