"""`sigmagen test`: run the rules' test files on the reference engine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from sigmagen.cli.problems import broken, print_json, print_problems
from sigmagen.cli.settings import AS_JSON, RULE_PATHS, SOURCES, Settings, chosen_sources, with_settings
from sigmagen.display import sanitize
from sigmagen.problems import EXIT_FINDINGS, Problem, SigmagenError
from sigmagen.proof.cases import CaseResult, run_tests

_WORDS = {
    ("attack", "passed"): ("found", "green"),
    ("benign", "passed"): ("silent", "green"),
    ("miss", "passed"): ("known miss", "yellow"),
}


@click.command("test")
@RULE_PATHS
@SOURCES
@AS_JSON
@with_settings
def command(paths: tuple[Path, ...], sources: tuple[str, ...], as_json: bool, settings: Settings) -> int:
    """Run the rules' test files on the reference engine.

    Every case runs on every log source that has the rule's fields. Attacks must alert on the expected group, and not
    before the threshold is reached. Benign cases and known misses must not alert. PATH is a rule file or a folder.
    Default: all rules. Exits with 1 if a case fails.
    """
    converter = settings.converter()
    wanted = chosen_sources(converter, sources)
    loaded = settings.load(paths)
    results: list[CaseResult] = []
    problems: list[Problem] = list(loaded.problems)
    for file in loaded.files:
        try:
            found = list(run_tests(converter, [file], wanted))
        except SigmagenError as error:
            problems += error.problems
            continue
        results += found
        if not as_json:
            _print(found, verbose=settings.verbose)
    print_problems(problems)
    if as_json:
        print_json([result.as_dict() for result in results])
    else:
        click.echo(_summary(results), err=True)
    failed = any(result.status == "failed" for result in results)
    return broken(problems) or (EXIT_FINDINGS if failed else 0)


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
