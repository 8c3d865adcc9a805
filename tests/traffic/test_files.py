"""The files of a simulated world: the same for every process and number of processes, with noise and allow lists."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

from sigmagen.bundled import mappings_folder
from sigmagen.convert.converter import Converter
from sigmagen.sources.call import PREDICTION, Call
from sigmagen.traffic.catalogue import Entry, load
from sigmagen.traffic.declared import overlay
from sigmagen.traffic.recorded import Recording
from sigmagen.traffic.world import Plan, World
from sigmagen.traffic.writing import write_world

SMALL = ("hydra_nothing", "single-100-100", "hydra-address-100")


def world(*scenarios: str, tenants: int = 30, days: int = 2, recordings: tuple[Recording, ...] = ()) -> World:
    catalogue = load(mappings_folder(), "design")
    return World(Plan(catalogue, catalogue.chosen(scenarios), tenants, days, 1, recordings))


def write(made: World, folder: Path, *sources: str, jobs: int = 1) -> dict[str, bytes]:
    known = Converter.load(mappings_folder()).sources
    folder.mkdir()
    write_world(made, [known[name] for name in sources], folder, jobs=jobs)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def rows(data: bytes) -> list[dict[str, object]]:
    return [json.loads(line) for line in data.splitlines()]


def test_files_do_not_depend_on_hash_seed_or_number_of_processes(tmp_path: Path) -> None:
    expected = write(world(*SMALL, tenants=10), tmp_path / "here", "canonical")
    command = [sys.executable, "-m", "sigmagen", "simulate", *SMALL, "-s", "canonical"]
    command += ["--tenants", "10", "--days", "2", "--jobs", "2", "-o", str(tmp_path / "there")]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": "7"}, capture_output=True)
    assert {path.name: path.read_bytes() for path in (tmp_path / "there").iterdir()} == expected


def test_native_logs_have_the_records_of_control_plane_steps_and_some_twice(tmp_path: Path) -> None:
    files = write(world("weights_read", "single-100-1000", tenants=10), tmp_path / "out", "cloudtrail")
    records = rows(files["cloudtrail.ndjson"])
    labels = {str(label["event_id"]) for label in rows(files["labels.ndjson"])}
    reads = [record for record in records if record["eventName"] == "GetObject" and record["eventID"] in labels]
    assert len({record["eventID"] for record in reads}) == 80
    assert 0 < len(records) - len({record["eventID"] for record in records}) < len(records) / 50


def test_records_arrive_late_and_lack_fields(tmp_path: Path) -> None:
    events = rows(write(world(tenants=150, days=1), tmp_path / "out", "canonical")["canonical.ndjson"])
    calls = [event for event in events if "event.action" not in event]
    times = [str(call["@timestamp"]) for call in calls]
    late = sum(time < before for before, time in pairwise(times))
    assert 0.01 < late / len(calls) < 0.05
    assert any("gen_ai.prompt.hash" not in call for call in calls if call["gen_ai.operation.name"] == "chat")
    assert any("source.ip" not in call and "user_agent.original" not in call for call in calls)


def test_overlay_lists_a_part_of_the_bulk_jobs_and_what_hides_among_them() -> None:
    made = world("hidden_in_batch", tenants=1_500)
    lists = overlay(made, ["canonical"])["allow_lists"]
    jobs = [account for account in made.accounts if account.persona in ("labelling", "summaries", "evaluation")]
    listed = [account.principal in lists["ai_service_principals"] for account in jobs]
    assert 0.5 < sum(listed) / len(listed) < 0.9
    (campaign,) = made.campaigns
    assert made.accounts[campaign.accounts[0]].principal in lists["ai_service_principals"]
    campus = {account.places[0].address for account in made.accounts if account.persona == "campus_student"}
    assert campus & set(lists["shared_egress_addresses"])


def test_recorded_queries_are_a_campaign_of_one_account(tmp_path: Path) -> None:
    queries = [
        Call(time=100 * number, id="", principal="", operation=PREDICTION, features=(number * 1.0, 2.0), prompt=None)
        for number in range(20)
    ]
    entry = Entry("equation_solving", "Equation solving", "test", {"who": {"network": "cloud", "client": "sdk"}}, ())
    files = write(world(recordings=(Recording(entry, queries),)), tmp_path / "out", "canonical")
    labels = rows(files["labels.ndjson"])
    events = {str(event["event.id"]): event for event in rows(files["canonical.ndjson"])}
    assert [label["campaign"] for label in labels] == ["equation_solving"] * len(labels)
    own = [events[str(label["event_id"])] for label in labels]
    assert len({event["gen_ai.input.hash"] for event in own if "event.action" not in event}) == 20
    assert len({event["user.id"] for event in own}) == 1
