"""Running all checks on loaded rules."""

from __future__ import annotations

from pathlib import Path

from sigmagen.lint import correlation, detection, fields, frameworks, meta, prose, structure, tests
from sigmagen.lint.context import Context
from sigmagen.problems import Problem
from sigmagen.rules.load import LoadedRules

FAMILIES = (meta, frameworks, correlation, fields, detection, prose, tests)


def lint(loaded: LoadedRules, *, mappings_folder: Path) -> list[Problem]:
    """Return the problems of loaded rules and their test files, including broken files.

    Problems from loading are not repeated. Raises SigmagenError if the catalogue can't be read.
    """
    context = Context(loaded, mappings_folder)
    problems = [problem for family in FAMILIES for problem in family.check(context)]
    # Schema and official parser come last: they only report what no other check has reported.
    problems += structure.check(context, [*loaded.problems, *problems])
    return [*dict.fromkeys(context.absent), *problems]
