"""`sigmagen package elastic`, as a user calls it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from sigmagen.cli.main import cli
from sigmagen.packages import elastic

ROOT = Path(__file__).parents[2]
OVERLAY = """\
allow_lists:
  ai_service_principals: [nightly-evaluation]
rules:
  call_count: {threshold: 700, enabled: true, interval: 20m}
sources:
  litellm:
    elastic: {index: "ai-gateway-*", delay: 10m}
"""

Json = dict[str, Any]


def package(folder: Path, *arguments: str) -> list[Json]:
    result = CliRunner().invoke(cli, ["package", "elastic", "-o", str(folder), *arguments])
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in (folder / elastic.RULES).read_text().splitlines()]


def everything(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_public_example_values_of_the_allow_lists_are_not_packaged(tmp_path: Path) -> None:
    """Whoever knows them could take such a name, and no rule would see it."""
    rules = package(tmp_path / "package")
    assert rules
    written = b"".join(everything(tmp_path / "package").values())
    for example in (b"svc-batch-summariser", b"batch-summariser", b"192.0.2.200"):
        assert example not in written


def test_an_overlay_tunes_rules_and_is_recorded(tmp_path: Path) -> None:
    file = tmp_path / "tenant.yml"
    file.write_text(OVERLAY)
    rules = package(tmp_path / "package", "--overlay", str(file), "-s", "litellm", "-s", "cloudtrail")
    mine = {rule["query"].splitlines()[0]: rule for rule in rules if "High Volume of Model Calls" in rule["name"]}
    rule = mine["FROM ai-gateway-*"]
    assert "value >= 700" in rule["query"]
    assert '"nightly-evaluation"' in rule["query"]
    assert rule["enabled"] is True
    assert rule["interval"] == "20m"
    assert rule["from"] == "now-112m"
    assert not [
        other["name"] for other in rules if other["enabled"] and "High Volume of Model Calls" not in other["name"]
    ]
    manifest = json.loads((tmp_path / "package" / elastic.MANIFEST).read_text())
    assert manifest["overlay"]["sources"]["litellm"]["elastic"]["index"] == "ai-gateway-*"
    assert [path.stem for path in (tmp_path / "package" / elastic.INDEX_TEMPLATES).iterdir()] == ["sigmagen-cloudtrail"]


def test_ids_are_those_of_the_untuned_package(tmp_path: Path) -> None:
    file = tmp_path / "tenant.yml"
    file.write_text(OVERLAY)
    tuned = package(tmp_path / "tuned", "--overlay", str(file))
    assert [rule["rule_id"] for rule in tuned] == [rule["rule_id"] for rule in package(tmp_path / "plain")]


@pytest.mark.parametrize("seed", ["0", "4711"])
def test_another_process_writes_the_same_bytes(tmp_path: Path, seed: str) -> None:
    package(tmp_path / "here")
    command = [sys.executable, "-m", "sigmagen", "package", "elastic", "-o", str(tmp_path / "there")]
    environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": "Asia/Tokyo"}
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    assert everything(tmp_path / "there") == everything(tmp_path / "here")
