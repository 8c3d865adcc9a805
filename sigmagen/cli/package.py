"""`sigmagen package`: write a package of scheduled detections for a SIEM."""

from __future__ import annotations

from pathlib import Path

import click

from sigmagen.cli.packaging import Packaging
from sigmagen.cli.problems import print_problems
from sigmagen.cli.settings import RULE_PATHS, SOURCES, Settings, with_settings
from sigmagen.display import format_count, sanitize
from sigmagen.packages.formats import format_names
from sigmagen.problems import EXIT_CLEAN, EXIT_FINDINGS


@click.command("package")
@click.argument("name", type=click.Choice(format_names()), metavar="|".join(format_names()))
@RULE_PATHS
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="Write the package to this folder."
)
@SOURCES
@with_settings
def command(name: str, paths: tuple[Path, ...], output: Path, sources: tuple[str, ...], settings: Settings) -> int:
    """Write a package of scheduled detections for a SIEM.

    PATH is a rule file or a folder. Default: all rules. Each rule is packaged for every source that has its fields, or
    only for the sources given with -s. The detections are disabled. The same rules, mappings and overlay always give
    the same bytes. A folder contains one package: an upgrade removes files that are no longer part of it, and does not
    overwrite other files. Exits with 1 if a rule could not be packaged for any source.
    """
    from sigmagen.packages.output import package_folder

    made = Packaging.of(name, paths, sources, settings)
    with package_folder(output, name) as folder:
        refused = made.write(folder.path)
    print_problems([*refused, *made.missing, *folder.problems])
    detections = format_count(len(made.content.detections) - len(refused), "detection")
    click.echo(f"{detections} packaged for {name} in {sanitize(str(output))}", err=True)
    return EXIT_FINDINGS if refused or made.missing else EXIT_CLEAN
