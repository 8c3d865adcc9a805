"""Simulated traffic: whole and the same again, with labels that hold."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from sigmagen.bundled import mappings_folder
from sigmagen.convert.converter import Converter
from sigmagen.sources import render
from sigmagen.traffic.catalogue import Catalogue, load
from sigmagen.traffic.events import CanonicalLines
from sigmagen.traffic.world import Plan, World
from sigmagen.traffic.writing import write_world

SCENARIOS = ("single-100-100", "single-25-100", "hydra-template-50", "many_choices")


@cache
def catalogue(world: str = "design") -> Catalogue:
    return load(mappings_folder(), world)  # type: ignore[arg-type]


def make(*scenarios: str, tenants: int = 25, days: int = 1, seed: int = 1, world: str = "design") -> World:
    found = catalogue(world)
    return World(Plan(found, found.chosen(scenarios), tenants, days, seed))


def files(folder: Path, world: World, *sources: str) -> dict[str, bytes]:
    known = Converter.load(mappings_folder()).sources
    folder.mkdir()
    write_world(world, [known[name] for name in sources or ("canonical",)], folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def rows(data: bytes) -> list[dict[str, object]]:
    return [json.loads(line) for line in data.splitlines()]


def test_two_runs_write_the_same_files_and_another_seed_others(tmp_path: Path) -> None:
    first = files(tmp_path / "1", make(*SCENARIOS))
    assert files(tmp_path / "2", make(*SCENARIOS)) == first
    other = files(tmp_path / "3", make(*SCENARIOS, seed=2))
    assert all(other[name] != first[name] for name in ("canonical.ndjson", "labels.ndjson", "world.json"))


def test_a_day_does_not_depend_on_the_days_made_before() -> None:
    whole, single = make(*SCENARIOS, days=3), make(*SCENARIOS, days=3)
    days = [whole.day(day) for day in range(3)]
    last = single.day(2)
    assert whole.ids(days[2]) == single.ids(last)
    assert days[2].output_tokens.tolist() == last.output_tokens.tolist()


def test_canonical_lines_equal_the_events_of_the_renderer() -> None:
    world = make(*SCENARIOS, "logit_extraction", "corpus_sweep", "reasoning_traces", tenants=300)
    batch = world.day(0)
    batch = batch.taken(slice(0, None, max(1, len(batch) // 2_500)))
    ids = world.ids(batch)
    lines = list(CanonicalLines(world.registry).lines(batch, ids))
    expected = [render("canonical", call) for call in world.registry.calls(batch, ids)]
    assert [line and json.loads(line) for line in lines] == expected
    assert len(set(ids)) == len(ids) > 1_000


def test_labels_name_exactly_the_events_of_campaigns(tmp_path: Path) -> None:
    found = files(tmp_path / "out", make(*SCENARIOS, days=2), "canonical", "litellm")
    labels = rows(found["labels.ndjson"])
    events = {event["event.id"]: event for event in rows(found["canonical.ndjson"])}
    canonical = [label for label in labels if label["source"] == "canonical"]
    assert all(events[label["event_id"]]["user.id"] == label["actor"] for label in canonical)
    native = {label["event_id"] for label in labels if label["source"] == "litellm"}
    assert {record["id"] for record in rows(found["litellm.ndjson"])} >= native
    assert len(native) > 200
    counts = Counter(label["campaign"] for label in canonical)
    assert counts["single-25-100"] == 101  # and the account's signup
    for campaign in rows(found["campaigns.ndjson"]):
        assert campaign["events"]["canonical"] == counts[campaign["campaign"]]  # type: ignore[index]


def test_share_is_that_of_the_campaign_among_the_calls_of_its_account(tmp_path: Path) -> None:
    found = files(tmp_path / "out", make("single-25-500", days=2))
    (actor,) = [actor for actor in rows(found["actors.ndjson"]) if actor["campaigns"]]
    assert actor["campaign_events"] == 501
    assert actor["events"] == 2_001


@pytest.mark.parametrize("figure", ["{value: 3, source: assumed}", "{design: 3, judgement: 3, source: assumed}"])
def test_an_assumed_figure_must_differ_between_the_worlds(figure: str, tmp_path: Path) -> None:
    from sigmagen.mapping.documents import load_checked
    from sigmagen.problems import SigmagenError
    from sigmagen.traffic.catalogue import check

    text = (mappings_folder() / "traffic" / "personas.yml").read_text()
    path = tmp_path / "personas.yml"
    path.write_text(text.replace("{design: 3, judgement: 2.4, source: assumed}", figure))
    with pytest.raises(SigmagenError, match="must differ between the worlds"):
        load_checked(path, "traffic", mappings_folder(), check)


def test_worlds_differ_in_every_assumed_figure() -> None:
    design, judgement = catalogue(), replace(catalogue("judgement"))
    for name, entry in {**design.personas, **design.scenarios}.items():
        other = {**judgement.personas, **judgement.scenarios}[name]
        for ours, theirs in zip(entry.figures, other.figures, strict=True):
            assert (ours.value != theirs.value) == ours.source.startswith("assumed"), (name, ours)
