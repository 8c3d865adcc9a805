"""`sigmagen simulate`: write labelled logs of a simulated world."""

from __future__ import annotations

import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sigmagen.attacks.registry import ATTACKS
from sigmagen.cli.problems import print_json
from sigmagen.cli.settings import AS_JSON, SOURCES, Settings, with_settings
from sigmagen.display import format_count
from sigmagen.problems import EXIT_USAGE, Problem, SigmagenError
from sigmagen.traffic.catalogue import WORLDS, Catalogue, Entry, World, load

if TYPE_CHECKING:
    from sigmagen.traffic.writing import Written

DEFAULT_SOURCE = "canonical"


@click.command("simulate")
@click.argument("scenarios", nargs=-1, metavar="[SCENARIO]...")
@SOURCES
@click.option(
    "--world",
    type=click.Choice(WORLDS),
    default="design",
    show_default=True,
    help="Values of the parameters: choose thresholds in `design`, and score them in `judgement`.",
)
@click.option("--tenants", type=click.IntRange(1, 1_000_000), default=1_000, show_default=True, help="Benign accounts.")
@click.option("--days", type=click.IntRange(1, 365), default=30, show_default=True, help="Length of the logs.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Another seed is another world.")
@click.option(
    "--attack",
    "attacks",
    multiple=True,
    type=click.Choice((*ATTACKS, "all")),
    metavar="NAME",
    help="Really run this attack against a small model, and add its queries (repeatable). `all` runs each.",
)
@click.option("--jobs", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes that share the days.")
@click.option("-o", "--output", type=click.Path(path_type=Path, file_okay=False), help="Folder to write to.")
@click.option("--list", "show_list", is_flag=True, help="Print the scenarios and personas, and write nothing.")
@AS_JSON
@with_settings
def command(
    scenarios: tuple[str, ...],
    sources: tuple[str, ...],
    world: World,
    tenants: int,
    days: int,
    seed: int,
    attacks: tuple[str, ...],
    jobs: int,
    output: Path | None,
    show_list: bool,
    as_json: bool,
    settings: Settings,
) -> int:
    """Write labelled logs of simulated attacks and benign accounts.

    SCENARIO is a name from --list; the first part of a name stands for all names that begin with it. Without one, the
    world has benign accounts only, and the attacks of --attack. The same options write the same files.
    """
    catalogue = load(settings.mappings, world)
    chosen = catalogue.chosen(scenarios)
    if show_list:
        _print_list(catalogue, chosen if scenarios else list(catalogue.scenarios.values()), seed, as_json)
        return 0
    if output is None:
        raise click.UsageError("-o is missing: the folder to write to (--list writes nothing)")
    require_numpy()
    from sigmagen.logs.output import whole_folder
    from sigmagen.traffic.attacks import record_attack
    from sigmagen.traffic.world import Plan
    from sigmagen.traffic.world import World as Traffic
    from sigmagen.traffic.writing import write_world

    converter = settings.converter()
    names = [converter.known(name) for name in dict.fromkeys(sources or (DEFAULT_SOURCE,))]
    started = time.monotonic()
    recordings = [record_attack(ATTACKS[name], seed) for name in (ATTACKS if "all" in attacks else attacks)]
    traffic = Traffic(Plan(catalogue, chosen, tenants, days, seed, recordings))
    with whole_folder(output) as folder:
        written = write_world(traffic, [converter.sources[name] for name in names], folder, jobs=jobs)
    _print_summary(written, names, time.monotonic() - started, output, as_json)
    return 0


def require_numpy() -> None:
    """Raise SigmagenError if the extra `simulate` is not installed."""
    if find_spec("numpy") is None:
        hint = "install it with `pip install sigmagen-extraction[simulate]`"
        raise SigmagenError(Problem("extra-missing", "simulated traffic needs numpy", hint=hint), EXIT_USAGE)


def _print_summary(written: Written, sources: list[str], seconds: float, output: Path, as_json: bool) -> None:
    if as_json:
        print_json({"output": str(output), "records": {name: written.records[name] for name in sources}})
        return
    for name in sources:
        count = written.records[name]
        click.echo(f"{name}: {format_count(count, 'record')}")
    rate = round(sum(written.records.values()) / max(seconds, 0.001))
    click.echo(f"written to {output}, {rate:,} records a second")


def _print_list(catalogue: Catalogue, scenarios: list[Entry], seed: int, as_json: bool) -> None:
    personas = list(catalogue.personas.values())
    if as_json:
        print_json(
            {
                "world": catalogue.world,
                "seed": seed,
                "scenarios": [_as_dict(entry) for entry in scenarios],
                "personas": [_as_dict(entry) for entry in personas],
                "attacks": [attack.as_dict() for attack in ATTACKS.values()],
            }
        )
        return
    click.echo(f"world {catalogue.world}, seed {seed}")
    for title, entries in (("Scenarios", scenarios), ("Personas", personas)):
        click.echo(f"\n{title}")
        for entry in entries:
            click.echo(f"\n{entry.name}: {entry.title}\n  source: {entry.source}")
            for figure in entry.figures:
                click.echo(f"  {figure.name} = {figure.value} ({figure.source})")
    click.echo("\nAttacks that are really run (--attack)")
    for attack in ATTACKS.values():
        click.echo(f"\n{attack.name}: {attack.title}\n  source: {attack.source}\n  published: {attack.published}")


def _as_dict(entry: Entry) -> dict[str, Any]:
    figures = [figure.as_dict() for figure in entry.figures]
    return {"name": entry.name, "title": entry.title, "source": entry.source, "figures": figures}
