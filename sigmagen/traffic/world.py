"""A world: accounts and campaigns, laid out from a seed. Each of its days is made by itself, in any order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sigmagen.durations import DAY
from sigmagen.traffic.accounts import Account, Crowd
from sigmagen.traffic.batch import Batch, Registry
from sigmagen.traffic.catalogue import Catalogue, Entry
from sigmagen.traffic.draws import Draws, mixed
from sigmagen.traffic.exchange import Exchange, Materials, Release
from sigmagen.traffic.noise import Noise
from sigmagen.traffic.pace import Repeated, make_pace
from sigmagen.traffic.population import populate
from sigmagen.traffic.recorded import Recording
from sigmagen.traffic.scripts import Script
from sigmagen.traffic.streams import Calls, Stream
from sigmagen.traffic.texts import Phrases

if TYPE_CHECKING:
    from sigmagen.traffic.campaigns import Campaign

_STREAM, _DAY = 44, 30
"""Bits of a call's number below that of its stream, and below that of its day."""


@dataclass(frozen=True)
class Plan:
    """What a world is made of. The same plan gives the same world, on every machine with the same numpy."""

    catalogue: Catalogue
    scenarios: Sequence[Entry]
    tenants: int
    days: int
    seed: int
    recordings: Sequence[Recording] = ()


@dataclass
class World:
    """A world that is laid out. `day` makes its calls."""

    plan: Plan
    registry: Registry = field(default_factory=Registry)
    accounts: list[Account] = field(default_factory=list)
    campaigns: list[Campaign] = field(default_factory=list)
    streams: list[Stream] = field(default_factory=list)
    noise: Noise = field(init=False)
    _last: tuple[int, list[Batch]] = (-9, [])

    def __post_init__(self) -> None:
        from sigmagen.traffic.campaigns import launch

        catalogue = self.plan.catalogue
        crowd = Crowd(catalogue.crowd, self.draws("crowd"))
        phrases = Phrases(crowd.words, catalogue.world)
        release = catalogue.crowd["release"]
        released = Release(release["model"], self.start + int(float(release["after"]) * self.plan.days * DAY))
        materials = Materials(self.registry, crowd, phrases, catalogue.traces, released)
        groups = populate(self, crowd)
        self.noise = Noise.of(catalogue.crowd["noise"], len(self.accounts), self.draws("noise"))
        launched = launch(self, materials)
        self.streams = [self._persona(entry, members, materials) for entry, members in groups]
        self.streams += launched

    def _persona(self, entry: Entry, members: list[Account], materials: Materials) -> Stream:
        catalogue, settings = self.plan.catalogue, entry.settings
        draws = self.draws("persona", entry.name)
        pace = make_pace(settings["pace"], len(members), draws, catalogue.crowd["hours"], catalogue.traces)
        calls: Calls
        if "steps" in settings:
            calls = script = Script(settings["steps"], members, materials.registry)
            if isinstance(pace, Repeated):
                pace.offsets = script.offsets
        else:
            calls = Exchange(settings["exchange"], members, materials, draws)
        return Stream(entry.name, pace, calls)

    @property
    def start(self) -> int:
        """When the first day begins, a Monday: epoch milliseconds."""
        return int(datetime.fromisoformat(self.plan.catalogue.crowd["start"]).replace(tzinfo=UTC).timestamp() * 1000)

    def draws(self, *key: object) -> Draws:
        """Random numbers for one purpose in this world."""
        return Draws(self.plan.catalogue.world, self.plan.seed, *key)

    @cached_property
    def owners(self) -> Any:
        """The account of each profile."""
        import numpy as np

        return np.array([profile.account for profile in self.registry.profiles], dtype=np.int64)

    @cached_property
    def created(self) -> Any:
        """When each account signed up."""
        import numpy as np

        return np.array([account.created for account in self.accounts], dtype=np.int64)

    @cached_property
    def closed(self) -> Any:
        """When each account was suspended, far ahead for those that were not."""
        import numpy as np

        return np.array([account.suspended or 1 << 60 for account in self.accounts], dtype=np.int64)

    def day(self, day: int) -> Batch:
        """The calls whose records arrive on this day, in the order of the log."""
        import numpy as np

        start = self.start + day * DAY
        before = self._last[1] if self._last[0] == day - 1 else self._begun(day - 1)
        today = self._begun(day)
        self._last = (day, today)
        whole = Batch.together([*before, *today])
        owner = self.owners[whole.profile]
        alive = (whole.time >= self.created[owner]) & (whole.time < self.closed[owner])
        calls = whole.taken(alive & (whole.arrival >= start) & (whole.arrival < start + DAY))
        return calls.taken(np.lexsort((calls.number, calls.arrival)))

    def _begun(self, day: int) -> list[Batch]:
        """The calls that start on this day, or belong to a session or job that does. The day before the first is -1."""
        batches = []
        start = self.start + day * DAY
        for number, stream in enumerate(self.streams):
            draws = self.draws("day", stream.name, day)
            moments = stream.pace.day(draws, day, start)
            first = (number << _STREAM) + ((day + 1) << _DAY)
            calls = stream.exchange.calls(draws, moments, first, stream.label)
            batches.append(self.noise.applied(calls, self.owners, self.registry, draws))
        return batches

    def ids(self, batch: Batch) -> list[str]:
        """The ids of the calls, which tell nothing about them."""
        salt = int(self.draws("ids").integers(1 << 62, 1)[0])
        return [f"{number:016x}" for number in mixed(batch.number, salt).tolist()]
