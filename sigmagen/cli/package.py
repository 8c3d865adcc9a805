"""`sigmagen package`: what a SIEM imports, from the rules and mappings."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import click

from sigmagen.cli.problems import broken, print_problems
from sigmagen.cli.settings import RULE_PATHS, SOURCES, Settings, chosen_sources, with_settings
from sigmagen.mapping.source import SIEMS
from sigmagen.overlay import Overlay
from sigmagen.packages.content import content
from sigmagen.problems import EXIT_USAGE, Problem, SigmagenError
from sigmagen.report.text import counted, harmless


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
    (with -s, only for those). The same rules, mappings and overlay always give the same bytes.
    """
    from sigmagen.logs.output import whole_folder

    overlay = settings.overlay()
    converter = settings.converter()
    loaded = settings.load(paths)
    found = content(converter, loaded.files, siem, chosen_sources(converter, sources), overlay)
    print_problems(loaded.problems)
    if code := broken(loaded.problems):
        return code
    if not found.detections:
        print_problems(found.left_out)
        nothing = Problem("empty-package", "no rule can be packaged for these sources", hint="see what is said above")
        raise SigmagenError(nothing, EXIT_USAGE)
    if settings.verbose:
        print_problems(found.left_out)
    with whole_folder(output) as folder:
        writer = import_module(f"sigmagen.packages.{siem}").write
        refused = writer(found, folder, converter, _changes(settings, overlay)) or ()
    print_problems(refused)
    detections = counted(len(found.detections) - len(refused), "detection")
    click.echo(f"{detections} packaged for {siem} in {harmless(str(output))}", err=True)
    return 0


def _changes(settings: Settings, overlay: Overlay | None) -> dict[str, Any]:
    """What a package records as the tenant's own: the overlay, and the text of all filters that were joined."""
    from sigmagen.rules.load import find_rule_files

    changes = dict(overlay.data) if overlay else {}
    files, _ = find_rule_files([*settings.filters, *(overlay.filters if overlay else ())])
    if files:
        changes["filters"] = {file.name: file.read_text(encoding="utf-8") for file in files}
    return changes
