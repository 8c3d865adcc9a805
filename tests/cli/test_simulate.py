"""`sigmagen simulate`: the list of scenarios and personas, the files, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run


def test_list_shows_every_scenario_and_persona_with_its_figures_and_their_sources(run: Run) -> None:
    document = json.loads(run("simulate", "--list", "--json", "--seed", "3").stdout)
    assert document["seed"] == 3
    assert len(document["scenarios"]) > 100
    assert len(document["personas"]) > 25
    for entry in document["scenarios"] + document["personas"]:
        assert entry["source"]
        assert entry["figures"]
        assert all(figure["source"] for figure in entry["figures"])
    text = run("simulate", "--list", "--seed", "3").stdout
    assert text.startswith("world design, seed 3\n")
    assert all(f"\n{entry['name']}: {entry['title']}\n" in text for entry in document["scenarios"])


def test_list_of_one_scenario_has_the_values_of_the_world(run: Run) -> None:
    values = []
    for world in ("design", "judgement"):
        document = json.loads(run("simulate", "alpaca", "--list", "--json", "--world", world).stdout)
        (entry,) = document["scenarios"]
        values.append({figure["name"]: figure["value"] for figure in entry["figures"]})
    assert values[0]["pace.calls"] == values[1]["pace.calls"] == 2_600
    assert values[0]["pace.per_second"] != values[1]["pace.per_second"]


def test_files_are_written_into_the_folder_and_counted(run: Run, tmp_path: Path) -> None:
    output = tmp_path / "out"
    result = run("simulate", "single-100-100", "--tenants", "3", "--days", "1", "-o", output, "--json")
    records = json.loads(result.stdout)["records"]["canonical"]
    assert len((output / "canonical.ndjson").read_bytes().splitlines()) == records > 100
    names = {"canonical.ndjson", "labels.ndjson", "actors.ndjson", "campaigns.ndjson", "overlay.yml", "world.json"}
    assert {path.name for path in output.iterdir()} == names


def test_generated_logs_are_read_without_a_problem(run: Run, tmp_path: Path) -> None:
    output = tmp_path / "out"
    run("simulate", "single-100-1000", "--tenants", "5", "--days", "1", "-o", output)
    result = run("detect", output / "canonical.ndjson", "--json", "--overlay", output / "overlay.yml")
    assert result.exit_code == 0
    assert "one_template_many_fillings" in {alert["rule"] for alert in json.loads(result.stdout)}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("alpacca", "-o", "x"), "unknown scenario 'alpacca'\n  did you mean alpaca"),
        (("alpaca",), "-o is missing"),
        (("hydra-asn-1", "--tenants", "50", "-o", "x"), "needs 198 benign accounts\n  use --tenants 198 or more"),
        (("-s", "nothing", "-o", "x"), "nothing"),
    ],
)
def test_unusable_arguments_are_refused_with_a_way_out(arguments: tuple[str, ...], message: str, run: Run) -> None:
    result = run("simulate", *arguments)
    assert result.exit_code == 3
    assert message in result.stderr
