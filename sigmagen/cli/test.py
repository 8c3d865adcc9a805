"""`sigmagen test`: run the rules' test files on the reference engine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from sigmagen.cli.problems import broken, print_json, print_problems
from sigmagen.cli.settings import AS_JSON, RULE_PATHS, SOURCES, Settings, chosen_sources, with_settings
from sigmagen.convert.converter import Converter
from sigmagen.display import format_count, sanitize
from sigmagen.problems import EXIT_FINDINGS, EXIT_USAGE, Problem, SigmagenError
from sigmagen.proof.cases import CaseResult, run_tests
from sigmagen.proof.mutations import MutationResult, run_mutations
from sigmagen.rules.model import RuleFile

_WORDS = {
    ("attack", "passed"): ("found", "green"),
    ("benign", "passed"): ("silent", "green"),
    ("miss", "passed"): ("known miss", "yellow"),
}


@click.command("test")
@RULE_PATHS
@SOURCES
@click.option("--mutate", is_flag=True, help="Also change each condition of the rules: a case must fail each time.")
@AS_JSON
@with_settings
def command(paths: tuple[Path, ...], sources: tuple[str, ...], mutate: bool, as_json: bool, settings: Settings) -> int:
    """Run the rules' test files on the reference engine.

    Every case runs on every log source that has the rule's fields. Attacks must alert on the expected group, and not
    before the threshold is reached. Benign cases and known misses must not alert. PATH is a rule file or a folder.
    Default: all rules. Exits with 1 if a case fails.

    With --mutate, each condition, value, threshold, timespan and group of a rule is removed or changed, one at a time,
    and the cases run again. If all of them still pass, no case guards that part of the rule: the change is printed
    with file and line, and the exit code is 1. Rules with failing cases are not mutated.
    """
    if mutate and (settings.filters or settings.overlay_file):
        message = "--mutate changes the rules as they are written, so it can't be used with --filters or --overlay"
        raise SigmagenError(Problem("usage", message), EXIT_USAGE)
    converter = settings.converter()
    wanted = chosen_sources(converter, sources)
    loaded = settings.load(paths)
    results: list[CaseResult] = []
    mutations: list[MutationResult] = []
    problems: list[Problem] = list(loaded.problems)
    for file in loaded.files:
        try:
            found = list(run_tests(converter, [file], wanted))
        except SigmagenError as error:
            problems += error.problems
            continue
        results += found
        mutated = _mutated(converter, file, wanted, found) if mutate else []
        mutations += mutated
        if not as_json:
            _print(found, verbose=settings.verbose)
            print_problems([_survivor(result) for result in mutated if result.status == "survived"], err=False)
    print_problems(problems)
    cases = [result.as_dict() for result in results]
    if as_json:
        print_json({"cases": cases, "mutations": [result.as_dict() for result in mutations]} if mutate else cases)
    else:
        click.echo(_summary(results), err=True)
    if mutate and not as_json:
        killed = sum(result.status == "killed" for result in mutations)
        click.echo(f"{format_count(len(mutations), 'mutation')}: a case fails for {killed} of them", err=True)
    failed = any(result.status == "failed" for result in results)
    failed = failed or any(result.status == "survived" for result in mutations)
    return broken(problems) or (EXIT_FINDINGS if failed else 0)


def _mutated(
    converter: Converter, file: RuleFile, sources: Sequence[str] | None, cases: Sequence[CaseResult]
) -> list[MutationResult]:
    """What becomes of a rule's mutations; none where a case fails without one, which would catch them all."""
    if any(case.status == "failed" for case in cases):
        return []
    return list(run_mutations(converter, [file], sources))


def _survivor(result: MutationResult) -> Problem:
    message = f"{result.rule}: no case fails when {result.change}"
    hint = "add a benign twin that only this condition keeps silent, or an attack that only it finds"
    return Problem("mutation-survived", message, file=result.file, line=result.line, hint=hint)


def _print(results: Sequence[CaseResult], *, verbose: bool) -> None:
    """Print the cases of one rule, each with the sources on which it had the same result."""
    if results:
        click.secho(sanitize(results[0].rule), bold=True)
    rows: dict[tuple[str, str, str, tuple[str, ...]], list[CaseResult]] = {}
    for result in results:
        rows.setdefault((result.kind, result.case, result.status, result.reasons), []).append(result)
    for (kind, case, status, reasons), group in rows.items():
        word, colour = _WORDS.get((kind, status), ("FAILED", "red"))
        sources = ", ".join(result.source for result in group)
        click.echo(f"  {click.style(f'{word:<10}', colour)}  {sanitize(case)}  ({sources})")
        for reason in reasons if verbose else reasons[:3]:
            click.echo(f"              {sanitize(reason)}")


def _summary(results: Sequence[CaseResult]) -> str:
    failed = sum(result.status == "failed" for result in results)
    misses = sum(result.kind == "miss" and result.status == "passed" for result in results)
    rules = len({result.rule for result in results})
    sources = len({result.source for result in results})
    known = f", {misses} of them known misses" if misses else ""
    return f"{len(results) - failed} passed{known}, {failed} failed; {rules} rules on {sources} sources"
