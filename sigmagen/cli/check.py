"""`sigmagen check`: validate and lint rules, their tests and the mappings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click

from sigmagen.cli.problems import print_json, print_problems
from sigmagen.cli.settings import AS_JSON, RULE_PATHS, Settings, with_settings
from sigmagen.display import format_count
from sigmagen.lint import lint
from sigmagen.lint.catalogue import PROFILES, apply_profile, load_catalogue
from sigmagen.mapping.source import find_source_files
from sigmagen.packages.elastic.templates import against_integrations
from sigmagen.problems import EXIT_BROKEN_INPUT, EXIT_CLEAN, EXIT_FINDINGS, Problem, SigmagenError
from sigmagen.rules.load import LoadedRules, find_rule_files, load_rules
from sigmagen.rules.testfile import get_test_path


def run_check(paths: Sequence[Path] | None, rules_folder: Path, mappings_folder: Path) -> list[Problem]:
    """Return all problems of the rules at `paths` (default: the rules folder), sorted by file and line.

    Raises SigmagenError only if the lint catalogue itself can't be read.
    """
    return problems_of(load_rules(paths, rules_folder=rules_folder, mappings_folder=mappings_folder), mappings_folder)


def problems_of(loaded: LoadedRules, mappings_folder: Path) -> list[Problem]:
    """Return all problems of loaded rules and their test files, sorted by file and line."""
    return _ordered(
        [*loaded.problems, *find_source_files(mappings_folder)[1], *lint(loaded, mappings_folder=mappings_folder)]
    )


def _ordered(problems: Sequence[Problem]) -> list[Problem]:
    """Return the problems without duplicates, sorted by location."""
    return sorted(
        dict.fromkeys(problems), key=lambda found: (found.file or "", found.line or 0, found.column or 0, found.code)
    )


@click.command("check")
@RULE_PATHS
@click.option("--strict", is_flag=True, help="Treat warnings as findings.")
@click.option(
    "--profile",
    type=click.Choice(PROFILES),
    default="own",
    show_default=True,
    help="own: also apply the conventions of this project. sigma: judge any Sigma rule by the specification.",
)
@AS_JSON
@with_settings
def command(paths: tuple[Path, ...], strict: bool, profile: str, as_json: bool, settings: Settings) -> int:
    """Validate and lint rules, their tests and the mappings.

    PATH is a rule file or a folder. Default: all rules. A rule of the rules folder is compared with all others, so
    duplicate ids and names, and references to other files, are found. Exits with 2 if a file can't be used and with 1
    if there are errors (with --strict, also for warnings).
    """
    problems = apply_profile(all_problems(settings, paths), load_catalogue(settings.mappings), profile)
    if as_json:
        print_json([problem.as_dict() for problem in problems])
    else:
        print_problems(problems, err=False)
        click.echo(_summary(problems), err=True)
    return exit_code(problems, settings.mappings, strict=strict)


def all_problems(settings: Settings, paths: Sequence[Path] = ()) -> list[Problem]:
    """Return the problems of the rules, with filters and overlay applied, and of the mappings.

    Rules of the rules folder are compared with all others of it, but problems of the others are left out.
    """
    others = _others(settings.rules, paths)
    unasked = {str(file) for path in others for file in (path, get_test_path(path))}
    return [problem for problem in _problems(settings, [*others, *paths]) if problem.file not in unasked]


def _others(rules: Path, paths: Sequence[Path]) -> list[Path]:
    """The other rule files of the rules folder; none where no path leads into it."""
    asked = {file.resolve() for file in find_rule_files(paths)[0]} if paths else set()
    folder = rules.resolve()
    if not any(file.is_relative_to(folder) for file in asked):
        return []
    return [file for file in find_rule_files([rules])[0] if file.resolve() not in asked]


def _problems(settings: Settings, paths: Sequence[Path]) -> list[Problem]:
    from sigmagen.proof.mappings import check_mappings, missing_code

    if broken := check_mappings(settings.mappings):
        # The rule checks read the mappings, so only the problems from loading the rules can be reported.
        rules = load_rules(paths or None, rules_folder=settings.rules, mappings_folder=settings.mappings)
        return _ordered([*broken, *rules.problems])
    try:
        converter = settings.converter()
        loaded = settings.load(paths)
    except SigmagenError as error:
        # The overlay can't be used: check the rules without it.
        return [*run_check(paths or None, settings.rules, settings.mappings), *error.problems]
    lacking = missing_code(converter.sources.values())
    return [*problems_of(loaded, settings.mappings), *against_integrations(converter), *lacking]


def exit_code(problems: Sequence[Problem], mappings: Path, *, strict: bool) -> int:
    """Return 2 if a file can't be used, 1 if there are findings, 0 otherwise."""
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
    return ", ".join(format_count(counts[key], name) for key, name in names.items() if counts[key])
