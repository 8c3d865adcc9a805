"""`sigmagen check`: rules, their tests and the lists they use, validated and linted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click

from sigmagen.cli.problems import print_json, print_problems
from sigmagen.cli.settings import AS_JSON, RULE_PATHS, Settings, with_settings
from sigmagen.display import counted
from sigmagen.lint import lint
from sigmagen.lint.catalogue import load_catalogue
from sigmagen.mapping.source import source_files
from sigmagen.packages.elastic.templates import against_integrations
from sigmagen.problems import EXIT_BROKEN_INPUT, EXIT_CLEAN, EXIT_FINDINGS, Problem, SigmagenError
from sigmagen.rules.load import LoadedRules, find_rule_files, load_rules
from sigmagen.rules.testfile import companion


def run_check(paths: Sequence[Path] | None, rules_folder: Path, mappings_folder: Path) -> list[Problem]:
    """Every problem of the rules at `paths` (without paths, of the rules folder), in order of file and line.

    Raises SigmagenError only if the lint catalogue itself can't be read.
    """
    return problems_of(load_rules(paths, rules_folder=rules_folder, mappings_folder=mappings_folder), mappings_folder)


def problems_of(loaded: LoadedRules, mappings_folder: Path) -> list[Problem]:
    """Every problem of loaded rules and what belongs to them, in order of file and line."""
    return _ordered(
        [*loaded.problems, *source_files(mappings_folder)[1], *lint(loaded, mappings_folder=mappings_folder)]
    )


def _ordered(problems: Sequence[Problem]) -> list[Problem]:
    """The problems, each once, by place."""
    return sorted(
        dict.fromkeys(problems), key=lambda found: (found.file or "", found.line or 0, found.column or 0, found.code)
    )


@click.command("check")
@RULE_PATHS
@click.option("--strict", is_flag=True, help="Warnings are findings too.")
@AS_JSON
@with_settings
def command(paths: tuple[Path, ...], strict: bool, as_json: bool, settings: Settings) -> int:
    """Validate and lint rules, their tests and the mappings.

    PATH is a rule file or a folder; without one, all rules are checked. A rule of the rules folder is checked beside
    all others of it: an id or a name that another rule has, and a reference to another file, are seen. Exits with 2
    where a file can't be used, with 1 where there are errors (with --strict, or warnings).
    """
    problems = all_problems(settings, paths)
    if as_json:
        print_json([problem.as_dict() for problem in problems])
    else:
        print_problems(problems, err=False)
        click.echo(_summary(problems), err=True)
    return exit_code(problems, settings.mappings, strict=strict)


def all_problems(settings: Settings, paths: Sequence[Path] = ()) -> list[Problem]:
    """What is wrong with the rules, with filters and overlay joined to them, and with the mappings.

    Rules of the rules folder are checked beside all others of it, so that a reference is found and an id or a name
    that another rule has is a problem; what is wrong with the others is not said.
    """
    others = _others(settings.rules, paths)
    unasked = {str(file) for path in others for file in (path, companion(path))}
    return [problem for problem in _problems(settings, [*others, *paths]) if problem.file not in unasked]


def _others(rules: Path, paths: Sequence[Path]) -> list[Path]:
    """The other rule files of the rules folder; none where no path leads into it."""
    asked = {file.resolve() for file in find_rule_files(paths)[0]} if paths else set()
    folder = rules.resolve()
    if not any(file.is_relative_to(folder) for file in asked):
        return []
    return [file for file in find_rule_files([rules])[0] if file.resolve() not in asked]


def _problems(settings: Settings, paths: Sequence[Path]) -> list[Problem]:
    from sigmagen.proof.mappings import check_mappings

    if broken := check_mappings(settings.mappings):
        # The checks of rules read the mappings, so what loading the rules says is all that is left.
        rules = load_rules(paths or None, rules_folder=settings.rules, mappings_folder=settings.mappings)
        return _ordered([*broken, *rules.problems])
    try:
        converter = settings.converter()
        loaded = settings.load(paths)
    except SigmagenError as error:
        # Without an overlay that can be used, the rules as they are.
        return [*run_check(paths or None, settings.rules, settings.mappings), *error.problems]
    return [*problems_of(loaded, settings.mappings), *against_integrations(converter)]


def exit_code(problems: Sequence[Problem], mappings: Path, *, strict: bool) -> int:
    """2 for what can't be used, 1 for what should be better, 0 for nothing."""
    catalogue = load_catalogue(mappings)
    grave = ("error", "warning") if strict else ("error",)
    found = [problem for problem in problems if problem.severity in grave]
    stages = {catalogue[problem.code].stage if problem.code in catalogue else "load" for problem in found}
    return EXIT_BROKEN_INPUT if "load" in stages else EXIT_FINDINGS if stages else EXIT_CLEAN


def _summary(problems: Sequence[Problem]) -> str:
    if not problems:
        return "all clean"
    counts: Counter[str] = Counter(problem.severity for problem in problems)
    names = {"error": "error", "warning": "warning", "info": "note"}
    return ", ".join(counted(counts[key], name) for key, name in names.items() if counts[key])
