"""`sigmagen coverage`: which rule and which field each source has in each SIEM, and why not."""

from __future__ import annotations

from pathlib import Path

import click

from sigmagen.cli.problems import broken, print_json, print_problems
from sigmagen.cli.settings import AS_JSON, RULE_PATHS, SOURCES, Settings, chosen_sources, with_settings
from sigmagen.content.coverage import cover_fields, cover_rules
from sigmagen.targets import registry


@click.command("coverage")
@RULE_PATHS
@click.option(
    "-t",
    "--target",
    "targets",
    multiple=True,
    type=click.Choice(tuple(name for name, target in registry.targets().items() if not target.lacks_correlations)),
    help="Target language (repeatable). Default: all three SIEMs.",
)
@SOURCES
@click.option("--fields", is_flag=True, help="Show canonical fields instead of rules.")
@click.option("--markdown", is_flag=True, help="Print Markdown, as in docs/coverage.md.")
@AS_JSON
@with_settings
def command(
    paths: tuple[Path, ...],
    targets: tuple[str, ...],
    sources: tuple[str, ...],
    fields: bool,
    markdown: bool,
    as_json: bool,
    settings: Settings,
) -> int:
    """Show which rules and fields each log source has, and why not.

    PATH is a rule file or a folder. Default: all rules. A rule is covered if it has a query for the source and the
    target. With --fields, the canonical fields that a query can read are shown instead. The reasons are those of
    `convert`. Exits with 0 whatever is missing.
    """
    if fields and paths:
        raise click.UsageError("--fields shows the fields of sources: leave out the paths of rules")
    if markdown and as_json:
        raise click.UsageError("choose one of --markdown and --json")
    from sigmagen.report.coverage import fields_page, print_coverage, rules_page

    converter = settings.converter()
    chosen = chosen_sources(converter, sources)
    wanted = tuple(dict.fromkeys(targets)) or registry.siems()
    if fields:
        of_fields = cover_fields(converter, wanted, chosen)
        if as_json:
            print_json([cell.as_dict() for cell in of_fields])
        elif markdown:
            click.echo(fields_page(of_fields), nl=False)
        else:
            print_coverage(of_fields)
        return 0
    loaded = settings.load(paths)
    print_problems(loaded.problems)
    of_rules = cover_rules(converter, loaded.files, wanted, chosen)
    if as_json:
        print_json([cell.as_dict() for cell in of_rules])
    elif markdown:
        click.echo(rules_page(of_rules, {source.name: source.title for source in converter.sources.values()}), nl=False)
    else:
        print_coverage(of_rules)
    return broken(loaded.problems)
