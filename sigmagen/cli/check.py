"""`sigmagen check`: rules, their tests and the lists they use, validated and linted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sigmagen.problems import Problem
from sigmagen.rules.lint import lint
from sigmagen.rules.load import load_rules


def run_check(paths: Sequence[Path] | None, rules_folder: Path, mappings_folder: Path) -> list[Problem]:
    """Every problem of the rules at `paths` (without paths, of the rules folder), in order of file and line.

    Raises SigmagenError only if the lint catalogue itself can't be read.
    """
    loaded = load_rules(paths, rules_folder=rules_folder, mappings_folder=mappings_folder)
    problems = dict.fromkeys([*loaded.problems, *lint(loaded, mappings_folder=mappings_folder)])
    return sorted(problems, key=lambda found: (found.file or "", found.line or 0, found.column or 0, found.code))
