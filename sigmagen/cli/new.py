"""`sigmagen new`: the skeleton of a source or a rule."""

from __future__ import annotations

from pathlib import Path

import click

from sigmagen.bundled import checkout, mappings_folder, rules_folder
from sigmagen.cli.settings import Settings, with_settings
from sigmagen.display import sanitize
from sigmagen.problems import EXIT_USAGE, Problem, SigmagenError
from sigmagen.skeleton import new_rule, new_source


@click.group("new")
@with_settings
def command(settings: Settings) -> None:
    """Write the skeleton of a log source or a rule.

    It passes `sigmagen check`, and `sigmagen test` fails and says what to fill in. No existing file is changed.
    """
    click.get_current_context().obj = settings


@command.command("source")
@click.argument("name")
@click.option(
    "--code",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the code of all sources. Default: sigmagen/sources of the checkout.",
)
@with_settings
def source(name: str, code: Path | None, settings: Settings) -> int:
    """Write the mapping file and the folder of code of a log source.

    NAME consists of lower-case letters, digits and underscores. The mapping goes into the folder of mappings. An
    installed package has no place for code, so there only the mapping is written unless --code names a folder.
    """
    root = checkout()
    place = code or (root / "sigmagen" / "sources" if root else None)
    written = new_source(name, _folder(settings.mappings, mappings_folder(), "--mappings"), place)
    _print(written, f"sigmagen check, then sigmagen test -s {name}")
    if place is None:
        click.echo("No code was written: rules convert for this source, but are not tested on it.", err=True)
    return 0


@command.command("rule")
@click.argument("place", metavar="STAGE/NAME")
@with_settings
def rule(place: str, settings: Settings) -> int:
    """Write a rule and its test file.

    STAGE is recon, access, volume, pattern, output, sybil, evasion, tamper, weights or surrogate. NAME consists of
    lower-case letters, digits and underscores. The files go into the folder of rules.
    """
    written = new_rule(place, _folder(settings.rules, rules_folder(), "--rules"), settings.mappings)
    _print(written, f"sigmagen check {written[0]}, then sigmagen test {written[0]}")
    return 0


def _folder(given: Path, built_in: Path, option: str) -> Path:
    """The folder to write to: not the one inside an installed package, which the next upgrade replaces."""
    if given == built_in and checkout() is None:
        message = f"the built-in folder belongs to the installed package: {built_in}"
        raise SigmagenError(Problem("no-folder", message, hint=f"give a folder of your own with {option}"), EXIT_USAGE)
    return given


def _print(written: list[Path], then: str) -> None:
    for path in written:
        click.echo(sanitize(str(path)))
    click.echo(f"Fill in these files; run {sanitize(then)}.", err=True)
