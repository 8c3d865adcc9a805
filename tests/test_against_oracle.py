"""The DuckDB engine against the oracle: every rule and source, on the rules' own scenes and on random events."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.convert.converter import Converter
from sigmagen.engines.alert import Alert
from sigmagen.engines.duckdb import DuckDBEngine
from sigmagen.mapping.source import Source
from sigmagen.problems import SigmagenError
from sigmagen.proof.cases import rule_under_test
from sigmagen.proof.simulate.scenes import lay_out, records, span
from sigmagen.rules.load import load_rules
from sigmagen.rules.model import Correlation, RuleFile
from sigmagen.sources import render
from sigmagen.sources.call import Call
from tests import oracle
from tests.canonical_events import EVER, canonical_events, native_events

CONVERTER = Converter.load(mappings_folder())
FILES = load_rules(None, rules_folder=rules_folder(), mappings_folder=mappings_folder()).files
RANDOM_SETS = 500


def pairs() -> list[tuple[RuleFile, Correlation, Source]]:
    """Every rule with every source whose native log carries its fields."""
    found = []
    for file in FILES:
        rule, _ = rule_under_test(file)
        for source in CONVERTER.feeding(rule):
            try:
                CONVERTER.convert(rule, source, "duckdb")
            except SigmagenError:
                continue
            found.append((file, rule, source))
    return found


PAIRS = pairs()
NAMES = [f"{rule.name}-{source.name}" for _, rule, source in PAIRS]


def expected(rule: Correlation, source: Source, native: list[dict[str, Any]]) -> set[Alert]:
    if source.native_fields and "ai_inference" not in str(next(iter(oracle_bases(rule))).logsource):
        events = native_events(source, native)
    else:
        events = canonical_events(CONVERTER, source, native)
    return {
        Alert(alert.window_end, alert.window_start, tuple(alert.group), alert.value)
        for alert in oracle.hunt(rule, events)
    }


def oracle_bases(rule: Correlation) -> list[Any]:
    return [base for part in rule.rules for base in (oracle_bases(part) if isinstance(part, Correlation) else [part])]


@pytest.fixture(scope="module")
def engine() -> Any:
    with DuckDBEngine() as running:
        yield running


@pytest.mark.parametrize(("file", "rule", "source"), PAIRS, ids=NAMES)
def test_the_scenes_of_every_rule_alert_alike(
    engine: DuckDBEngine, file: RuleFile, rule: Correlation, source: Source
) -> None:
    query = CONVERTER.convert(rule, source, "duckdb")
    scenes = lay_out(rule_under_test(file)[1], source.name, reach=query.reach)
    native = records(scenes, source.name)
    engine.load(source, native)
    found = set(engine.run(query, *span(scenes)))
    assert found == expected(rule, source, native)
    assert found


def with_low_threshold(rule: Correlation, source: random.Random) -> Correlation:
    """The same rule with a threshold that a few dozen random events can reach."""
    if rule.threshold is None:
        parts = tuple(
            with_low_threshold(part, source) if isinstance(part, Correlation) else part for part in rule.rules
        )
        return replace(rule, rules=parts)
    low = source.choice([400, 1500]) if rule.type == "value_sum" else source.choice([2, 3, 4])
    return replace(rule, threshold=replace(rule.threshold, value=low))


def random_calls(seed: random.Random, rule: Correlation) -> list[Call]:
    """Calls around every condition of the built-in rules, over about three windows."""
    start = 1_786_000_000_000 + seed.randrange(10**8)
    length = rule.timespan * 3
    burst = seed.random() < 0.5
    calls = []
    for number in range(seed.randrange(20, 70)):
        time = start + (seed.randrange(length) if not burst else int(abs(seed.gauss(0.5, 0.12)) * length))
        calls.append(random_call(seed, time, f"call-{number}"))
    return sorted(calls, key=lambda call: call.time)


def random_call(seed: random.Random, time: int, name: str) -> Call:
    failed = seed.random() < 0.3
    bias = {"logit_bias": {str(seed.randrange(4)): -100, "7": seed.choice([1, 2])}} if seed.random() < 0.6 else {}
    parameters = {
        "max_tokens": seed.choice([1, 5, 6, 200]),
        "temperature": seed.choice([0, 0, 0.7, 1]),
        "logprobs": seed.random() < 0.7,
        **bias,
    }
    for absent in ("temperature", "logprobs", "max_tokens"):
        if seed.random() < 0.2:
            del parameters[absent]
    subject = seed.choice(["a cat", "a dog", '"a" b', "x 1", "x 22"])
    return Call(
        time=time,
        id=name,
        principal=seed.choice(["alice", "bob", "svc-batch-summariser"]),
        organization=seed.choice(["111122223333", "444455556666", "777788889999", None]),
        operation=seed.choice(["chat", "chat", "chat", "GetModelInvocationLoggingConfiguration"]),
        model=seed.choice(["gpt-4o", "GPT-4o", "small"]),
        prompt=seed.choice([f"Write about {subject}", f"{seed.randrange(3)} tell me of {subject}", None, ""]),
        parameters=parameters,
        input_tokens=seed.choice([10, 499, 500, 900]),
        output_tokens=seed.choice([40, 499, 500, 900]),
        reasoning_tokens=seed.choice([None, 0, 300]),
        outcome="failure" if failed else "success",
        status=seed.choice([400, 429]) if failed else 200,
        error=seed.choice(["ValidationException", "AccessDeniedException", "ThrottlingException"]) if failed else None,
        cached=seed.random() < 0.2,
        source_ip=seed.choice(["198.51.100.7", "203.0.113.9", "192.0.2.200", None]),
        console=seed.random() < 0.2,
    )


def test_five_hundred_random_event_sets_alert_alike(engine: DuckDBEngine) -> None:
    alerting = 0
    for number in range(RANDOM_SETS):
        seed = random.Random(number)
        _, original, source = PAIRS[number % len(PAIRS)]
        rule = with_low_threshold(original, seed)
        native = [record for call in random_calls(seed, rule) if (record := render(source.name, call)) is not None]
        wanted = expected(rule, source, native)
        engine.load(source, native)
        found = set(engine.run(CONVERTER.convert(rule, source, "duckdb"), *EVER))
        assert found == wanted, f"set {number}: {rule.name} on {source.name}"
        alerting += bool(wanted)
    assert alerting > RANDOM_SETS // 4
