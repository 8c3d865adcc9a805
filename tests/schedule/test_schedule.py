"""The packaged alert rules, run at their own schedule through a month of calls that arrive when they arrive."""

from __future__ import annotations

import pytest

from sigmagen.durations import MINUTE
from sigmagen.plan.window import lateness
from sigmagen.rules.model import RuleFile
from tests.schedule.report import DOCUMENT, FILES, SIEMS, row, simulation_of
from tests.schedule.simulation import Result, Simulation

TOKENS, EGRESS = (
    next(file for file in FILES if file.path.stem == stem)
    for stem in ("output_token_sum", "one_egress_many_organizations")
)


def exact(result: Result) -> None:
    """Runs that come late find what the hunt finds, to the value, whichever of them is missed."""
    assert len(result.campaigns(result.in_time)) >= 5
    assert result.inexact(result.in_time) == []
    assert result.lost_by_missing_one() == []


def test_splunk_finds_what_a_hunt_finds() -> None:
    exact(Simulation(TOKENS, "litellm", "splunk").run(late=False))


def test_sentinel_finds_what_a_hunt_finds() -> None:
    exact(Simulation(TOKENS, "litellm", "sentinel").run(late=False))


@pytest.mark.elasticsearch
def test_elastic_finds_what_a_hunt_finds(elasticsearch_url: str) -> None:
    exact(Simulation(TOKENS, "litellm", "elastic").run(elasticsearch=elasticsearch_url, late=False))


def test_with_a_look_back_for_the_window_one_interval_and_the_delay_a_missed_run_loses_windows() -> None:
    interval = 10 * MINUTE
    result = Simulation(EGRESS, "litellm", "splunk", shortened=interval + lateness(interval)).run(late=False)
    assert result.rule.interval == interval
    assert result.inexact(result.in_time) == []
    assert result.lost_by_missing_one()


@pytest.mark.thorough
@pytest.mark.elasticsearch
@pytest.mark.parametrize("siem", SIEMS)
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.path.stem)
def test_every_rule_finds_what_a_hunt_finds_and_the_report_says_what_late_records_cost(
    file: RuleFile, siem: str, elasticsearch_url: str
) -> None:
    simulation = simulation_of(file, siem)
    result = simulation.run(elasticsearch=elasticsearch_url)
    exact(result)
    assert row(simulation, result) in DOCUMENT.read_text("utf-8"), "run `python -m tests.schedule.report`"
