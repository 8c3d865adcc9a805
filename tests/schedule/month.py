"""A month of a tenant's calls, seeded: campaigns and everyday use, each record with the time when the SIEM has it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sigmagen.durations import DAY, HOUR
from sigmagen.proof.simulate.cases import calls
from sigmagen.rules.testfile import Case, TestFile
from sigmagen.sources import render
from sigmagen.sources.call import Call

START = 1_785_542_400_000
"""2026-08-01T00:00:00Z."""
LENGTH = 30 * DAY
PACES = ("burst", "own", "slow", "long")
EVERYDAY = 1_200


@dataclass(frozen=True, slots=True)
class Logged:
    """A native record. Times are epoch milliseconds: when the call was, and from when on the SIEM can find it."""

    record: dict[str, Any]
    time: int
    arrived: int


def month(test: TestFile, source: str, *, reach: int, delay: int, late: float = 0.0) -> list[Logged]:
    """The records of a month in order of time, the same on every run.

    Campaigns are far enough apart that no window, and no look-back of a run, sees two. All arrive within `delay`, some
    at its very end; but a share `late` up to six hours later, and then one outage holds back two hours of records.
    `reach` is how long after a call a window can see it. Milliseconds.
    """
    played = sorted(_everything(test, source, reach), key=lambda call: call.time)
    dice = random.Random(f"{test.rule}/{source}/delays")
    latecomers = random.Random(f"{test.rule}/{source}/late")
    outage = _outage(test, source, reach) if late else 0
    found = []
    for number, call in enumerate(played):
        record = render(source, replace(call, id=f"call-{number}"))
        if record is None:
            continue
        arrived = call.time + min(delay, round(delay * dice.expovariate(3)))
        if latecomers.random() < late:
            arrived = call.time + delay + latecomers.randrange(1, 6 * HOUR)
        if outage <= call.time < outage + 2 * HOUR:
            arrived = max(arrived, outage + 2 * HOUR)
        found.append(Logged(record, call.time, arrived))
    return found


def _starts(reach: int) -> list[int]:
    """When the campaigns start: each somewhere in the first fifth of a slot of its own."""
    number = max(5, min(24, LENGTH // (6 * reach)))
    slot = LENGTH // number
    dice = random.Random(f"starts/{reach}")
    return [START + slot * index + dice.randrange(slot // 5) for index in range(number)]


def _outage(test: TestFile, source: str, reach: int) -> int:
    """Two hours that begin with a campaign of its case's own pace."""
    return _starts(reach)[PACES.index("own")]


def _everything(test: TestFile, source: str, reach: int) -> Iterator[Call]:
    dice = random.Random(f"{test.rule}/{source}/calls")
    cases = [case for case in test.cases if case.sources is None or source in case.sources]
    attacks = [case for case in cases if case.kind == "attack"]
    for number, start in enumerate(_starts(reach)):
        yield from _campaign(test, attacks[number // len(PACES) % len(attacks)], start, PACES[number % 4], reach)
    for case in cases:
        if case.kind == "benign":
            yield from _moved(calls(test, case, START), START + dice.randrange(LENGTH - DAY))
    for _ in range(EVERYDAY):
        who = f"colleague-{dice.randrange(40)}"
        time = START + dice.randrange(LENGTH)
        yield Call(time=time, id="", principal=who, prompt=f"draft note {dice.randrange(1000)}")


def _campaign(test: TestFile, case: Case, start: int, pace: str, reach: int) -> Iterator[Call]:
    """A case at its own pace, within seconds, over most of a window, or three times one after the other."""
    own = calls(test, case, start)
    length = max(1, own[-1].time - start)
    if pace == "long":
        for turn in range(3):
            yield from _moved(own, start + turn * (length + 1000))
        return
    scale = {"burst": min(length, 20_000), "own": length, "slow": max(length, reach * 4 // 5)}[pace] / length
    for call in own:
        yield replace(call, time=start + round((call.time - start) * scale))


def _moved(played: Sequence[Call], start: int) -> list[Call]:
    return [replace(call, time=call.time - played[0].time + start) for call in played]
