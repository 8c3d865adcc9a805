"""Bursts are found wherever they lie; clock-aligned buckets, the usual conversion, lose some of them."""

from __future__ import annotations

import random
from dataclasses import replace
from math import ceil

import pytest

from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.convert.converter import Converter, Query
from sigmagen.engines.duckdb import DuckDBEngine
from sigmagen.mapping.source import Source
from sigmagen.plan.window import Window, tick_length
from sigmagen.proof.cases import rule_under_test
from sigmagen.proof.simulate.cases import calls
from sigmagen.rules.load import load_rules
from sigmagen.rules.model import Correlation
from sigmagen.rules.testfile import Case, TestFile
from sigmagen.sources import render
from sigmagen.sources.call import Call

CONVERTER = Converter.load(mappings_folder())
FILES = load_rules(None, rules_folder=rules_folder(), mappings_folder=mappings_folder()).files
CANONICAL = CONVERTER.source("canonical")
STEPS = 24
OFFSETS = 1000
EPOCH = 1_786_406_400_000  # midnight


def attacks() -> list[tuple[Correlation, Source, TestFile, Case]]:
    found = []
    for file in FILES:
        rule, test = rule_under_test(file)
        source = next(s for s in (CANONICAL, CONVERTER.source("cloudtrail")) if s in CONVERTER.feeding(rule))
        found += [
            (rule, source, test, case)
            for case in test.cases
            if case.kind == "attack" and (case.sources is None or source.name in case.sources)
        ]
    return found


ATTACKS = attacks()


def shifted(rule: Correlation, source: Source, test: TestFile, case: Case) -> tuple[list[dict[str, object]], list[int]]:
    """The attack 24 times, each a 24th of the timespan later against the clock, days apart; and when each starts."""
    apart = -(-4 * rule.timespan // 86_400_000) * 86_400_000
    starts = [EPOCH + number * apart + number * rule.timespan // STEPS for number in range(STEPS)]
    played = [
        render(source.name, replace(call, id=f"{call.id}-{start}"))
        for start in starts
        for call in calls(test, case, start)
    ]
    return [record for record in played if record is not None], starts


def alerting_starts(engine: DuckDBEngine, query: Query, starts: list[int]) -> set[int]:
    alerts = engine.run(query, starts[0], starts[-1] + 10 * query.reach)
    ends = sorted(alert.window_end for alert in alerts)
    return {start for start in starts if any(start < end <= start + 2 * query.reach for end in ends)}


@pytest.mark.parametrize(("rule", "source", "test", "case"), ATTACKS, ids=[f"{a[0].name}-{a[3].name}" for a in ATTACKS])
def test_an_attack_is_found_however_it_lies_against_the_clock(
    rule: Correlation, source: Source, test: TestFile, case: Case
) -> None:
    records, starts = shifted(rule, source, test, case)
    with DuckDBEngine() as engine:
        engine.load(source, records)
        assert alerting_starts(engine, CONVERTER.convert(rule, source, "duckdb"), starts) == set(starts)


def test_clock_aligned_buckets_miss_some_of_the_same_attacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """With panes as long as the window, our own conversion becomes the public converters': every rule leaks."""
    monkeypatch.setattr(Window, "over", classmethod(lambda cls, timespan: cls(timespan, timespan)))
    leaking = set()
    for rule, source, test, case in ATTACKS:
        records, starts = shifted(rule, source, test, case)
        with DuckDBEngine() as engine:
            engine.load(source, records)
            if len(alerting_starts(engine, CONVERTER.convert(rule, source, "duckdb"), starts)) < STEPS:
                leaking.add(rule.name)
    assert leaking == {rule.name for rule, *_ in ATTACKS}


@pytest.mark.parametrize("spread", ["1.2 x the threshold over exactly W", "the threshold within W - H"])
def test_a_thousand_random_offsets_are_all_found(spread: str) -> None:
    rule = next(rule for rule, *_ in ATTACKS if rule.name == "logprobs_with_logit_bias")
    assert rule.threshold is not None
    threshold = int(rule.threshold.value)
    window, tick = rule.timespan, tick_length(rule.timespan)
    number, length = (ceil(1.2 * threshold), window) if spread.startswith("1.2") else (threshold, window - tick)
    dice = random.Random(spread)
    records = []
    for trial in range(OFFSETS):
        start = EPOCH + dice.randrange(86_400_000)
        times = [start + index * length // number for index in range(number)]
        if number == threshold:
            times[-1] = start + length - 1  # the first and the last event are as far apart as the promise allows
        parameters = {"logprobs": True, "logit_bias": {"1": 5}, "max_tokens": 1}
        event = Call(time=start, id="x", principal=f"p{trial}", parameters=parameters)
        records += [
            render("canonical", replace(event, time=time, id=f"{trial}-{index}")) for index, time in enumerate(times)
        ]
    with DuckDBEngine() as engine:
        engine.load(CANONICAL, [record for record in records if record is not None])
        alerts = engine.run(CONVERTER.convert(rule, CANONICAL, "duckdb"), EPOCH - window, EPOCH + 3 * 86_400_000)
    assert len({alert.group for alert in alerts}) == OFFSETS


def test_the_promise_is_about_the_tick() -> None:
    window = Window.over(3_600_000)
    assert window.panes == 6
