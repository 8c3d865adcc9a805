"""Attacks that are really run, as campaigns of a simulated world."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from sigmagen.attacks.registry import ATTACKS
from sigmagen.score.labels import load_labels
from tests.cli.conftest import Run

pytest.importorskip("sklearn")


def test_queries_of_an_attack_are_a_campaign_with_the_surrogates_agreement(run: Run, tmp_path: Path) -> None:
    world = tmp_path / "world"
    options = ("--attack", "equation_solving_binary", "--tenants", "3", "--days", "1", "--seed", "1")
    result = run("simulate", *options, "-o", world)
    assert result.exit_code == 0, result.stderr
    (campaign,) = (orjson.loads(line) for line in (world / "campaigns.ndjson").read_bytes().splitlines())
    assert campaign["scenario"] == "run-equation_solving_binary"
    expected = ATTACKS["equation_solving_binary"].run(1)
    assert campaign["agreement"] == [[point.queries, point.agreement] for point in expected.curve]
    labels = load_labels(world)
    found = labels.campaigns["run-equation_solving_binary"]
    assert [found.share_learned(events) for events in (0, 30, 31, 500)] == [
        0.0,
        pytest.approx(expected.share_of_gain(30)),
        1.0,
        1.0,
    ]
    events = [line for line in (world / "canonical.ndjson").read_bytes().splitlines() if b"gen_ai.input.hash" in line]
    assert len(events) == len(expected.queries)


def test_list_has_attacks_with_what_their_papers_report(run: Run) -> None:
    listed = orjson.loads(run("simulate", "--list", "--json").stdout)["attacks"]
    assert [attack["name"] for attack in listed] == list(ATTACKS)
    assert all(attack["source"].startswith("https://") and attack["published"] for attack in listed)
