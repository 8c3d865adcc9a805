"""Figures of a score: bounds and precision."""

from __future__ import annotations

import pytest

from sigmagen.score.tables import Cost, find_precision, find_upper_bound, weigh_equally


@pytest.mark.parametrize(("count", "bound"), [(0, 2.996), (1, 4.744), (5, 10.513), (10, 16.962), (100, 118.079)])
def test_upper_bound_is_that_of_published_tables(count: int, bound: float) -> None:
    assert find_upper_bound(count) == pytest.approx(bound, abs=0.001)


def test_precision_falls_with_rarer_campaigns() -> None:
    # One campaign in 10,000 accounts, all found, and one false alert in 10,000 accounts while a campaign takes.
    assert find_precision(1.0, 0.01, 1.0, 10_000) == pytest.approx(0.5, abs=0.001)
    assert find_precision(1.0, 0.01, 1.0, 100_000) == pytest.approx(1 / 11, abs=0.001)
    assert find_precision(0.0, 0.0, 1.0, 10_000) == 0.0


def test_many_quiet_accounts_do_not_hide_a_noisy_persona() -> None:
    assert weigh_equally([Cost("chat", 0, 1_000.0), Cost("notebook", 10, 10.0)]) == 50.0
