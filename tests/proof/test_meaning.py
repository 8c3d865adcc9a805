"""Tier one, meaning: every part of a plan, executed on every engine, finds what the oracle finds.

The parts are the orders of steps and the operations in them. Few rules and sources hold them all: see
`representatives`. Each is run over random events, with a threshold that a few dozen of them reach.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any
from uuid import uuid4

import pytest

from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.convert.converter import Converter
from sigmagen.engines.alert import Alert, Engine
from sigmagen.engines.duckdb import DuckDBEngine
from sigmagen.engines.elasticsearch import ElasticsearchEngine
from sigmagen.engines.kusto_local import KustoLocalEngine
from sigmagen.engines.splunk_local import SplunkLocalEngine
from sigmagen.mapping.source import Source, relocate
from sigmagen.plan.build import build_plan
from sigmagen.plan.shape import operations, plan_shape
from sigmagen.proof.cases import rule_under_test
from sigmagen.proof.extent import Extent
from sigmagen.proof.simulate.scenes import lay_out, records, span
from sigmagen.rules.load import load_rules
from sigmagen.rules.model import Correlation
from sigmagen.sources import render
from tests.canonical_events import EVER
from tests.oracle_alerts import oracle_alerts
from tests.random_calls import random_calls, with_low_threshold
from tests.representatives import Pair, pairs_of, representatives

CONVERTER = Converter.load(mappings_folder())
FILES = load_rules(None, rules_folder=rules_folder(), mappings_folder=mappings_folder()).files
TESTS = {rule_under_test(file)[0].name: rule_under_test(file)[1] for file in FILES}
TARGETS = ("duckdb", "splunk", "sentinel", "elastic")
ALERTING_SETS = 2
RANDOM_SETS = 500


def _parameters() -> Iterator[object]:
    for target in TARGETS:
        marks = [pytest.mark.elasticsearch] if target == "elastic" else []
        for pair in representatives(pairs_of(CONVERTER, FILES, target)):
            yield pytest.param(pair, id=str(pair), marks=marks)


@pytest.fixture(scope="module")
def engines(request: pytest.FixtureRequest) -> Iterator[dict[str, Engine]]:
    """The engine of each target, opened when a test asks for it."""
    opened = _Opened(request)
    yield opened
    for engine in opened.values():
        engine.close()


class _Opened(dict[str, Engine]):
    def __init__(self, request: pytest.FixtureRequest) -> None:
        super().__init__()
        self.request = request

    def __missing__(self, target: str) -> Engine:
        made: Engine
        if target == "elastic":
            made = ElasticsearchEngine(self.request.getfixturevalue("elasticsearch_url"), CONVERTER.taxonomy)
        elif target == "sentinel":
            made = KustoLocalEngine(CONVERTER.taxonomy)
        else:
            made = DuckDBEngine(threads=1) if target == "duckdb" else SplunkLocalEngine()
        self[target] = made
        return made


def own(source: Source) -> Source:
    """The source, in Elasticsearch in an index that no other test writes."""
    return relocate(source, "elastic", lambda part: f"sigmagen-meaning-{uuid4().hex[:12]}-{part.name}-*")


@dataclass(frozen=True)
class EventSet:
    """Random records, a rule with a threshold that they can reach, and what the oracle finds."""

    rule: Correlation
    native: list[dict[str, Any]]
    wanted: set[Alert]


def event_set(original: Correlation, source: Source, number: object) -> EventSet:
    seed = random.Random(number)  # type: ignore[arg-type]
    rule = with_low_threshold(original, seed)
    native = [record for call in random_calls(seed, rule) if (record := render(source.name, call)) is not None]
    return EventSet(rule, native, oracle_alerts(CONVERTER, rule, source, native))


@cache
def event_sets(original: Correlation, source: str) -> list[EventSet]:
    """Sets over which a rule alerts, and one over which it is silent if there is one among the first."""
    found: list[EventSet] = []
    silent: list[EventSet] = []
    for number in range(100):
        made = event_set(original, CONVERTER.source(source), f"{original.name} {number}")
        (found if made.wanted else silent).append(made)
        if len(found) == ALERTING_SETS:
            return [*found, *silent[:1]]
    raise AssertionError(f"{original.name} on {source}: too few event sets alert")


@pytest.mark.parametrize("pair", [*_parameters()])
def test_each_part_of_a_plan_means_what_the_oracle_says(engines: dict[str, Engine], pair: Pair) -> None:
    engine, source = engines[pair.target], own(pair.source)
    for number, events in enumerate(event_sets(pair.rule, source.name)):
        engine.load(source, events.native)
        found = set(engine.run(CONVERTER.convert(events.rule, source, pair.target), *EVER))
        assert found == events.wanted, f"event set {number}"


@pytest.mark.parametrize("target", TARGETS)
def test_the_representatives_hold_every_part_of_every_plan(target: str) -> None:
    """Of the alert queries, too: they end otherwise, and `verify` runs them for each schedule class."""
    pairs = pairs_of(CONVERTER, FILES, target)
    chosen = representatives(pairs)
    assert set().union(*(pair.parts for pair in chosen)) == set().union(*(pair.parts for pair in pairs))
    assert len(chosen) < len(pairs)


DUCKDB = pairs_of(CONVERTER, FILES, "duckdb")


@pytest.mark.parametrize("pair", representatives(DUCKDB), ids=str)
def test_an_attack_and_a_twin_of_a_rule_alert_as_the_oracle_says(engines: dict[str, Engine], pair: Pair) -> None:
    check_scenes(engines["duckdb"], pair, Extent(quick=True))


@pytest.mark.thorough
@pytest.mark.parametrize("pair", DUCKDB, ids=str)
def test_all_scenes_of_a_rule_alert_as_the_oracle_says(engines: dict[str, Engine], pair: Pair) -> None:
    check_scenes(engines["duckdb"], pair, Extent())


def check_scenes(engine: Engine, pair: Pair, extent: Extent) -> None:
    rule, source = pair.rule, pair.source
    query = CONVERTER.convert(rule, source, "duckdb")
    test = extent.test(TESTS[rule.name], source.name)
    scenes = lay_out(test, source.name, reach=query.reach, prefixes=not extent.quick)
    native = records(scenes, source.name)
    engine.load(source, native)
    found = set(engine.run(query, *span(scenes)))
    assert found == oracle_alerts(CONVERTER, rule, source, native)
    assert found


@pytest.mark.thorough
def test_five_hundred_random_event_sets_alert_as_the_oracle_says(engines: dict[str, Engine]) -> None:
    alerting = 0
    for number in range(RANDOM_SETS):
        pair = DUCKDB[number % len(DUCKDB)]
        events = event_set(pair.rule, pair.source, number)
        engines["duckdb"].load(pair.source, events.native)
        found = set(engines["duckdb"].run(CONVERTER.convert(events.rule, pair.source, "duckdb"), *EVER))
        assert found == events.wanted, f"set {number}: {pair}"
        alerting += bool(events.wanted)
    assert alerting > RANDOM_SETS // 4


def test_the_shape_of_a_plan_is_free_of_names_and_constants() -> None:
    """A rule with other values, threshold and timespan has the same shape; one of another type has not."""
    pair = next(pair for pair in DUCKDB if pair.rule.name == "call_count" and pair.source.name == "litellm")
    assert pair.rule.threshold is not None
    other = replace(pair.rule, timespan=86_400_000, threshold=replace(pair.rule.threshold, value=7))
    plans = [build_plan(rule, pair.source, "duckdb", CONVERTER.taxonomy) for rule in (pair.rule, other)]
    assert plan_shape(plans[0]) == plan_shape(plans[1])
    assert operations(plans[0]) == operations(plans[1])
    assert not any("gpt" in part or "user_id" in part or "500" in part for part in pair.parts)
    shapes = {
        pair.rule.type: plan_shape(build_plan(pair.rule, pair.source, "duckdb", CONVERTER.taxonomy)) for pair in DUCKDB
    }
    assert len(set(shapes.values())) == len(shapes)
