"""What the tests of rules share: their small mappings folder, and short ways to load text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sigmagen.lint import lint
from sigmagen.problems import Problem
from sigmagen.rules.load import LoadedRules, load_rules

FILES = Path(__file__).parent / "files"
MAPPINGS = FILES / "mappings"

Load = Callable[..., LoadedRules]
Lint = Callable[..., list[Problem]]


@pytest.fixture
def files() -> Path:
    """The folder of YAML files that the tests read."""
    return FILES


@pytest.fixture
def mappings() -> Path:
    """A mappings folder with just enough in it."""
    return MAPPINGS


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load rule texts, each from its own file (rule0.yml, rule1.yml, ...)."""

    def load_texts(*texts: str, mappings_folder: Path = MAPPINGS) -> LoadedRules:
        for number, text in enumerate(texts):
            (tmp_path / f"rule{number}.yml").write_text(text, encoding="utf-8")
        return load_rules([tmp_path], rules_folder=tmp_path, mappings_folder=mappings_folder)

    return load_texts


@pytest.fixture
def lint_of(load: Load) -> Lint:
    """Lint rule texts; test files are left out of account unless asked for."""

    def lint_texts(*texts: str, mappings_folder: Path = MAPPINGS, prefix: str = "") -> list[Problem]:
        loaded = load(*texts, mappings_folder=mappings_folder)
        assert not loaded.problems, loaded.problems
        problems = lint(loaded, mappings_folder=mappings_folder)
        return [problem for problem in problems if problem.code != "test-missing" and problem.code.startswith(prefix)]

    return lint_texts


@pytest.fixture
def sound() -> str:
    """A rule file without any problem."""
    return (FILES / "valid" / "probe.yml").read_text(encoding="utf-8")
