"""The Python API, exported by `sigmagen`: load rules, convert them, run them on logs, verify the queries.

Everything is imported inside the functions, so that `import sigmagen` stays fast.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sigmagen.bundled import mappings_folder, rules_folder

if TYPE_CHECKING:
    import pyarrow

    from sigmagen.convert.converter import Converter, Query
    from sigmagen.local.blind_spots import BlindSpot
    from sigmagen.local.detection import Detection, NotRun
    from sigmagen.logs.reader import Reject
    from sigmagen.problems import Problem
    from sigmagen.proof.verify import Cell
    from sigmagen.rules.load import LoadedRules
    from sigmagen.rules.model import BaseRule, Correlation
    from sigmagen.rules.processing import Processor

    Rule = BaseRule | Correlation

StrPath = str | Path


@dataclass(frozen=True)
class DetectionResult:
    """What `detect` found: alerts, what the rules could not see, rules that were not run, and unreadable records."""

    alerts: tuple[Detection, ...]
    blind_spots: tuple[BlindSpot, ...]
    not_run: tuple[NotRun, ...]
    problems: tuple[Problem, ...]


def load_converter(mappings: StrPath | None = None, overlay: StrPath | None = None) -> Converter:
    """Return a converter for a mappings folder (default: the built-in one), with the locations of an overlay file.

    Raises SigmagenError with all problems of the mappings and the overlay.
    """
    if overlay is None:
        return _converter(_path(mappings, mappings_folder()))
    from sigmagen.overlay import load_overlay

    converter = _converter(_path(mappings, mappings_folder()))
    return load_overlay(Path(overlay), converter).converter(converter)


def load_rules(
    *paths: StrPath,
    filters: Iterable[StrPath] = (),
    overlay: StrPath | None = None,
    rules: StrPath | None = None,
    mappings: StrPath | None = None,
    examples: bool = True,
    processor: Processor | None = None,
) -> LoadedRules:
    """Load rule files and folders; without paths, the `rules` folder (default: the built-in rules).

    `filters` are files or folders of Sigma filters that are applied to the rules. The result has the alerting rules in
    `rules` and everything that is wrong with the files in `problems`: a broken rule never raises. Without `examples`,
    the built-in allow lists are empty: their values are public, so an attacker could use them. `processor` applies a
    processing pipeline to the rules, see `sigmagen.pysigma.processing.load_processor`.

    Raises SigmagenError with all problems of the overlay.
    """
    from sigmagen.overlay import load_overlay
    from sigmagen.rules.load import load_rules
    from sigmagen.rules.placeholders import merge_tenant_lists

    own_rules, own_mappings = _path(rules, rules_folder()), _path(mappings, mappings_folder())
    changes = load_overlay(Path(overlay), _converter(own_mappings)) if overlay else None
    lists = changes.allow_lists if changes else {}
    found = [Path(path) for path in paths] or [own_rules]
    loaded = load_rules(
        [*found, *map(Path, filters), *(changes.filters if changes else ())],
        rules_folder=own_rules,
        mappings_folder=own_mappings,
        allow_lists=lists if examples else merge_tenant_lists(own_mappings, lists),
        processor=processor,
    )
    if changes is None:
        return loaded
    # The overlay may name rules that are not among the loaded ones.
    every = load_rules(None, rules_folder=own_rules, mappings_folder=own_mappings) if paths else None
    return changes.apply(loaded, own_mappings, every)


def convert_rule(
    rule: Rule,
    target: str,
    *,
    source: str | None = None,
    mode: Literal["alert", "hunt"] = "alert",
    converter: Converter | None = None,
) -> list[Query]:
    """Convert a rule to queries of a target: `splunk`, `elastic`, `lucene`, `sentinel` or `duckdb`.

    Returns a query for the named source, or for each source that has the rule's fields; for a log source without a
    mapping, a query for the source `generic`. In the mode `alert` a query returns one row per group, for a schedule;
    in the mode `hunt` one row per group and window, for any time range.

    Raises SigmagenError for an unknown source and, if there is no query at all, with the reasons.
    """
    from sigmagen.problems import SigmagenError

    converter = converter or load_converter()
    feeding = converter.feeding(rule)
    if source is not None:
        converter.known(source, generic=True)
        feeding = [item for item in feeding if item.name == source]
    generic = converter.fallback(rule)
    if generic is not None and (source == generic.name or (source is None and not feeding)):
        feeding = [generic]
    queries, problems = [], []
    for item in feeding:
        try:
            queries.append(converter.convert(rule, item, target, mode))
        except SigmagenError as error:
            problems += error.problems
    if not queries:
        raise SigmagenError(problems or _no_source(rule, source))
    return queries


def detect(
    logs: StrPath | Sequence[StrPath],
    rules: Iterable[Rule] | None = None,
    *,
    source: str | None = None,
    converter: Converter | None = None,
) -> DetectionResult:
    """Run rules (default: the built-in ones) on native logs: files or folders of JSON, also gzipped.

    The log source of each record is detected, unless `source` names it; with `generic`, every rule runs on all
    records. All records are held in memory. Records that can't be read are in `problems`.

    Raises SigmagenError for an unknown source, and for a log that doesn't exist.
    """
    from sigmagen.engines.duckdb import DuckDBEngine
    from sigmagen.local.detect import Detector
    from sigmagen.logs.reader import LogReader
    from sigmagen.logs.recognise import Recogniser
    from sigmagen.mapping.generic import GENERIC

    converter = converter or load_converter()
    wanted = list(load_rules().rules if rules is None else rules)
    generic = converter.generic if source == GENERIC else None
    chosen = generic.records() if generic else converter.source(source, GENERIC) if source else None
    reader = LogReader([str(log) for log in ([logs] if isinstance(logs, StrPath) else logs)])
    recogniser = Recogniser(converter.sources.values(), chosen)
    with DuckDBEngine() as engine:
        detector = Detector(converter, engine, generic)
        detector.load(recogniser.sort(reader))
        alerts = detector.run(wanted)
        blind_spots = detector.blind_spots()
    problems = (*reader.problems, *recogniser.problems, *detector.problems)
    return DetectionResult(tuple(alerts), tuple(blind_spots), tuple(detector.not_run), problems)


def normalize_lines(
    lines: Iterable[str | bytes],
    source: str | None = None,
    *,
    converter: Converter | None = None,
    on_reject: Callable[[Reject], None] | None = None,
) -> Iterator[pyarrow.RecordBatch]:
    """Yield the canonical events of the lines of a log as Arrow batches, with the columns of `lake_schema`.

    Each line has one or more whole JSON records. The log source of each record is detected, unless `source` names it.
    `on_reject` is called with each record that is left out (`reason`, `line`, `text`); without it, they are counted and
    logged as warnings of the logger `sigmagen`. Few records are held in memory. A record that is
    delivered twice in `lines` is returned once.

    Raises SigmagenError for an unknown source, and if pyarrow is not installed.
    """
    from sigmagen.local.lake_rows import rows_of_lines

    converter = converter or load_converter()
    return rows_of_lines(lines, converter, converter.source(source) if source else None, on_reject)


def lake_schema(converter: Converter | None = None) -> str:
    """Return the columns of a lake's table of canonical events and their types, as Spark declares them."""
    from sigmagen.local.lake_rows import spark_schema

    return spark_schema((converter or load_converter()).taxonomy)


def verify(
    rules: LoadedRules,
    targets: Sequence[str] | None = None,
    *,
    sources: Sequence[str] | None = None,
    converter: Converter | None = None,
) -> list[Cell]:
    """Run the queries of the rules on the cases of their test files and compare the rows with the reference.

    `targets` defaults to all targets with an engine. Each runs on the server in its settings (docs/settings.md), or
    else on a local emulation; without either, its cells have the status `not_run` and a reason.

    Raises SigmagenError for a rule file without a valid test file, and for invalid settings.
    """
    from sigmagen.engines.opening import open_engines
    from sigmagen.proof.verify import verify
    from sigmagen.targets.registry import verifiable

    converter = converter or load_converter()
    with ExitStack() as stack:
        engines = open_engines(verifiable() if targets is None else targets, converter.taxonomy, stack)
        return list(verify(converter, rules.files, engines, sources))


@lru_cache(maxsize=4)
def _converter(mappings: Path) -> Converter:
    from sigmagen.convert.converter import Converter

    return Converter.load(mappings)


def _path(path: StrPath | None, default: Path) -> Path:
    return default if path is None else Path(path)


def _no_source(rule: Rule, source: str | None) -> Problem:
    from sigmagen.problems import Problem

    message = f"{rule.title}: source {source} does not have its log source" if source else f"{rule.title}: no source"
    return Problem("no-source", message, file=rule.file, line=rule.line)
