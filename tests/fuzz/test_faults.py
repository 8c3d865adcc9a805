"""The fuzz would notice: each planted fault is found, by alerts that differ, within a few hundred pairs."""

from __future__ import annotations

from functools import lru_cache

import pytest

from sigmagen.engines.alert import Engine
from sigmagen.mapping.source import Source
from tests.fuzz.engines import ENGINES, own_source
from tests.fuzz.faults import FAULTS, Fault
from tests.fuzz.judge import Outcome, judge, judged, load
from tests.fuzz.levels import levels
from tests.fuzz.pairs import Pair, pairs_of
from tests.fuzz.still_open import is_open
from tests.fuzz.world import random_world

WORLDS = range(1_000, 1_030)


@lru_cache(maxsize=len(WORLDS))
def pairs(seed: int) -> list[Pair]:
    return pairs_of(random_world(seed))


def first_difference(fault: Fault, engine: Engine, source: Source) -> Outcome | None:
    """The first pair whose alerts are not the oracle's."""
    for seed in WORLDS:
        chosen = [pair for pair in pairs(seed) if any(map(fault.rules, levels(pair.rule)))]
        if chosen:
            load(engine, source, chosen[0].world)
        for pair in chosen:
            outcome = judge(pair, engine, source)
            if outcome.status == "different" and not is_open(outcome) and "crashed" not in outcome.differences[0]:
                return outcome
    return None


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(fault, id=fault.name, marks=[pytest.mark.elasticsearch] if fault.engine == "elasticsearch" else [])
        for fault in FAULTS
    ],
)
def test_a_fault_is_found(fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    source = own_source()
    fault.plant(monkeypatch)
    with ENGINES[fault.engine]() as engine:
        found = first_difference(fault, engine, source)
        assert found is not None
        print(f"{found.pair.name}: {found.differences[0]}")
        monkeypatch.undo()
        assert judged(found.pair, engine, source).status == "equal"
