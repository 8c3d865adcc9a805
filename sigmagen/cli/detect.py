"""`sigmagen detect`: rules over native logs, on this machine."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import click

from sigmagen.cli.problems import broken, json_bytes, print_json, print_problems
from sigmagen.cli.settings import AS_JSON, Settings, with_settings
from sigmagen.cli.size import MAX_RECORD_SIZE
from sigmagen.convert.many import broken_rules
from sigmagen.display import counted, harmless
from sigmagen.engines.duckdb import DuckDBEngine
from sigmagen.local.blind_spots import in_one_line
from sigmagen.local.detect import Detector
from sigmagen.local.detection import Detection, NotRun, Rule
from sigmagen.logs.chunks import ChunkReader
from sigmagen.logs.output import whole_file
from sigmagen.logs.reader import LogReader, Record
from sigmagen.logs.recognise import Recogniser
from sigmagen.logs.scratch import scratch_folder
from sigmagen.mapping.generic import GENERIC
from sigmagen.problems import EXIT_FINDINGS, SigmagenError
from sigmagen.report.detection import report_document, statistics

LONG = 5 * 1024 * 1024
"""Bytes of input from which on a progress bar is worth it."""

ON_DISK = 64 * 1024 * 1024
"""Bytes of input from which on the records are kept in a file: as fast, and gzip may hide ten times as much."""

_STEP = 500


@click.command("detect")
@click.argument("logs", nargs=-1, required=True, metavar="LOG...")
@click.option("-s", "--source", help="What the logs are, whatever they look like; generic for any other kind.")
@AS_JSON
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write alerts, blind spots, rules that were not run, problems and counts to this file, as JSON.",
)
@click.option("--fail-on-alert", is_flag=True, help="Exit with 1 where there is an alert.")
@MAX_RECORD_SIZE
@with_settings
def command(
    logs: tuple[str, ...],
    source: str | None,
    as_json: bool,
    report: Path | None,
    fail_on_alert: bool,
    max_record_size: int,
    settings: Settings,
) -> int:
    """Find alerts in native logs, here and now.

    LOG is a file, a folder (searched for .json, .jsonl, .ndjson and .log, each also .gz) or - for standard input. The
    records of each known log source are recognised. With -s generic, rules of any log source read all records, whose
    fields are named as in the rules. The last line says what could not be seen. Exits with 0 also where there are
    alerts, unless --fail-on-alert is given, and with 2 where something could not be read.
    """
    converter = settings.converter()
    generic = converter.generic if source == GENERIC else None
    chosen = generic.records() if generic else converter.source(source, GENERIC) if source else None
    loaded = settings.load()
    rules = [rule for file in loaded.files for rule in file.subjects]
    reader = ChunkReader(logs, limit=max_record_size)
    recogniser = Recogniser(converter.sources.values(), chosen)
    with ExitStack() as stack:
        written = stack.enter_context(whole_file(report)) if report else None
        detector = Detector(converter, _engine(reader.size, stack), generic)
        detector.read(reader, recogniser, rules)
        detections = detector.run(rules)
        blind = detector.blind_spots(sum(file.rules for file in broken_rules(loaded)))
        problems = [*loaded.problems, *reader.problems, *recogniser.problems, *detector.problems]
        counts = recogniser.counts - detector.repeats.dropped
        if written:
            stats = statistics(detector, len(rules), len(detections), counts, recogniser.left_out)
            written.write(json_bytes(report_document(detections, blind, detector.not_run, problems, stats)))
    print_problems(problems)
    if settings.verbose:
        _print_not_run(detector.not_run)
    if as_json:
        print_json([detection.as_dict() for detection in detections])
    else:
        _print(detections, counts, detector.repeats.dropped.total(), rules, verbose=settings.verbose)
    if blind:
        click.echo(f"blind spots: {harmless(in_one_line(blind))}", err=True)
    return broken(problems) or (EXIT_FINDINGS if fail_on_alert and detections else 0)


def _engine(size: int | None, stack: ExitStack) -> DuckDBEngine:
    """An engine that keeps the records in memory, or in a file of ours alone that is gone afterwards.

    Raises SigmagenError where a file is needed and there is no place for one.
    """
    large = size is None or size >= ON_DISK
    folder = None
    try:
        folder = stack.enter_context(scratch_folder())
    except SigmagenError:
        if large:
            raise
    database = str(folder / "records.duckdb") if large and folder else ":memory:"
    return stack.enter_context(DuckDBEngine(database, temporary=folder))


def progress(reader: LogReader) -> Iterable[Record]:
    """The reader's records, with a progress bar on standard error where the input is long and someone looks on."""
    if not reader.size or reader.size < LONG or not sys.stderr.isatty():
        return reader
    return _with_bar(reader, reader.size)


def _with_bar(reader: LogReader, size: int) -> Iterator[Record]:
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from sigmagen.report.colour import console

    columns = (TextColumn("reading"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=size)
        for number, record in enumerate(reader):
            if number % _STEP == 0:
                bar.update(task, completed=reader.position)
            yield record


def _print(
    detections: Sequence[Detection], counts: Counter[str], repeated: int, rules: Sequence[Rule], *, verbose: bool
) -> None:
    """The alerts, and how many records of each source there are; those delivered twice count once."""
    if detections:
        from sigmagen.report.alerts import print_alerts
        from sigmagen.report.colour import console

        print_alerts(console(), detections, everything=verbose)
        click.echo(err=True)
    kinds = ", ".join(f"{count:,} {name}" for name, count in counts.items()) or "none of a known source"
    if repeated:
        kinds += f"; delivered twice: {counted(repeated, 'record')}"
    alerts = counted(len(detections), "alert") if detections else "no alert"
    click.echo(f"{alerts}; {counted(len(rules), 'rule')}, records: {kinds}", err=True)


def _print_not_run(not_run: Sequence[NotRun]) -> None:
    for item in not_run:
        place = f" on {item.source}" if item.source else ""
        click.echo(f"not run: {item.rule.name}{place}: {harmless(item.reason)}", err=True)
