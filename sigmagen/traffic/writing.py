"""A world as files: logs in the format of each source, and beside them who did what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import orjson

from sigmagen.durations import iso
from sigmagen.mapping.source import Source
from sigmagen.sources import named, render
from sigmagen.sources.records import get
from sigmagen.traffic.batch import BENIGN, Batch
from sigmagen.traffic.canonical import CanonicalLines

if TYPE_CHECKING:
    from sigmagen.traffic.world import World

CANONICAL = "canonical"
LABELS, ACTORS, CAMPAIGNS, WORLD = "labels.ndjson", "actors.ndjson", "campaigns.ndjson", "world.json"
_SLICE = 20_000
_NEWLINE = orjson.OPT_APPEND_NEWLINE

Lines = Iterator[tuple[bytes, str] | None]
"""For each call its line and the id that a rule sees, None where the source doesn't log such a call."""


@dataclass
class Written:
    """How many records were written, by source; and of which accounts and campaigns (positions in the world)."""

    records: Counter[str] = field(default_factory=Counter)
    accounts: Counter[tuple[str, int]] = field(default_factory=Counter)
    campaigns: Counter[tuple[str, int]] = field(default_factory=Counter)
    members: Counter[tuple[str, int, int]] = field(default_factory=Counter)
    """By source, campaign and account."""


def write_world(
    world: World, sources: Sequence[Source], folder: Path, step: Callable[[int, int], None] = lambda day, days: None
) -> Written:
    """Write the logs, labels, actors and campaigns of a world into a folder. `step` is told how many days are done."""
    written = Written()
    with ExitStack() as stack:
        logs = {source.name: stack.enter_context((folder / f"{source.name}.ndjson").open("wb")) for source in sources}
        labels = stack.enter_context((folder / LABELS).open("wb"))
        lines = CanonicalLines(world.registry)
        for day in range(world.plan.days):
            calls = world.day(day)
            for first in range(0, len(calls), _SLICE):
                batch = calls.taken(slice(first, first + _SLICE))
                ids = world.ids(batch)
                for source in sources:
                    found = _canonical(lines, batch, ids) if source.canonical else _native(world, source, batch, ids)
                    _write(world, source.name, batch, found, logs[source.name], labels, written)
            step(day + 1, world.plan.days)
    _write_lines(folder / ACTORS, _actors(world, written))
    _write_lines(folder / CAMPAIGNS, _campaigns(world, written))
    (folder / WORLD).write_bytes(orjson.dumps(describe(world), option=orjson.OPT_INDENT_2 | _NEWLINE))
    return written


def _canonical(lines: CanonicalLines, batch: Batch, ids: list[str]) -> Lines:
    for line, number in zip(lines.lines(batch, ids), ids, strict=True):
        yield None if line is None else (line, number)


def _native(world: World, source: Source, batch: Batch, ids: list[str]) -> Lines:
    for call in world.registry.calls(batch, ids):
        record = render(source.name, call)
        yield None if record is None else (orjson.dumps(record, option=_NEWLINE), str(get(record, source.event_id)))


def _write(
    world: World, source: str, batch: Batch, lines: Lines, log: IO[bytes], labels: IO[bytes], written: Written
) -> None:
    profiles = world.registry.profiles
    for found, profile, label in zip(lines, batch.profile.tolist(), batch.label.tolist(), strict=True):
        if found is None:
            continue
        line, number = found
        log.write(line)
        account = profiles[profile].account
        written.records[source] += 1
        written.accounts[source, account] += 1
        if label == BENIGN:
            continue
        written.campaigns[source, label] += 1
        written.members[source, label, account] += 1
        entry = {"source": source, "event_id": number, "actor": actor(world, source, account)}
        campaign = world.campaigns[label]
        entry |= {"campaign": campaign.name, "scenario": campaign.entry.name}
        labels.write(orjson.dumps(entry, option=_NEWLINE))


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
            "persona": None if own else owner.persona,
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
            "events": {
                source: count for (source, number), count in written.campaigns.items() if number == campaign.number
            },
            "figures": [figure.as_dict() for figure in campaign.entry.figures],
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
        "personas": dict(sorted(Counter(account.persona for account in world.accounts).items())),
    }


def _write_lines(path: Path, entries: Iterator[dict[str, Any]]) -> None:
    with path.open("wb") as stream:
        for entry in entries:
            stream.write(orjson.dumps(entry, option=_NEWLINE))
