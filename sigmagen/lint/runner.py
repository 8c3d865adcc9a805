"""Runs every family of checks over what was loaded."""

from __future__ import annotations

from pathlib import Path

from sigmagen.lint import correlation, detection, fields, frameworks, meta, prose, structure, tests
from sigmagen.lint.context import Context
from sigmagen.problems import Problem
from sigmagen.rules.load import LoadedRules

FAMILIES = (meta, frameworks, correlation, fields, detection, prose, tests)


def lint(loaded: LoadedRules, *, mappings_folder: Path) -> list[Problem]:
    """What the catalogue finds wrong with loaded rules and the test files beside them, broken files included.

    Doesn't repeat what loading has already reported. Raises SigmagenError if the catalogue itself can't be read.
    """
    context = Context(loaded, mappings_folder)
    problems = [problem for family in FAMILIES for problem in family.check(context)]
    # Schema and official parser come last: they only add what nobody said better.
    problems += structure.check(context, [*loaded.problems, *problems])
    return [*dict.fromkeys(context.absent), *problems]
