"""Random rules across two sources, on every engine, against the oracle."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.fuzz.across import both_sources, pairs_across
from tests.fuzz.engines import ENGINES, OVER_NATIVE_RECORDS
from tests.fuzz.judge import Tally, judge, load
from tests.fuzz.still_open import is_open
from tests.sampling import size

WORLDS = {
    "duckdb": size(10, 20),
    "kusto-local": size(2, 5),
    "splunk-local": size(10, 20),
    "elasticsearch": size(10, 20),
}


@pytest.mark.parametrize(
    "name",
    OVER_NATIVE_RECORDS,
)
def test_random_rules_across_two_sources_alert_as_the_oracle_says(name: str) -> None:
    source = both_sources(f"sigmagen-fuzz-{uuid4().hex}")
    tally = Tally()
    with ENGINES[name]() as engine:
        for seed in range(WORLDS[name]):
            pairs = pairs_across(seed)
            load(engine, source, pairs[0].world)
            for pair in pairs:
                tally.add(judge(pair, engine, source))
    print(tally.table())
    wrong = [outcome for outcome in tally.different if not is_open(outcome)]
    assert not wrong, [wrong[0].pair.name, wrong[0].pair.text, *wrong[0].differences[:6]]
    assert tally.alerting >= 0.4 * tally.pairs
    assert tally.refused <= 0.1 * tally.pairs
