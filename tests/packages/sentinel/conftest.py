"""One package of the built-in rules, written once, and its files as data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.content.detections import PackageContent, collect_content
from sigmagen.packages.sentinel import write
from sigmagen.packages.sentinel.facts import Facts
from sigmagen.packages.sentinel.package import Package
from sigmagen.rules.load import load_rules
from sigmagen.rules.placeholders import load_allow_lists
from tests.native_logs import converter

Documents = dict[str, dict[str, Any]]

OWN_LISTS = {name: list(values) for name, values in load_allow_lists(mappings_folder())[0].items()}
"""The values that the rules' own tests presume, as a tenant's."""


@pytest.fixture(scope="session")
def facts() -> Facts:
    return Facts.load(mappings_folder())


@pytest.fixture(scope="session")
def built_in() -> PackageContent:
    """All built-in rules over all sources."""
    files = load_rules(None, rules_folder=rules_folder(), mappings_folder=mappings_folder()).files
    return collect_content(converter(), files, "sentinel")


@pytest.fixture(scope="session")
def package(built_in: PackageContent) -> Package:
    return Package.of(built_in, converter(), {"allow_lists": OWN_LISTS})


@pytest.fixture(scope="session")
def folder(built_in: PackageContent, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The written package."""
    path = tmp_path_factory.mktemp("sentinel")
    write(built_in, path, converter(), {"allow_lists": OWN_LISTS})
    return path


@pytest.fixture(scope="session")
def rule_files(folder: Path) -> Documents:
    """The analytics rules' YAML, by name."""
    return yaml_files(folder / "yaml" / "analytic-rules")


@pytest.fixture(scope="session")
def watchlist_rule_files(folder: Path) -> Documents:
    """The YAML of the rules that read watchlists, by name."""
    return yaml_files(folder / "yaml" / "with-watchlists")


@pytest.fixture(scope="session")
def hunt_files(folder: Path) -> Documents:
    """The hunting queries' YAML, by name."""
    return yaml_files(folder / "yaml" / "hunting-queries")


@pytest.fixture(scope="session")
def function_files(folder: Path) -> Documents:
    """The parser functions' YAML, by name."""
    return yaml_files(folder / "yaml" / "parsers")


@pytest.fixture(scope="session")
def templates(folder: Path) -> Documents:
    """Every ARM template, by its path in the package."""
    return {
        path.relative_to(folder).as_posix(): json.loads(path.read_text("utf-8"))
        for part in ("arm", "repositories")
        for path in sorted((folder / part).rglob("*.json"))
    }


def yaml_files(folder: Path) -> Documents:
    """Every YAML file of a folder, by its name without the suffix."""
    return {path.name.removesuffix(".yaml"): yaml.safe_load(path.read_text("utf-8")) for path in folder.iterdir()}
