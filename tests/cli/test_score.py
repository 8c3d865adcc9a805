"""`sigmagen score`: its JSON is documented, and its HTML report is whole, safe and readable."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.test_documentation import documented
from tests.cli.test_report import HOSTILE, Tags, parsed
from tests.score.test_attribution import RULES, write


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A folder with the rules of the attribution tests."""
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "rules.yml").write_bytes(RULES)
    return folder


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """A log with a campaign that is found, one that is not, a false alert, and hostile names."""
    harvest = [(60 * number, "mallory", "192.0.2.1", "harvest-1") for number in range(7)]
    slow = [(3600 * number, HOSTILE, "192.0.2.2", "slow-1") for number in range(3)]
    busy = [(7200 + 60 * number, "bot-1", "192.0.2.3", None) for number in range(6)]
    folder = write(tmp_path / "world", [*harvest, *slow, *busy, (172_800, "chat-1", "192.0.2.4", None)])
    figures = [{"name": "share", "value": 0.25}, {"name": "queries", "value": 500}]
    campaigns = [
        {"campaign": "harvest-1", "scenario": "harvest", "title": HOSTILE, "figures": figures},
        {"campaign": "slow-1", "scenario": "slow", "title": "Slow"},
    ]
    (folder / "campaigns.ndjson").write_text("\n".join(map(json.dumps, campaigns)))
    return folder


def page(run: Run, world: Path, rules: Path) -> Tags:
    output = world.parent / "score.html"
    result = run("score", world, "--rules", rules, "--html", output)
    assert result.exit_code == 0, result.output
    return parsed(output)


def test_score_is_documented_key_by_key(run: Run, world: Path, rules: Path) -> None:
    score = json.loads(run("score", world, "--rules", rules, "--json").stdout)
    assert list(score) == documented("Score")
    assert {tuple(entry) for entry in score["recall"]} == {tuple(documented("Recall"))}
    assert {tuple(entry) for entry in score["personas"]} == {tuple(documented("Cost"))}
    assert {tuple(entry["false"]) for entry in score["rules"]} == {tuple(documented("Cost"))}
    assert set(score["rules"][0]) == {"rule", "level", "found", "only", "false"}


def test_html_shows_recall_and_false_alerts_beside_each_other(run: Run, world: Path, rules: Path) -> None:
    text = " ".join(page(run, world, rules).text.split())
    assert "1 of 2 campaigns found" in text
    assert re.search(r"slow 0 of 1 - - not found.*harvest 1 of 1 7 10 many_of_user", text)
    assert re.search(r"bot 50\.00 237\.19 1 2", text)
    assert "25 % 1 of 1 after 7" in text


def test_html_draws_campaigns_over_the_traffic(run: Run, world: Path, rules: Path) -> None:
    tags = page(run, world, rules).tags
    labels = [str(attributes["aria-label"]) for tag, attributes in tags if tag == "svg"]
    assert "harvest-1: many_of_user 2026-08-03 10:10" in labels
    assert "slow-1: not found" in labels
    drawn = [attributes.get("class") for tag, attributes in tags if tag == "rect"]
    assert drawn.count("length") == 2
    assert drawn.count("low") == 1
    assert "hit" in drawn


def test_html_is_safe_and_needs_no_network(run: Run, world: Path, rules: Path) -> None:
    found = page(run, world, rules)
    assert not {tag for tag, _ in found.tags} & {"script", "img", "link", "iframe", "object", "form"}
    assert not [name for _, attributes in found.tags for name in attributes if name.startswith("on")]
    assert "<img src=x onerror=alert(1)>" in found.text
    names = [tag for tag, _ in found.tags]
    assert names.count("table") == names.count("caption") == 5


def test_html_of_a_log_without_personas_or_shares(run: Run, world: Path, rules: Path) -> None:
    output = world.parent / "score.html"
    labels, log = world / "labels.ndjson", world / "canonical.ndjson"
    result = run("score", log, "--labels", labels, "--rules", rules, "--html", output, "--json")
    assert result.exit_code == 0, result.output
    text = parsed(output).text
    assert "No scenario in these logs states both." in text
    assert "no account-days" in text
