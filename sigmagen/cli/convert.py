"""`sigmagen convert`: rules to queries, on standard output or one file each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import click

from sigmagen.cli.problems import broken, print_json, print_problems
from sigmagen.cli.settings import AS_JSON, RULE_PATHS, SOURCES, Settings, chosen_sources, with_settings
from sigmagen.convert import LANGUAGES, SUFFIXES, Converter, Query
from sigmagen.logs.output import whole_folder
from sigmagen.mapping.generic import GENERIC
from sigmagen.mapping.source import SIEMS, Source
from sigmagen.plan.model import Mode
from sigmagen.problems import EXIT_FINDINGS, EXIT_USAGE, Problem, SigmagenError
from sigmagen.report.header import header, query_document
from sigmagen.report.text import counted, harmless
from sigmagen.rules.model import BaseRule, Correlation, RuleFile, base_rules

Rule = BaseRule | Correlation

_LONGEST_PART = 60
_UNDESCRIBED = ("logsource-unfed", "unknown-field")


@dataclass
class Conversion:
    """Everything that could be converted, with the file of each query, and why the rest couldn't."""

    queries: list[tuple[RuleFile, Query]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Whether a rule is missing where it was asked for; a source without a field is no failure."""
        return any(problem.severity == "error" for problem in self.problems)


def convert_all(
    converter: Converter,
    files: Iterable[RuleFile],
    targets: Sequence[str],
    sources: Sequence[str],
    mode: Mode = "alert",
    *,
    strict: bool = False,
) -> Conversion:
    """Every rule for every target and source; without sources, for all that can feed it.

    With chosen sources, each refusal is an error; else only where no source is left for a target. `strict` refuses
    what would convert with a warning, which always is an error.
    """
    result = Conversion()
    for file in files:
        for rule in file.subjects:
            for target in targets:
                converted, refused = _of_target(converter, rule, target, sources, mode)
                missing = bool(sources) or not converted
                result.problems += [replace(found, severity="error" if missing else "info") for found in refused]
                for query in converted:
                    if strict and query.warnings:
                        result.problems += [replace(found, severity="error") for found in query.warnings]
                    else:
                        result.queries.append((file, query))
                        result.problems += query.warnings
    return result


def _of_target(
    converter: Converter, rule: Rule, target: str, sources: Sequence[str], mode: Mode
) -> tuple[list[Query], list[Problem]]:
    feeding = converter.feeding(rule)
    if GENERIC in sources and converter.generic:
        feeding.append(converter.generic.source(rule))
    refused = [_unfed(rule, name) for name in sources if name not in {source.name for source in feeding}]
    if not sources and not feeding:
        refused.append(_unfed(rule, None))
    converted, failed = _over(converter, rule, target, mode, [s for s in feeding if not sources or s.name in sources])
    refused += failed
    # What no mapping describes has the names that the rule gives it.
    if not sources and not converted and all(found.code in _UNDESCRIBED for found in refused):
        generic = converter.fallback(rule)
        if generic is not None:
            converted, refused = _over(converter, rule, target, mode, [generic])
    return converted, refused


def _over(
    converter: Converter, rule: Rule, target: str, mode: Mode, sources: Iterable[Source]
) -> tuple[list[Query], list[Problem]]:
    """The queries over these sources, and why there are no more."""
    converted: list[Query] = []
    refused: list[Problem] = []
    for source in sources:
        try:
            converted.append(converter.convert(rule, source, target, mode))
        except SigmagenError as error:
            refused += error.problems
    return converted, refused


def _unfed(rule: Rule, source: str | None) -> Problem:
    needed = " and ".join(sorted({str(base.logsource) for base in base_rules(rule)}))
    who = f"source {source} does not feed" if source else "no source feeds"
    return Problem("logsource-unfed", f"{rule.title}: {who} {needed}", "error", rule.file, rule.line)


@click.command("convert")
@RULE_PATHS
@click.option(
    "-t",
    "--target",
    "targets",
    multiple=True,
    type=click.Choice(tuple(LANGUAGES)),
    help="For what; may be repeated. Default: all three SIEMs.",
)
@SOURCES
@click.option(
    "--mode",
    type=click.Choice(("alert", "hunt")),
    default="alert",
    show_default=True,
    help="For a schedule, one row a group; or over any range, one row a window.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write one file a query below this folder.")
@click.option("--strict", is_flag=True, help="A query that would carry a warning is an error instead.")
@AS_JSON
@with_settings
def command(
    paths: tuple[Path, ...],
    targets: tuple[str, ...],
    sources: tuple[str, ...],
    mode: Mode,
    output: Path | None,
    strict: bool,
    as_json: bool,
    settings: Settings,
) -> int:
    """Convert rules to queries for Splunk, Elastic and Sentinel.

    PATH is a rule file or a folder; without one, all rules are converted. Without -s there is a query for each source
    that carries the rule's fields, and what a source lacks is listed. Exits with 1 where a rule could not be
    converted for any source of a target, or for a source that was asked for.
    """
    converter = settings.converter()
    chosen = chosen_sources(converter, sources) or []
    loaded = settings.load(paths)
    wanted = tuple(dict.fromkeys(targets)) or SIEMS
    result = convert_all(converter, loaded.files, wanted, chosen, mode, strict=strict)
    names = list(file_names(result.queries, _roots(paths, settings)))
    if output:
        _write(output, result.queries, names)
    problems = [*loaded.problems, *result.problems]
    print_problems(problems)
    if as_json:
        documents = [query_document(query) for _, query in result.queries]
        if output:
            documents = [found | {"file": str(output / name)} for found, name in zip(documents, names, strict=True)]
        print_json({"queries": documents, "problems": [problem.as_dict() for problem in dict.fromkeys(problems)]})
    elif output:
        click.echo(f"{counted(len(names), 'query', 'queries')} written to {harmless(str(output))}", err=True)
    else:
        click.echo("\n".join(header(query) + query.text + "\n" for _, query in result.queries), nl=False)
    return broken(loaded.problems) or (EXIT_FINDINGS if result.failed else 0)


def _roots(paths: Sequence[Path], settings: Settings) -> list[Path]:
    """The folders that an output mirrors."""
    return [path.resolve() for path in (settings.rules, *paths) if path.is_dir()]


def file_names(queries: Sequence[tuple[RuleFile, Query]], roots: Sequence[Path]) -> Iterator[Path]:
    """`<target>/<stage>/<stem>.<source>.<suffix>` of each query, the stage being the rule's place below its root.

    Raises SigmagenError where two queries would have the same name.
    """
    taken: dict[Path, str] = {}
    for file, query in queries:
        path = file.path.resolve()
        root = next((root for root in roots if path.is_relative_to(root)), path.parent)
        # A file with several rules that alert needs their names too.
        parts = [path.stem, *([_file_part(query.rule.name)] if len(file.subjects) > 1 else []), query.source.name]
        name = Path(query.siem) / path.parent.relative_to(root) / f"{'.'.join(parts)}.{SUFFIXES[query.siem]}"
        if name in taken:
            message = f"the query would overwrite that of {taken[name]}: both are {name}"
            raise SigmagenError(Problem("output-clash", message, file=query.rule.file), EXIT_USAGE)
        taken[name] = query.rule.file
        yield name


def _file_part(name: str) -> str:
    """A rule's name as part of a file name: it must neither lead elsewhere nor be too long."""
    return re.sub(r"[^\w.-]+", "_", name)[:_LONGEST_PART].strip(".")


def _write(output: Path, queries: Sequence[tuple[RuleFile, Query]], names: Sequence[Path]) -> None:
    with whole_folder(output) as folder:
        for (_, query), name in zip(queries, names, strict=True):
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(header(query) + query.text + "\n", encoding="utf-8")
