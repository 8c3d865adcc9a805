"""Random rules across two sources: CloudTrail under its own names, and canonical events."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from sigmagen.mapping.source import Source, combine_sources
from sigmagen.rules.model import LogSource
from tests.canonical_events import flat
from tests.fuzz import world
from tests.fuzz.correlations import Draft, measured, sequence
from tests.fuzz.detections import Document
from tests.fuzz.judge import source_for
from tests.fuzz.pairs import Pair, built
from tests.fuzz.world import Record, World, milliseconds, moment, random_world
from tests.oracle import Event

TRAIL = LogSource(product="aws", service="cloudtrail")
INFERENCE = LogSource("ai_inference")
SELECTIONS = {
    TRAIL: ({"errorCode": "AccessDeniedException"}, {"eventName|startswith": "Get"}, {"errorCode": None}),
    INFERENCE: (
        {"gen_ai.usage.output_tokens|gte": 40},
        {"event.outcome": "failure"},
        {"gen_ai.request.logprobs": True},
    ),
}
# What both sources carry, and what each calls it; an address is a text in one of them.
ALIASES = {
    "who": ("userIdentity.arn", "user.id"),
    "place": ("awsRegion", "cloud.region"),
    "address": ("sourceIPAddress", "source.ip"),
}
RULES = 5


@dataclass(frozen=True)
class TwoSources(World):
    """A world with a second log."""

    trail: list[Record] = field(default_factory=list, repr=False)

    @property
    def events(self) -> list[Event]:
        # CloudTrail delivers at least once: an event that is there twice is one event.
        once = list({record["eventID"]: record for record in self.trail}.values())
        seen = [dict(flat(record)) | {"@timestamp": milliseconds(record["eventTime"])} for record in once]
        return [
            *(event | {"@logsource": INFERENCE} for event in super().events),
            *(event | {"@logsource": TRAIL} for event in seen),
        ]

    @property
    def logs(self) -> dict[str, list[Record]]:
        return super().logs | {"cloudtrail": self.trail}


def both_sources(prefix: str) -> Source:
    """CloudTrail and canonical events, read together."""
    return combine_sources([(TRAIL, source_for(prefix, "cloudtrail")), (INFERENCE, source_for(prefix))])


def pairs_across(seed: int) -> list[Pair]:
    """The pairs of a seed."""
    dice = random.Random(f"across {seed}")
    base = random_world(seed)
    trail = [_trail(dice, milliseconds(record["@timestamp"]), f"t{n}") for n, record in enumerate(base.records)]
    trail += dice.sample(trail, 3)
    trail += [_irrelevant("first", base.start), _irrelevant("last", base.end - 1)]
    played = TwoSources(seed, base.timespans, base.start, base.end, base.records, trail)
    bases = {
        f"{source.product or 'ai'}_{number}": _base(f"{source.product or 'ai'}_{number}", source, selection)
        for source, selections in SELECTIONS.items()
        for number, selection in enumerate(selections)
    }
    return built(dice, played, bases, [_draft(dice, base.timespans) for _ in range(RULES)])


def _trail(dice: random.Random, time: int, name: str) -> Record:
    """A CloudTrail event about the time of another: it has whole seconds."""
    time = (time + dice.choice((0, 0, 1000, -1000))) // 1000 * 1000
    record: Record = {
        "eventVersion": "1.10",
        "eventTime": moment(time).replace(".000Z", "Z"),
        "eventID": name,
        "requestID": name,
        "eventSource": "bedrock.amazonaws.com",
        "eventName": dice.choice(("GetFoundationModel", "InvokeModel", "ListModels")),
        "userIdentity": {"type": "IAMUser", "arn": dice.choice(world.NAMES)},
        "requestParameters": None,
    }
    optional = {
        "awsRegion": world.REGIONS,
        "sourceIPAddress": world.ADDRESSES[:3],
        "errorCode": ("AccessDeniedException",),
    }
    return record | {key: dice.choice(values) for key, values in optional.items() if dice.random() < 0.7}


def _irrelevant(name: str, time: int) -> Record:
    """An event of no rule, at an end of the range: KQL takes its range from the records of every table."""
    record: Record = {"eventVersion": "1.10", "eventTime": moment(time), "eventID": name, "eventName": "Ping"}
    return record | {"eventSource": "bedrock.amazonaws.com", "userIdentity": {}, "errorCode": "Ping"}


def _base(name: str, source: LogSource, selection: object) -> Document:
    logsource = {"category": source.category} if source.category else {"product": "aws", "service": "cloudtrail"}
    detection = {"selection": selection, "condition": "selection"}
    return {"title": f"Base {name}", "name": name, "logsource": logsource, "detection": detection}


def _draft(dice: random.Random, timespans: tuple[str, ...]) -> tuple[list[Document], str]:
    """Over events of both sources; or over the alerts of one and events of the other."""
    draft = Draft(dice, (), timespans)
    trail, canonical = (f"aws_{dice.randrange(3)}", f"ai_{dice.randrange(3)}")
    alias = dice.choice(list(ALIASES))
    group_by: Sequence[str] = [alias]
    names = dict(zip((trail, canonical), ALIASES[alias], strict=True))
    if dice.random() < 0.3:
        inner = draft.add(measured(dice, ["awsRegion"], ()), [trail], [ALIASES[alias][0]])
        names = {inner: names[trail], canonical: names[canonical]}
    elif dice.random() < 0.4:
        other = dice.choice(sorted({f"ai_{number}" for number in range(3)} - {canonical}))
        names[other] = names[canonical]
    rules = dice.sample(list(names), len(names))
    made = sequence(dice, rules) if dice.random() < 0.6 else measured(dice, [alias], ())
    draft.add(made, rules, group_by, {alias: names})
    return draft.documents, f"{made[0]} across"
