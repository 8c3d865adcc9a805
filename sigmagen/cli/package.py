"""`sigmagen package`: what a SIEM imports, from the rules and mappings."""

from __future__ import annotations

from pathlib import Path

import click

from sigmagen.cli.packaging import Packaging
from sigmagen.cli.problems import print_problems
from sigmagen.cli.settings import RULE_PATHS, SOURCES, Settings, with_settings
from sigmagen.display import counted, harmless
from sigmagen.packages.formats import format_names
from sigmagen.problems import EXIT_CLEAN, EXIT_FINDINGS


@click.command("package")
@click.argument("name", type=click.Choice(format_names()), metavar="|".join(format_names()))
@RULE_PATHS
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="The folder that gets the package."
)
@SOURCES
@with_settings
def command(name: str, paths: tuple[Path, ...], output: Path, sources: tuple[str, ...], settings: Settings) -> int:
    """Write what a SIEM imports: scheduled detections, turned off.

    PATH is a rule file or a folder; without one, all rules are packaged, each for every source that carries its fields
    (with -s, only for those). The same rules, mappings and overlay always give the same bytes. A folder holds one
    package: an upgrade removes files that are no longer part of it, and other files are not overwritten. Exits with 1
    where a rule is in the package for no source at all.
    """
    from sigmagen.packages.output import package_folder

    made = Packaging.of(name, paths, sources, settings)
    with package_folder(output, name) as folder:
        refused = made.write(folder.path)
    print_problems([*refused, *made.missing, *folder.problems])
    detections = counted(len(made.content.detections) - len(refused), "detection")
    click.echo(f"{detections} packaged for {name} in {harmless(str(output))}", err=True)
    return EXIT_FINDINGS if refused or made.missing else EXIT_CLEAN
