"""What once differed from the oracle, on every engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sigmagen.engines.alert import Engine
from tests.fuzz.case import FOLDER, Case, read
from tests.fuzz.engines import EACH_ENGINE, ENGINES, own_source
from tests.fuzz.judge import judged
from tests.fuzz.pairs import expected
from tests.fuzz.still_open import OPEN

CASES = [read(path) for path in sorted(FOLDER.glob("*.yml"))]
NAMES = [case.pair.name for case in CASES]


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_the_oracle_says_what_the_case_says(case: Case) -> None:
    assert expected(case.pair.rule, case.pair.world) == case.pair.expected


@pytest.fixture(scope="module", params=EACH_ENGINE)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    with ENGINES[request.param]() as running:
        yield running


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_the_engine_says_it_too(engine: Engine, case: Case) -> None:
    outcome = judged(case.pair, engine, own_source())
    if engine.name in case.open:
        assert outcome.status == "different", f"mended: take {engine.name} out of `open` in the case"
    else:
        assert outcome.status == "equal", [case.about, outcome.reason, *outcome.differences]


def test_what_is_open_has_a_case() -> None:
    assert set(OPEN) <= {case.pair.name for case in CASES if case.open}
