"""Simulated traffic has the shape of its sources: the quantiles of the trace, the densities of what is shared."""

from __future__ import annotations

import csv
import os
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from sigmagen.bundled import mappings_folder
from sigmagen.durations import DAY
from sigmagen.problems import SigmagenError
from sigmagen.sources.call import Call
from sigmagen.traffic.catalogue import Catalogue, load
from sigmagen.traffic.draws import Draws
from sigmagen.traffic.pace import Service
from sigmagen.traffic.sharing import SHARED, size_of
from sigmagen.traffic.tokens import Tokens
from sigmagen.traffic.world import Plan, World

TRACE = Path(os.environ.get("SIGMAGEN_TRACES", "traces")) / "azure_llm_inference_2023_conversation.csv"
NAME = "azure_conversation"
QUANTILES = (0.5, 0.9, 0.99)


@cache
def catalogue(world: str = "design") -> Catalogue:
    return load(mappings_folder(), world)  # type: ignore[arg-type]


def drawn() -> dict[str, np.ndarray]:
    """Tokens and gaps of a service with the trace's own gaps, for two hours, and as many calls."""
    traces = catalogue().traces
    read, written, _ = Tokens({"trace": NAME}, traces).draw(Draws("fit"), 40_000)
    times = Service({"trace": NAME, "slower": 1}, 1, traces).day(Draws("gaps"), 0, 0).time
    return {"input": read, "output": written, "gaps": np.diff(times[times < DAY // 12])}


def traced() -> dict[str, np.ndarray]:
    with TRACE.open() as stream:
        rows = list(csv.DictReader(stream))
    times = np.array([datetime.fromisoformat(row["TIMESTAMP"][:26]).timestamp() * 1_000 for row in rows])
    return {
        "input": np.array([int(row["ContextTokens"]) for row in rows]),
        "output": np.array([int(row["GeneratedTokens"]) for row in rows]),
        "gaps": np.diff(np.sort(times)),
    }


@pytest.mark.skipif(not TRACE.exists(), reason="set SIGMAGEN_TRACES to the folder with Azure's trace of 2023")
def test_tokens_and_gaps_have_the_quantiles_of_the_trace() -> None:
    ours, theirs = drawn(), traced()
    for name in ours:
        wanted = np.quantile(theirs[name], QUANTILES)
        assert np.quantile(ours[name], QUANTILES) == pytest.approx(wanted, rel=0.1), name
    long = [np.mean((part["input"] < 500) & (part["output"] >= 500)) for part in (ours, theirs)]
    assert long[0] == pytest.approx(long[1], abs=0.001)


def test_tokens_have_the_published_quantiles() -> None:
    """Input p50 1,020 and p90 2,734, output p50 129 and p90 424: the figures of the trace's authors."""
    found = drawn()
    assert np.quantile(found["input"], (0.5, 0.9)) == pytest.approx((1_020, 2_734), rel=0.1)
    assert np.quantile(found["output"], (0.5, 0.9)) == pytest.approx((129, 424), rel=0.1)


def laid_out(*scenarios: str, tenants: int = 400, days: int = 2) -> World:
    found = catalogue()
    return World(Plan(found, found.chosen(scenarios), tenants, days, 1))


FIELD: dict[str, Callable[[Call], object]] = {
    "address": lambda call: call.source_ip,
    "network": lambda call: (call.source_ip or "").rpartition(".")[0],
    "asn": lambda call: call.as_number,
    "user_agent": lambda call: call.user_agent,
    "tls": lambda call: call.tls_fingerprint,
    "organization": lambda call: call.organization,
    "system": lambda call: call.system,
}
IMPLIED = {"address": {"network", "asn"}, "network": {"asn"}}
"""Who shares an address also shares its network."""


def values(world: World, accounts: tuple[int, ...], what: str) -> dict[object, set[int]]:
    """The accounts that have each value of an attribute."""
    found: dict[object, set[int]] = defaultdict(set)
    for profile in world.registry.profiles:
        if profile.account in accounts:
            call: Call = profile.call
            found[FIELD[what](call)].add(profile.account)
    return found


@pytest.mark.parametrize("what", FIELD)
@pytest.mark.parametrize("density", [10, 50, 100])
def test_accounts_share_one_thing_in_the_density_of_the_scenario(what: str, density: int) -> None:
    world = laid_out(f"hydra-{what}-{density}")
    (campaign,) = world.campaigns
    everybody = tuple(range(len(world.accounts)))
    shared = max(values(world, campaign.accounts, what).items(), key=lambda item: len(item[1]))
    assert shared[1] == set(campaign.accounts)
    group = values(world, everybody, what)[shared[0]]
    assert len(campaign.accounts) / len(group) == pytest.approx(density / 100, abs=0.005)
    for other in FIELD.keys() - {what, "system"} - IMPLIED.get(what, set()):
        assert max(map(len, values(world, campaign.accounts, other).values())) == 1, other


def test_one_percent_of_a_group_takes_the_accounts_of_the_world() -> None:
    world = laid_out("hydra-asn-1", tenants=400)
    (campaign,) = world.campaigns
    assert len(campaign.accounts) == 3
    assert len(campaign.crowd) == 297


def test_a_world_that_is_too_small_for_a_density_is_refused() -> None:
    with pytest.raises(SigmagenError, match="needs 198 benign accounts"):
        size_of(25, 0.01, 100)


def test_every_shared_thing_has_a_scenario() -> None:
    scenarios = catalogue().scenarios
    assert all(f"hydra-{what}-{density}" in scenarios for what in SHARED for density in (1, 10, 50, 100))
    assert "hydra_nothing" in scenarios


def test_accounts_that_share_a_template_have_one_head_and_many_prompts() -> None:
    world = laid_out("hydra-template-100", days=4)
    calls = [call for day in range(4) for call in calls_of(world, day)]
    heads = {(call.prompt or "")[:64] for call in calls}
    assert len(heads) == 1
    assert len({call.prompt for call in calls}) > 0.9 * len(calls) > 100


def calls_of(world: World, day: int) -> list[Call]:
    """The calls of campaigns on a day."""
    batch = world.day(day)
    own = batch.taken(batch.label >= 0)
    return list(world.registry.calls(own, world.ids(own)))


def test_released_model_gets_half_of_the_calls_of_a_campaign_that_pivots() -> None:
    world = laid_out("pivot", days=6)
    calls = [call for day in range(6) for call in calls_of(world, day)]
    release = catalogue().crowd["release"]
    time = world.start + int(6 * DAY * release["after"])
    after = [call.model == release["model"] for call in calls if call.time >= time]
    assert sum(after) / len(after) == pytest.approx(0.5, abs=0.1)
    assert not any(call.model == release["model"] for call in calls if call.time < time)


def test_accounts_fail_over_one_after_the_other() -> None:
    world = laid_out("failover", days=2)
    (campaign,) = world.campaigns
    accounts = [world.accounts[number] for number in campaign.accounts]
    for before, after in pairwise(accounts):
        assert before.suspended is not None
        assert abs(after.created - before.suspended) < 3_600_000


def test_steps_of_stolen_keys_come_before_their_harvest() -> None:
    world = laid_out("llmjacking_max_tokens")
    calls = [call for day in range(2) for call in calls_of(world, day)]
    assert [call.operation for call in calls[:7]] == [
        "ListFoundationModels",
        *["InvokeModel"] * 4,
        "GetModelInvocationLoggingConfiguration",
        "chat",
    ]
    assert all(call.failed for call in calls[1:5])
