"""A world as files: logs in the format of each source, and beside them who did what."""

from __future__ import annotations

import shutil
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import orjson
import yaml

from sigmagen.durations import iso
from sigmagen.mapping.source import Source
from sigmagen.sources import named, render
from sigmagen.sources.records import get
from sigmagen.traffic.batch import BENIGN, Batch
from sigmagen.traffic.declared import overlay
from sigmagen.traffic.events import CANONICAL, CanonicalLines
from sigmagen.traffic.signups import AccountEvent, account_events

if TYPE_CHECKING:
    from sigmagen.traffic.world import Plan, World

LABELS, ACTORS, CAMPAIGNS, WORLD = "labels.ndjson", "actors.ndjson", "campaigns.ndjson", "world.json"
OVERLAY = "overlay.yml"
_SLICE = 5_000
_PART_DAYS = 5
"""Days that a process writes at most before its files are joined to the others."""
_NEWLINE = orjson.OPT_APPEND_NEWLINE

Lines = list[bytes | None]
"""For each call its line, None where the source doesn't log such a call."""
Ids = list[str]


@dataclass
class Written:
    """How many records were written of which account, and of which campaign and account (positions in the world)."""

    accounts: Counter[tuple[str, int]] = field(default_factory=Counter)
    """By source and account."""
    members: Counter[tuple[str, int, int]] = field(default_factory=Counter)
    """By source, campaign and account."""

    def add(self, other: Written) -> None:
        """Count what another process wrote."""
        self.accounts.update(other.accounts)
        self.members.update(other.members)

    @property
    def records(self) -> Counter[str]:
        """How many records were written, by source."""
        found: Counter[str] = Counter()
        for (source, _), count in self.accounts.items():
            found[source] += count
        return found

    def of_campaign(self, number: int) -> Counter[str]:
        """How many events of a campaign were written, by source."""
        found: Counter[str] = Counter()
        for (source, campaign, _), count in sorted(self.members.items()):
            if campaign == number:
                found[source] += count
        return found


def write_world(
    world: World,
    sources: Sequence[Source],
    folder: Path,
    *,
    jobs: int = 1,
    step: Callable[[int], None] = lambda days: None,
) -> Written:
    """Write the logs, labels, actors and campaigns of a world into a folder; `jobs` processes share the days.

    `step` is told how many days are done. The files don't depend on the number of processes.
    """
    days = range(world.plan.days)
    if jobs > 1 and len(days) > 1:
        written = _write_parts(world, sources, folder, jobs, step)
    else:
        written = write_days(world, sources, folder, days, step)
    _write_lines(folder / ACTORS, _actors(world, written))
    _write_lines(folder / CAMPAIGNS, _campaigns(world, written))
    lists = overlay(world, [source.name for source in sources])
    (folder / OVERLAY).write_text(yaml.safe_dump(lists, sort_keys=False), "utf-8")
    (folder / WORLD).write_bytes(orjson.dumps(describe(world), option=orjson.OPT_INDENT_2 | _NEWLINE))
    return written


def write_days(
    world: World, sources: Sequence[Source], folder: Path, days: range, step: Callable[[int], None] = lambda days: None
) -> Written:
    """Write the logs and labels of some days into a folder."""
    with ExitStack() as stack:
        logs = {source.name: stack.enter_context((folder / f"{source.name}.ndjson").open("wb")) for source in sources}
        output = _Output(world, logs, stack.enter_context((folder / LABELS).open("wb")))
        lines = CanonicalLines(world.registry)
        for done, day in enumerate(days, 1):
            calls = world.day(day)
            for source in sources:
                happened = deque(account_events(world, day) if source.canonical else ())
                for first in range(0, len(calls), _SLICE):
                    batch = calls.taken(slice(first, first + _SLICE))
                    ids = world.ids(batch)
                    if source.canonical:
                        output.write(source.name, batch, list(lines.lines(batch, ids)), ids, happened)
                    else:
                        output.write(source.name, batch, *_native(world, source, batch, ids), happened)
                output.write_account_events(source.name, happened)
            step(done)
    return output.written


def _write_parts(
    world: World, sources: Sequence[Source], folder: Path, jobs: int, step: Callable[[int], None]
) -> Written:
    """Write the days in several processes, each some days into a folder of its own, and join the files in order."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    days = range(world.plan.days)
    size = max(1, min(_PART_DAYS, -(-len(days) // jobs)))
    parts = [days[first : first + size] for first in range(0, len(days), size)]
    written = Written()
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        tasks = [pool.submit(_write_part, world.plan, sources, folder / f"part-{part.start}", part) for part in parts]
        for part, task in zip(parts, tasks, strict=True):
            written.add(task.result())
            _join(folder / f"part-{part.start}", folder)
            step(part.stop)
    return written


def _write_part(plan: Plan, sources: Sequence[Source], folder: Path, days: range) -> Written:
    from sigmagen.traffic.world import World

    folder.mkdir()
    return write_days(World(plan), sources, folder, days)


def _join(part: Path, folder: Path) -> None:
    """Append the files of a part to those of the folder, and remove the part."""
    for path in sorted(part.iterdir()):
        with path.open("rb") as source, (folder / path.name).open("ab") as target:
            shutil.copyfileobj(source, target)
    shutil.rmtree(part)


def _native(world: World, source: Source, batch: Batch, ids: Ids) -> tuple[Lines, Ids]:
    """The records of a batch, and the ids that rules see."""
    lines: Lines = []
    seen: Ids = []
    for call in world.registry.calls(batch, ids):
        record = render(source.name, call)
        lines.append(None if record is None else orjson.dumps(record, option=_NEWLINE))
        seen.append("" if record is None else str(get(record, source.event_id)))
    return lines, seen


class _Output:
    """The open files of a world, and what was written to them."""

    def __init__(self, world: World, logs: Mapping[str, IO[bytes]], labels: IO[bytes]) -> None:
        self.written = Written()
        self._world, self._logs, self._labels = world, logs, labels
        self._parts: dict[tuple[str, int, int], bytes] = {}

    def write(self, source: str, batch: Batch, lines: Lines, ids: Ids, happened: deque[AccountEvent]) -> None:
        """Write the records of a batch and their labels; what happened to accounts before a call comes before it.

        Records that a native log has twice follow at the end.
        """
        import numpy as np

        log, world = self._logs[source], self._world
        first = 0
        while happened and len(batch) and happened[0].time <= int(batch.arrival[-1]):
            place = int(np.searchsorted(batch.arrival, happened[0].time))
            log.writelines(line for line in lines[first:place] if line)
            self.write_account_events(source, [happened.popleft()])
            first = place
        log.writelines(line for line in lines[first:] if line)
        if source != CANONICAL:
            log.writelines(lines[place] or b"" for place in np.flatnonzero(world.noise.twice(batch)).tolist())
        account = world.owners[batch.profile]
        logged = np.fromiter((line is not None for line in lines), dtype=bool, count=len(lines))
        for number, count in zip(
            *(part.tolist() for part in np.unique(account[logged], return_counts=True)), strict=True
        ):
            self.written.accounts[source, number] += count
        for place in np.flatnonzero(logged & (batch.label != BENIGN)).tolist():
            self._label(source, ids[place], int(account[place]), int(batch.label[place]))

    def write_account_events(self, source: str, happened: Iterable[AccountEvent]) -> None:
        """Write what happened to accounts."""
        for item in happened:
            self._logs[source].write(orjson.dumps(item.event, option=_NEWLINE))
            self.written.accounts[source, item.account] += 1
            if item.label != BENIGN:
                self._label(source, item.event["event.id"], item.account, item.label)

    def _label(self, source: str, number: str, account: int, label: int) -> None:
        self.written.members[source, label, account] += 1
        key = source, label, account
        if key not in self._parts:
            campaign = self._world.campaigns[label]
            entry = {"source": source, "actor": actor(self._world, source, account), "campaign": campaign.name}
            self._parts[key] = orjson.dumps({**entry, "scenario": campaign.entry.name})[1:] + b"\n"
        self._labels.write(b'{"event_id":' + orjson.dumps(number) + b"," + self._parts[key])


def actor(world: World, source: str, account: int) -> str:
    """What events of the source have in `user.id` for an account."""
    owner = world.accounts[account]
    return named(source, "user.id", owner.principal, owner.calls()[:1])


def _actors(world: World, written: Written) -> Iterator[dict[str, Any]]:
    """Every account that has records, by source."""
    for (source, number), events in sorted(written.accounts.items()):
        owner = world.accounts[number]
        own = {c.name: n for c in world.campaigns if (n := written.members[source, c.number, number])}
        yield {
            "source": source,
            "actor": actor(world, source, number),
            "organization": named(source, "organization.id", owner.organization, owner.calls()[:1]),
            "persona": owner.persona or None,
            "campaigns": list(own),
            "events": events,
            "campaign_events": sum(own.values()),
        }


def _campaigns(world: World, written: Written) -> Iterator[dict[str, Any]]:
    for campaign in world.campaigns:
        yield {
            "campaign": campaign.name,
            "scenario": campaign.entry.name,
            "title": campaign.entry.title,
            "accounts": len(campaign.accounts),
            "crowd": len(campaign.crowd),
            "start": iso(campaign.start),
            "end": iso(campaign.end),
            "events": written.of_campaign(campaign.number),
            "figures": [figure.as_dict() for figure in campaign.entry.figures],
            **({"agreement": [list(point) for point in campaign.curve]} if campaign.curve else {}),
        }


def describe(world: World) -> Mapping[str, Any]:
    """What the world was made of, so that it can be made again."""
    plan = world.plan
    return {
        "world": plan.catalogue.world,
        "seed": plan.seed,
        "tenants": plan.tenants,
        "days": plan.days,
        "start": iso(world.start),
        "scenarios": [entry.name for entry in plan.scenarios],
        "personas": dict(sorted(Counter(account.persona for account in world.accounts if account.persona).items())),
    }


def _write_lines(path: Path, entries: Iterator[dict[str, Any]]) -> None:
    with path.open("wb") as stream:
        for entry in entries:
            stream.write(orjson.dumps(entry, option=_NEWLINE))
