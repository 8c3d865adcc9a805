"""The wheel carries the rules and mappings that an installed `sigmagen` reads, and nothing else of the checkout."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import sigmagen

ROOT = Path(sigmagen.__file__).resolve().parents[1]
CONTENT = {"rules": "sigmagen/_content/rules", "mappings": "sigmagen/_content/mappings"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of all files in a wheel built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


@pytest.mark.parametrize("folder", CONTENT)
def test_wheel_carries_the_content_under_the_package(wheel: set[str], folder: str) -> None:
    expected = {
        f"{CONTENT[folder]}/{path.relative_to(ROOT / folder).as_posix()}"
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
    }
    assert expected
    assert {name for name in wheel if name.startswith(f"{CONTENT[folder]}/")} == expected


def test_wheel_has_only_the_package_and_its_place_among_pysigma_s_plugins(wheel: set[str]) -> None:
    top = {name.split("/")[0] for name in wheel if ".dist-info/" not in name}
    assert top == {"sigmagen", "sigma"}
    plugin = {"sigma/backends/sigmagen/__init__.py", "sigma/pipelines/sigmagen/__init__.py"}
    # pySigma's own packages have no __init__: one of ours would hide them.
    assert {name for name in wheel if name.startswith("sigma/")} == plugin
    assert "sigmagen/py.typed" in wheel
