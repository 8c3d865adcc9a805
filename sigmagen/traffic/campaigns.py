"""Campaigns: their accounts, what these have in common with each other and with the crowd, and when they call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sigmagen.durations import DAY, HOUR, MINUTE
from sigmagen.sources.call import Call
from sigmagen.traffic.accounts import Account
from sigmagen.traffic.batch import BENIGN
from sigmagen.traffic.catalogue import Entry
from sigmagen.traffic.draws import Draws
from sigmagen.traffic.exchange import Exchange, Materials
from sigmagen.traffic.pace import Planned
from sigmagen.traffic.planning import length_of, plan_calls, plan_cover, plan_steps
from sigmagen.traffic.population import make_account
from sigmagen.traffic.recorded import Recorded, Recording
from sigmagen.traffic.scripts import Script
from sigmagen.traffic.sharing import Sharing, separate, share, size_of
from sigmagen.traffic.streams import Calls, Stream

if TYPE_CHECKING:
    from sigmagen.traffic.world import World

DEFAULT_COVER = "chat_user"
"""The persona whose exchanges hide those of a campaign."""
EARLY = DAY
"""Accounts of a campaign sign up at most so long before its first call."""


@dataclass(frozen=True)
class Campaign:
    """One campaign. `accounts` are the positions of its accounts in the world, `crowd` those of benign accounts that
    have the shared value, too. `start` and `end` are the times of its first and last call; `calls` are its own."""

    number: int
    entry: Entry
    accounts: tuple[int, ...]
    crowd: tuple[int, ...]
    start: int
    end: int
    calls: int
    curve: tuple[tuple[int, float], ...] = ()

    @property
    def name(self) -> str:
        """The scenario's name: a world has each scenario once."""
        return self.entry.name


def launch(world: World, materials: Materials) -> list[Stream]:
    """Add the campaigns of the plan to the world. Returns their streams. Accounts that call models are the crowd."""
    personas = world.plan.catalogue.personas
    benign = tuple(account for account in world.accounts if "exchange" in personas[account.persona].settings)
    streams: list[Stream] = []
    for number, entry in enumerate(world.plan.scenarios):
        streams += _launch(world, materials, benign, number, entry)
    for number, recording in enumerate(world.plan.recordings, len(world.campaigns)):
        streams += _replay(world, materials, number, recording)
    return streams


def _replay(world: World, materials: Materials, number: int, recording: Recording) -> list[Stream]:
    entry = recording.entry
    draws = world.draws("campaign", entry.name)
    length = max((query.time for query in recording.queries), default=0)
    begin = _begin(world, length, float(draws.uniform(1)[0]))
    account = make_account(world, materials.crowd, "", entry.settings["who"])
    account.created = begin - int(draws.integers(EARLY, 1)[0])
    launched = _Launch(world, materials, number, entry, entry.settings, [account], draws)
    launched.replay(recording.plan(begin), recording.queries)
    world.campaigns.append(replace(launched.campaign(()), curve=tuple(recording.curve)))
    return launched.streams


def _launch(world: World, materials: Materials, benign: Sequence[Account], number: int, entry: Entry) -> list[Stream]:
    settings = rotated(entry.settings)
    draws = world.draws("campaign", entry.name)
    density = float(settings.get("density", 1.0))
    size = size_of(int(settings["who"].get("accounts", 1)), density, len(benign))
    pace = {**settings.get("pace", {})}
    if "queries" in settings:
        pace["calls"] = settings["queries"]
    length = length_of(pace, world.plan.days) if pace else HOUR
    begin = _begin(world, length, float(draws.uniform(1)[0]))
    members = [make_account(world, materials.crowd, "", settings["who"]) for _ in range(size)]
    for account in members:
        account.created = begin - int(draws.integers(EARLY, 1)[0])
    crowd: list[Account] = []
    if "shared" in settings:
        wanted = round(size * (1 - density) / density)
        crowd = [benign[place] for place in draws.shuffled(len(benign))[:wanted].tolist()]
        separate(members, materials.crowd, draws)
        share(settings["shared"], members, crowd, Sharing(world, materials, number, begin, draws))
    launched = _Launch(world, materials, number, entry, settings, members, draws)
    if "steps" in settings:
        begin = launched.prepare(settings["steps"], begin)
    if pace:
        launched.harvest(plan_calls(pace, size, begin, length, world.plan.catalogue.crowd["hours"], draws))
        if pace.get("form") == "failover":
            launched.fail_over()
    if "afterwards" in settings:
        launched.prepare(settings["afterwards"], launched.end(begin) + MINUTE)
    world.campaigns.append(launched.campaign(crowd))
    return launched.streams


ROTATED = 40
"""How many templates, addresses, models or keys a campaign rotates through."""


def rotated(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings of a campaign with what it rotates, if it does."""
    who, exchange = dict(settings["who"]), dict(settings.get("exchange", {}))
    match settings.get("rotated"):
        case None:
            return settings
        case "templates":
            exchange["prompts"] = {**exchange["prompts"], "families": ROTATED}
        case "models":
            exchange["models_per_account"] = ROTATED
        case name:
            who[name] = ROTATED
    return {**settings, "who": who, "exchange": exchange}


def _begin(world: World, length: int, uniform: float) -> int:
    """When a campaign begins: so that it fits into the world, on the second day at the earliest if that is possible."""
    room = max(world.plan.days * DAY - length - HOUR, 0)
    first = min(EARLY, room)
    return world.start + first + int(uniform * (room - first))


class _Launch:
    """The streams of one campaign."""

    def __init__(
        self,
        world: World,
        materials: Materials,
        number: int,
        entry: Entry,
        settings: Mapping[str, Any],
        members: list[Account],
        draws: Draws,
    ) -> None:
        self.streams: list[Stream] = []
        self._plans: list[Planned] = []
        self._world, self._materials, self._draws = world, materials, draws
        self._number, self._entry, self._settings, self._members = number, entry, settings, members

    def prepare(self, steps: Sequence[Mapping[str, Any]], begin: int) -> int:
        """Add actions before or after the harvest. Returns when they are over."""
        script = Script(steps, self._members, self._materials.registry)
        plan = plan_steps(script.offsets, begin, len(self._members))
        self._add(f"steps {len(self._plans)}", plan, script)
        return int(plan.time[-1]) + MINUTE

    def harvest(self, plan: Planned) -> None:
        """Add the calls of the campaign, and the ordinary calls of its accounts."""
        exchange = Exchange(self._settings["exchange"], self._members, self._materials, self._draws)
        self._add("harvest", plan, exchange)
        self._hide(plan)

    def replay(self, plan: Planned, queries: Sequence[Call]) -> None:
        """Add recorded queries, and the ordinary calls of the account."""
        self._add("recorded", plan, Recorded(queries, self._members[0], self._materials.registry))
        self._hide(plan)

    def _hide(self, plan: Planned) -> None:
        settings = self._settings
        part = float(settings.get("share", 1.0))
        if part < 1:
            persona = self._world.plan.catalogue.personas[settings.get("cover", DEFAULT_COVER)]
            ordinary = Exchange(
                persona.settings["exchange"], self._members, self._materials, self._draws, own_family=False
            )
            cover = plan_cover(plan, part, self._draws)
            self.streams.append(self._stream("cover", cover, ordinary, BENIGN))

    def end(self, begin: int) -> int:
        """When the last call of the plans is; `begin` without any."""
        return max((int(plan.time[-1]) for plan in self._plans if len(plan.time)), default=begin)

    def fail_over(self) -> None:
        """Suspend each account when it is followed by the next, which signs up then."""
        plan = self._plans[-1]
        for position, account in enumerate(self._members):
            own = plan.time[plan.account == position]
            if len(own):
                account.created = int(own[0]) - int(self._draws.integers(HOUR // 2, 1)[0])
                account.suspended = int(own[-1]) + 1_000 if position + 1 < len(self._members) else None

    def campaign(self, crowd: Sequence[Account]) -> Campaign:
        """What was launched."""
        times = [time for plan in self._plans for time in (plan.time[:1].tolist() + plan.time[-1:].tolist())]
        return Campaign(
            self._number,
            self._entry,
            tuple(account.number for account in self._members),
            tuple(account.number for account in crowd),
            min(times, default=self._world.start),
            max(times, default=self._world.start),
            sum(len(plan.time) for plan in self._plans),
        )

    def _add(self, part: str, plan: Planned, calls: Calls) -> None:
        self._plans.append(plan)
        self.streams.append(self._stream(part, plan, calls, self._number))

    def _stream(self, part: str, plan: Planned, calls: Calls, label: int) -> Stream:
        return Stream(f"campaign {self._entry.name}: {part}", plan, calls, label)
