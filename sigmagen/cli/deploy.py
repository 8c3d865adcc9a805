"""`sigmagen deploy`: deploy a package to a SIEM, after showing a plan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import click

from sigmagen.cli.packaging import Packaging
from sigmagen.cli.problems import print_json, print_problems
from sigmagen.cli.settings import AS_JSON, RULE_PATHS, SOURCES, Settings, with_settings
from sigmagen.deploy.deployment import Change, Deployment, apply, plan_deployment
from sigmagen.display import sanitize, shorten
from sigmagen.logs.scratch import scratch_folder
from sigmagen.net.secrets import hide, hide_in_json
from sigmagen.net.settings import read_resource_id
from sigmagen.problems import EXIT_FINDINGS, EXIT_USAGE, Problem, SigmagenError
from sigmagen.targets.registry import siems

_COLOURS = {
    "create": "green",
    "update": "yellow",
    "merge": "yellow",
    "foreign": "red",
    "delete": "red",
    "obsolete": "cyan",
}


@click.command("deploy")
@click.argument("siem", type=click.Choice(siems()), metavar="|".join(siems()))
@RULE_PATHS
@click.option(
    "--package",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Deploy this folder, written by `sigmagen package`, without changes.",
)
@SOURCES
@click.option("--dry-run", is_flag=True, help="Show the plan without changing anything.")
@click.option("--prune", is_flag=True, help="Delete objects of earlier packages that this package no longer has.")
@click.option("--merge", is_flag=True, help="Elastic: add missing fields to your own @custom templates.")
@AS_JSON
@with_settings
def command(
    siem: str,
    paths: tuple[Path, ...],
    package: Path | None,
    sources: tuple[str, ...],
    dry_run: bool,
    prune: bool,
    merge: bool,
    as_json: bool,
    settings: Settings,
) -> int:
    """Deploy a package to a SIEM, after showing a plan.

    New objects are created, changed objects are updated, and objects that sigmagen did not create are left alone. On
    Elastic, your own @custom component template may lack fields that a query reads: the plan lists them, and --merge
    adds them.

    PATH is a rule file or a folder. Default: all rules. New rules are disabled unless the overlay enables them; rules
    that users enabled or disabled keep that state. Nothing is deleted without --prune. To resume an interrupted run,
    run the command again. Exits with 1 if an object of another owner has the same id.

    Addresses and keys are read from the environment, keys also from the keyring. Elastic: SIGMAGEN_KIBANA_URL and
    _API_KEY, SIGMAGEN_ELASTICSEARCH_URL and _API_KEY. Splunk: SIGMAGEN_SPLUNK_URL and _TOKEN; only saved searches,
    macros, sourcetypes and event types of the search head: the rest of the app comes with its archive, and the add-on
    is installed on indexers. Sentinel: SIGMAGEN_SENTINEL_RESOURCE_ID and _TOKEN (of `az account get-access-token`).
    """
    if package and (paths or sources):
        raise click.UsageError("--package can't be combined with PATH or -s")
    print_problems(read_resource_id()[1])
    with _packaged(siem, package, paths, sources, settings) as folder, _adapter(siem).parts(folder) as parts:
        plan = plan_deployment(parts, prune=prune, merge=merge)
        foreign = plan.foreign
        if not as_json:
            _show(plan, everything=settings.verbose)
        if not dry_run:
            foreign += apply(plan, lambda change: None if as_json else _tell(change))
        if as_json:
            print_json({"applied": not dry_run, "changes": hide_in_json([change.as_dict() for change in plan])})
    print_problems(_in_the_way(change) for change in foreign)
    return EXIT_FINDINGS if foreign else 0


def _adapter(siem: str):  # type: ignore[no-untyped-def]
    try:
        return import_module(f"sigmagen.deploy.{siem}")
    except ModuleNotFoundError as error:
        if error.name != f"sigmagen.deploy.{siem}":
            raise
        problem = Problem(
            "no-deployment", f"deployment to {siem} is not supported yet", hint="import the package manually"
        )
        raise SigmagenError(problem, EXIT_USAGE) from None


@contextmanager
def _packaged(
    siem: str, package: Path | None, paths: Sequence[Path], sources: Sequence[str], settings: Settings
) -> Iterator[Path]:
    """Return the given package folder, or write a package for this run."""
    if package:
        yield package
        return
    made = Packaging.of(siem, paths, sources, settings)
    with scratch_folder() as folder:
        print_problems([*made.write(folder), *made.missing])
        yield folder


def _show(plan: Deployment, *, everything: bool) -> None:
    for change in plan:
        if change.action != "unchanged" or everything:
            click.echo(_line(change, change.action))
    counts = {action: sum(change.action == action for change in plan) for action in (*_COLOURS, "unchanged")}
    click.echo("plan: " + ", ".join(f"{number} {action}" for action, number in counts.items() if number))


def _line(change: Change, word: str) -> str:
    fields = f" ({', '.join(change.fields)})" if change.fields else ""
    colour = _COLOURS.get(change.action, "white")
    # Titles may be the server's.
    return f"{click.style(f'{word:<10}', colour)}{change.kind} {shorten(hide(change.title))}{sanitize(hide(fields))}"


def _tell(change: Change) -> None:
    done = {"create": "created", "update": "updated", "merge": "merged", "delete": "deleted"}
    click.echo(_line(change, done[change.action]), err=True)


def _in_the_way(change: Change) -> Problem:
    if change.fields:
        message = f"{change.kind} {change.title} was not created by sigmagen and lacks {', '.join(change.fields)}"
        return Problem("deploy-foreign", message, hint="run again with --merge to add them; nothing else in it changes")
    message = (
        f"{change.kind} {change.title}: not changed, {change.key} is the id of an object that sigmagen did not create"
    )
    return Problem("deploy-foreign", message, hint="rename or remove it in the SIEM")
