"""`sigmagen convert`: convert rules to queries, on standard output or in files."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sigmagen.cli.problems import broken, print_json, print_problems
from sigmagen.cli.settings import AS_JSON, RULE_PATHS, SOURCES, Settings, TargetName, chosen_sources, with_settings
from sigmagen.convert.converter import Query
from sigmagen.convert.many import Conversion, convert_all, find_broken_rules
from sigmagen.display import format_count, sanitize
from sigmagen.logs.output import whole_folder
from sigmagen.mapping.generic import GENERIC
from sigmagen.plan.model import Mode
from sigmagen.problems import EXIT_FINDINGS, EXIT_USAGE, Problem, SigmagenError
from sigmagen.report.header import build_query_document, format_header
from sigmagen.rules.model import RuleFile
from sigmagen.targets import registry

if TYPE_CHECKING:
    from sigmagen.pysigma.processing import PipelineProcessor

_LONGEST_PART = 60
_SHOWN = 20
"""How many warnings or notes of each kind are shown without -v."""


def _locations(context: click.Context, parameter: click.Parameter, values: Sequence[str]) -> dict[str, str]:
    """Return the locations by SIEM. Raises BadParameter. `Converter.located` validates the locations themselves."""
    found: dict[str, str] = {}
    for value in values:
        siem, _, place = value.partition("=")
        if siem not in registry.siems() or not place.strip():
            siems = "|".join(registry.siems())
            raise click.BadParameter(f"write {siems}=PLACE, such as elastic=logs-windows.*, not {value!r}")
        if siem in found:
            raise click.BadParameter(f"{siem} is given twice")
        found[siem] = place
    return found


@click.command("convert")
@RULE_PATHS
@click.option(
    "-t",
    "--target",
    "targets",
    multiple=True,
    type=TargetName(),
    help="Target language (repeatable). Default: all three SIEMs.",
)
@SOURCES
@click.option(
    "-p",
    "--pipeline",
    "pipelines",
    multiple=True,
    metavar="NAME|FILE",
    help="Process the rules with this pySigma pipeline (repeatable).",
)
@click.option(
    "--schema",
    "schemas",
    multiple=True,
    metavar="NAME",
    help="Rename fields for this schema, such as ecs, cim or asim, with pySigma's own pipelines (repeatable).",
)
@click.option(
    "--mode",
    type=click.Choice(("alert", "hunt")),
    default="alert",
    show_default=True,
    help="alert: for scheduled rules, one row per group. hunt: for any time range, one row per window.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write each query to a file in this folder.")
@click.option(
    "--location",
    "locations",
    multiple=True,
    metavar="SIEM=PLACE",
    callback=_locations,
    help="Search, index pattern or table of log sources without a mapping, for one SIEM (repeatable).",
)
@click.option("--strict", is_flag=True, help="Treat warnings as errors.")
@click.option("--explain", is_flag=True, help="Print the plan of each query instead of its text.")
@AS_JSON
@with_settings
def command(
    paths: tuple[Path, ...],
    targets: tuple[str, ...],
    sources: tuple[str, ...],
    pipelines: tuple[str, ...],
    schemas: tuple[str, ...],
    mode: Mode,
    output: Path | None,
    locations: dict[str, str],
    strict: bool,
    explain: bool,
    as_json: bool,
    settings: Settings,
) -> int:
    """Convert rules to queries for Splunk, Elastic and Sentinel.

    PATH is a rule file or a folder. Default: all rules. Without -s, each rule is converted for every source that has
    the rule's fields, and missing fields are listed. Rules on a log source without a mapping are converted for the
    source `generic`, which keeps the rule's field names; set its location with --location. With --pipeline or --schema,
    rules are first processed by the pipelines for each target, and converted for `generic` unless -s is given. Exits
    with 1 if a rule could not be converted for any source of a target, or for a source that was requested.
    """
    if explain and (output or as_json):
        raise click.UsageError("--explain prints plans as text: leave out --output and --json")
    converter = settings.converter().with_locations(locations)
    chosen = chosen_sources(converter, sources, generic=True) or []
    result, problems, rules = Conversion(), [], 0
    for wanted, processor, found in _batches(settings, targets, pipelines, schemas):
        loaded = settings.load(paths, processor=processor)
        unusable = find_broken_rules(loaded)
        kept = chosen or ([GENERIC] if processor else [])
        result.add(convert_all(converter, loaded.files, wanted, kept, mode, strict=strict, broken=unusable))
        problems += [*found, *loaded.problems]
        rules = max(rules, sum(len(file.subjects) for file in loaded.files) + sum(file.rules for file in unusable))
    names = list(file_names(result.queries, _roots(paths, settings))) if output else []
    if output:
        _write(output, result.queries, names)
    exit_code = broken(problems)
    problems += result.problems
    print_problems(problems if settings.verbose else _fewer(problems))
    if as_json:
        documents = [build_query_document(query) for _, query in result.queries]
        if output:
            documents = [found | {"file": str(output / name)} for found, name in zip(documents, names, strict=True)]
        print_json(
            {
                "queries": documents,
                "problems": [problem.as_dict() for problem in dict.fromkeys(problems)],
                "summary": [summary.as_dict() for summary in result.summaries],
            }
        )
    elif output:
        click.echo(f"{format_count(len(names), 'query', 'queries')} written to {sanitize(str(output))}", err=True)
    elif explain:
        click.echo("\n".join(query.plan.explain() for _, query in result.queries if query.plan), nl=False)
    else:
        click.echo("\n".join(format_header(query) + query.text + "\n" for _, query in result.queries), nl=False)
    if output or rules > 1:
        from sigmagen.report.conversion import print_summaries

        print_summaries(result.summaries)
    return exit_code or (EXIT_FINDINGS if result.failed else 0)


_Batch = tuple[tuple[str, ...], "PipelineProcessor | None", list[Problem]]


def _batches(
    settings: Settings, targets: Sequence[str], pipelines: Sequence[str], schemas: Sequence[str]
) -> list[_Batch]:
    """Return the targets whose rules are processed alike, with their processor and its warnings.

    Raises SigmagenError if a pipeline or schema is unknown, or applies to none of the targets.
    """
    wanted = tuple(dict.fromkeys(targets)) or registry.siems()
    if not pipelines and not schemas:
        return [(wanted, None, [])]
    from sigmagen.pysigma.processing import load_processor

    found: list[_Batch] = [
        ((name,), *load_processor(registry.get(name), pipelines, schemas, settings.mappings)) for name in wanted
    ]
    used = [batch for batch in found if batch[1] is not None]
    if not used or (targets and len(used) < len(found)):
        unused = ", ".join(name for (name,), processor, _ in found if processor is None)
        message = f"no pipeline applies to {unused}"
        raise SigmagenError(Problem("pipeline-target", message, hint="choose targets with -t"), EXIT_USAGE)
    return used


def _fewer(problems: Sequence[Problem]) -> Iterator[Problem]:
    """Return all errors, and the first warnings and notes of each kind with the number left out."""
    seen: Counter[str] = Counter()
    for problem in dict.fromkeys(problems):
        seen[problem.code] += problem.severity != "error"
        if seen[problem.code] <= _SHOWN or problem.severity == "error":
            yield problem
    for code, number in seen.items():
        if number > _SHOWN:
            yield Problem(code, f"{number - _SHOWN:,} more of this kind", "info", hint="-v shows all")


def _roots(paths: Sequence[Path], settings: Settings) -> list[Path]:
    """Return the root folders for the structure of the output."""
    return [path.resolve() for path in (settings.rules, *paths) if path.is_dir()]


def file_names(queries: Sequence[tuple[RuleFile, Query]], roots: Sequence[Path]) -> Iterator[Path]:
    """Return the file name of each query: `<target>/<stage>/<stem>.<source>.<suffix>`.

    The stage is the rule's folder relative to its root. Raises SigmagenError if two queries would get the same name.
    """
    taken: dict[Path, str] = {}
    stages = _stages([file.path for file, _ in queries], roots)
    for file, query in queries:
        # If a file has several alerting rules, the name of the rule is part of the file name.
        named = [_file_part(query.rule.name)] if len(file.subjects) > 1 else []
        parts = [file.path.stem, *named, query.source.name]
        name = Path(query.target, stages[file.path], f"{'.'.join(parts)}.{registry.get(query.target).suffix}")
        if name in taken:
            message = f"the query would overwrite that of {taken[name]}: both are {name}"
            raise SigmagenError(Problem("output-clash", message, file=query.rule.file), EXIT_USAGE)
        taken[name] = query.rule.file
        yield name


def _stages(files: Iterable[Path], roots: Sequence[Path]) -> dict[Path, Path]:
    """Return each file's folder relative to its root, or to the common parent folder if two would be the same."""
    paths = {file: file.resolve() for file in files}
    stages = {}
    for file, path in paths.items():
        root = next((root for root in roots if path.is_relative_to(root)), path.parent)
        stages[file] = path.parent.relative_to(root)
    if len({(stages[file], path.stem) for file, path in paths.items()}) == len(set(paths.values())):
        return stages
    common = Path(os.path.commonpath([path.parent for path in paths.values()]))
    return {file: path.parent.relative_to(common) for file, path in paths.items()}


def _file_part(name: str) -> str:
    """Return a rule's name as a safe part of a file name: without path separators, and not too long."""
    return re.sub(r"[^\w.-]+", "_", name)[:_LONGEST_PART].strip(".")


def _write(output: Path, queries: Sequence[tuple[RuleFile, Query]], names: Sequence[Path]) -> None:
    with whole_folder(output) as folder:
        for parent in {name.parent for name in names}:
            (folder / parent).mkdir(parents=True, exist_ok=True)
        for (_, query), name in zip(queries, names, strict=True):
            with open(folder / name, "wb") as file:
                file.write(f"{format_header(query)}{query.text}\n".encode())
