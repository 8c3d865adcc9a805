"""Random rules and events on every engine, against the oracle. SIGMAGEN_FUZZ_PAIRS asks for more of them."""

from __future__ import annotations

import os

import pytest

from sigmagen.rules.correlation_types import CORRELATION_TYPES
from tests.fuzz.engines import EACH_ENGINE, ENGINES, own_source
from tests.fuzz.judge import fuzz, report
from tests.fuzz.pairs import RULES_PER_WORLD, pairs_of
from tests.fuzz.still_open import is_open
from tests.fuzz.world import random_world
from tests.sampling import size

PAIRS = {"kusto-local": size(60, 300), "spark": size(40, 300), "trino": size(40, 300)}
DEFAULT_PAIRS = size(150, 300)
REFUSED = 0.05


@pytest.mark.parametrize(
    "name",
    EACH_ENGINE,
)
def test_random_rules_alert_as_the_oracle_says(name: str) -> None:
    pairs = int(os.environ.get("SIGMAGEN_FUZZ_PAIRS", PAIRS.get(name, DEFAULT_PAIRS)))
    source = own_source()
    with ENGINES[name]() as engine:
        tally = fuzz(engine, source, range(-(-pairs // RULES_PER_WORLD)))
        print(tally.table())
        wrong = [outcome for outcome in tally.different if not is_open(outcome)]
        assert not wrong, f"{len(wrong)} pairs differ\n" + report(wrong[0], engine, source)
    assert tally.alerting >= 0.4 * tally.pairs
    assert tally.refused <= REFUSED * tally.pairs
    assert {kind.split()[0] for kind, status in tally.statuses if status == "equal"} == set(CORRELATION_TYPES)


def test_a_seed_gives_the_same_pairs_again() -> None:
    first, second = ([(pair.text, pair.expected) for pair in pairs_of(random_world(7))] for _ in range(2))
    assert first == second
