"""What a deployment needs to know: everything that is missing is named at once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from sigmagen.cli.main import cli
from tests.packages.splunk.app import FILES, package

SMALL = [file for file in FILES if file.path.stem == "call_count"]
NEEDED = {
    "elastic": ("SIGMAGEN_ELASTICSEARCH_URL", "SIGMAGEN_KIBANA_URL", "SIGMAGEN_KIBANA_API_KEY"),
    "splunk": ("SIGMAGEN_SPLUNK_URL", "SIGMAGEN_SPLUNK_TOKEN"),
    "sentinel": ("SIGMAGEN_SENTINEL_RESOURCE_ID", "SIGMAGEN_SENTINEL_TOKEN"),
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment without any of our variables, and without a keyring."""
    for name in [name for name in os.environ if name.startswith("SIGMAGEN_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr("sigmagen.net.settings.find_spec", lambda name: None)
    return monkeypatch


@pytest.mark.parametrize("siem", NEEDED)
def test_all_missing_settings_are_reported(siem: str, tmp_path: Path, environment: pytest.MonkeyPatch) -> None:
    folder = package(tmp_path / "out", SMALL, ["litellm"]).parent if siem == "splunk" else tmp_path
    result = CliRunner().invoke(cli, ["deploy", siem, "--package", str(folder)])
    assert result.exit_code == 3
    assert [name for name in NEEDED[siem] if name not in result.stderr] == []


def test_verify_reports_invalid_settings_of_all_targets(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("SIGMAGEN_SPLUNK_URL", "https://splunk.example.com:8089")
    environment.setenv("SIGMAGEN_ELASTICSEARCH_URL", "https://elastic.example.com:9200")
    environment.setenv("SIGMAGEN_ELASTICSEARCH_USERNAME", "ann")
    result = CliRunner().invoke(cli, ["verify", "-t", "splunk", "-t", "elastic"])
    assert result.exit_code == 3
    assert "SIGMAGEN_SPLUNK_TOKEN is not" in result.stderr
    assert "SIGMAGEN_ELASTICSEARCH_USERNAME and SIGMAGEN_ELASTICSEARCH_PASSWORD must be set together" in result.stderr
