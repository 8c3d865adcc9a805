"""The wheel beside a stock sigma-cli, in a virtual environment of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import sigmagen
from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.convert.converter import Converter
from sigmagen.rules.load import load_rules

# The environment is made once, whatever runs beside it.
pytestmark = pytest.mark.xdist_group("plugin")
ROOT = Path(sigmagen.__file__).resolve().parents[1]
RULE = rules_folder() / "output" / "logprobs_with_logit_bias.yml"


def run(*command: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in command], cwd=ROOT, capture_output=True, text=True, timeout=600)


@pytest.fixture(scope="module")
def sigma(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `sigma` command; the test is skipped where no registry answers."""
    folder = tmp_path_factory.mktemp("plugin")
    built = run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder)
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("*.whl")
    # The environment needs no pip of its own.
    assert run(sys.executable, "-m", "venv", "--without-pip", folder / "venv").returncode == 0
    python = folder / "venv" / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python, "install", "-q"]
    if run(*pip, "--retries", "1", "sigma-cli").returncode != 0:
        pytest.skip("needs a package registry that has sigma-cli")
    installed = run(*pip, wheel)
    assert installed.returncode == 0, installed.stderr
    return folder / "venv" / "bin" / "sigma"


def test_targets_and_pipelines_are_listed(sigma: Path) -> None:
    targets = run(sigma, "list", "targets").stdout
    assert all(
        f"sigmagen_{siem}" in targets for siem in ("splunk", "elastic", "sentinel", "spark", "trino", "clickhouse")
    )
    assert "sigmagen_litellm_elastic" in run(sigma, "list", "pipelines").stdout
    methods = run(sigma, "list", "correlation-methods", "sigmagen_splunk").stdout
    assert "alert" in methods
    assert "hunt" in methods


@pytest.mark.parametrize("siem", ["splunk", "elastic", "sentinel"])
@pytest.mark.parametrize("mode", ["alert", "hunt"])
def test_sigma_convert_gives_the_same_text(sigma: Path, siem: str, mode: str, tmp_path: Path) -> None:
    output = tmp_path / "query"
    result = run(sigma, "convert", "-t", f"sigmagen_{siem}", "-c", mode, "-O", "source=canonical", "-o", output, RULE)
    assert result.returncode == 0, result.stderr
    (file,) = load_rules([RULE], rules_folder=rules_folder(), mappings_folder=mappings_folder()).files
    converter = Converter.load(mappings_folder())
    query = converter.convert(file.subjects[0], converter.source("canonical"), siem, mode)  # type: ignore[arg-type]
    assert output.read_bytes() == query.text.encode() + b"\n"
