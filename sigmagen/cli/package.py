"""`sigmagen package`: what a SIEM imports, from the rules and mappings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from sigmagen.cli.problems import broken, print_problems
from sigmagen.cli.settings import RULE_PATHS, SOURCES, Settings, chosen_sources, with_settings
from sigmagen.mapping.source import SIEMS
from sigmagen.overlay import Overlay
from sigmagen.packages.content import Content, content
from sigmagen.problems import EXIT_CLEAN, EXIT_FINDINGS, EXIT_USAGE, Problem, SigmagenError
from sigmagen.report.text import counted, harmless
from sigmagen.rules.model import Correlation, RuleFile


@click.command("package")
@click.argument("siem", type=click.Choice(SIEMS), metavar="|".join(SIEMS))
@RULE_PATHS
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="The folder that gets the package."
)
@SOURCES
@with_settings
def command(siem: str, paths: tuple[Path, ...], output: Path, sources: tuple[str, ...], settings: Settings) -> int:
    """Write what a SIEM imports: scheduled detections, turned off.

    PATH is a rule file or a folder; without one, all rules are packaged, each for every source that carries its fields
    (with -s, only for those). The same rules, mappings and overlay always give the same bytes. Exits with 1 where a
    rule is in the package for no source at all.
    """
    from sigmagen.logs.output import whole_folder

    overlay = settings.overlay()
    converter = settings.converter()
    loaded = settings.load(paths)
    chosen = chosen_sources(converter, sources)
    found = content(converter, loaded.files, siem, chosen, overlay)
    print_problems(loaded.problems)
    if code := broken(loaded.problems):
        return code
    if settings.verbose or not found.detections:
        print_problems(found.left_out)
    if not found.detections:
        nothing = Problem("empty-package", "no rule can be packaged for these sources", hint="see what is said above")
        raise SigmagenError(nothing, EXIT_USAGE)
    with whole_folder(output) as folder:
        writer = import_module(f"sigmagen.packages.{siem}").write
        refused = writer(found, folder, converter, _changes(settings, overlay)) or ()
    missing = [] if chosen else list(_missing(loaded.files, found))
    print_problems([*refused, *missing])
    detections = counted(len(found.detections) - len(refused), "detection")
    click.echo(f"{detections} packaged for {siem} in {harmless(str(output))}", err=True)
    return EXIT_FINDINGS if refused or missing else EXIT_CLEAN


def _missing(files: Iterable[RuleFile], found: Content) -> Iterator[Problem]:
    """Why a rule is there for no source."""
    there = {(item.rule.file, item.rule.line) for item in found.detections}
    for rule in (rule for file in files for rule in file.subjects):
        if (rule.file, rule.line) in there:
            continue
        reasons = [problem for problem in found.left_out if (problem.file, problem.line) == (rule.file, rule.line)]
        if not reasons:
            why = "no source feeds it" if isinstance(rule, Correlation) else "it is no correlation, so it has no window"
            reasons = [Problem("not-packaged", f"{rule.title}: {why}", "error", rule.file, rule.line)]
        yield from reasons


def _changes(settings: Settings, overlay: Overlay | None) -> dict[str, Any]:
    """What a package records as the tenant's own: the overlay, and the text of all filters that were joined."""
    from sigmagen.rules.load import find_rule_files

    changes = dict(overlay.data) if overlay else {}
    files, _ = find_rule_files([*settings.filters, *(overlay.filters if overlay else ())])
    if files:
        changes["filters"] = {file.name: file.read_text(encoding="utf-8") for file in files}
    return changes
