"""The same content gives the same bytes, and a newer package keeps the ids of an older one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from sigmagen.content.detections import PackageContent
from sigmagen.durations import HOUR
from sigmagen.packages.output import LIST
from sigmagen.packages.sentinel import write
from sigmagen.packages.sentinel.package import Package
from tests.cli.conftest import ROOT
from tests.native_logs import converter
from tests.packages.sentinel.conftest import OWN_LISTS


def hashes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("seed", ["1", "2"])
def test_another_process_writes_the_same_bytes(seed: str, folder: Path, tmp_path: Path) -> None:
    """With another seed, so that the order of a set would show."""
    out = tmp_path / "out"
    overlay = tmp_path / "overlay.yml"
    overlay.write_text(json.dumps({"allow_lists": OWN_LISTS}), encoding="utf-8")
    command = [sys.executable, "-m", "sigmagen", "package", "sentinel", "-o", str(out), "--overlay", str(overlay)]
    environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": "Asia/Tokyo", "LC_ALL": "C"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {name: value for name, value in hashes(out).items() if name != LIST} == hashes(folder)
    assert len(hashes(out)) > 200


def test_files_end_with_one_newline_and_have_no_carriage_return(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            text = path.read_bytes()
            assert text.endswith(b"\n"), path
            assert b"\r" not in text, path


def ids(package: Package) -> dict[tuple[str, str, str], str]:
    return {
        (part.source.name, kind, name): resource["name"]
        for part in package.parts
        for kind, name, resource in part.resources()
    }


def test_ids_stay_when_version_title_and_thresholds_change(built_in: PackageContent, package: Package) -> None:
    newer = replace(
        built_in,
        detections=tuple(
            replace(
                item,
                rule=replace(
                    item.rule, title=f"New: {item.rule.title}", level="low", timespan=HOUR, description="New."
                ),
                alert=replace(item.alert, text=item.alert.text + "\n| take 1"),
            )
            for item in built_in.detections
        ),
    )
    later = Package.of(newer, converter(), version="7.8.9")
    assert ids(later) == ids(package)
    assert len(set(ids(package).values())) == len(ids(package)), "no two resources share an id"
    assert {rule.version for part in later.parts for rule in part.rules} == {"7.8.9"}


def test_ids_don_t_depend_on_what_else_is_packaged(built_in: PackageContent, package: Package) -> None:
    alone = replace(built_in, detections=tuple(item for item in built_in.detections if item.source.name == "litellm"))
    found = ids(Package.of(alone, converter()))
    assert found
    assert found.items() <= ids(package).items()


def test_what_was_overlaid_is_recorded(built_in: PackageContent, tmp_path: Path) -> None:
    few = replace(built_in, detections=built_in.detections[:1])
    write(few, tmp_path, converter(), {"thresholds": {"call_count": 5}})
    assert '"call_count": 5' in (tmp_path / "package.json").read_text("utf-8")
