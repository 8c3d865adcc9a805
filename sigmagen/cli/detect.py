"""`sigmagen detect`: run rules on native logs, on this machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import click

from sigmagen.cli.problems import broken, json_bytes, print_json, print_problems
from sigmagen.cli.progress import Watch
from sigmagen.cli.settings import AS_JSON, Settings, with_settings
from sigmagen.cli.size import MAX_RECORD_SIZE, MEMORY
from sigmagen.convert.many import find_broken_rules
from sigmagen.display import format_count, sanitize
from sigmagen.engines.duckdb import DuckDBEngine
from sigmagen.engines.memory import available_memory, peak_memory
from sigmagen.local.blind_spots import in_one_line
from sigmagen.local.detect import Detector
from sigmagen.local.detection import Detection, NotRun, Rule
from sigmagen.logs.chunks import ChunkReader
from sigmagen.logs.files import PACKED, total_size
from sigmagen.logs.output import whole_file
from sigmagen.logs.reader import LogReader
from sigmagen.logs.recognise import Recogniser
from sigmagen.logs.scratch import scratch_folder
from sigmagen.mapping.generic import GENERIC
from sigmagen.problems import EXIT_FINDINGS, SigmagenError
from sigmagen.report.detection import build_report, build_statistics

LARGE = 64 * 1024 * 1024
"""Bytes of input from which on there must be a folder for what doesn't fit into memory."""

MANY = 10_000
"""Records from which on a line says what reading and rules took."""

MEMORY_SHARE = 0.6
"""Of the machine's memory, if nothing else is said."""

_RATIO = 10
"""How many times larger unpacked logs are, about."""

_OWN = 192 * 1024 * 1024
"""Bytes that Python, the rules and the lines on their way to the engine take, about."""


@click.command("detect")
@click.argument("logs", nargs=-1, required=True, metavar="LOG...")
@click.option(
    "-s", "--source", help="Log source of the logs. Default: detected per record. Use generic for any other log."
)
@AS_JSON
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a JSON report of alerts, blind spots, skipped rules, problems and counts to this file.",
)
@click.option("--fail-on-alert", is_flag=True, help="Exit with 1 if there is an alert.")
@MAX_RECORD_SIZE
@MEMORY
@with_settings
def command(
    logs: tuple[str, ...],
    source: str | None,
    as_json: bool,
    report: Path | None,
    fail_on_alert: bool,
    max_record_size: int,
    memory: int | None,
    settings: Settings,
) -> int:
    """Run rules on native logs, on this machine.

    LOG is a file, a folder (searched for .json, .jsonl, .ndjson and .log, also with .gz or .zst) or - for standard
    input. The log source of each record is detected. With -s generic, every rule runs on all records, which must use
    the field names of the rules. The last line lists the blind spots. Exits with 0 even if there are alerts, unless
    --fail-on-alert is given, and with 2 if something could not be read.
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
        detector = Detector(converter, open_engine(unpacked_size(reader), memory, stack), generic)
        watch = stack.enter_context(Watch(reader))
        detector.read(reader, recogniser, rules, watch.read)
        detections = detector.run(rules, watch.ran)
        blind = detector.blind_spots(sum(file.rules for file in find_broken_rules(loaded)))
        problems = [*loaded.problems, *reader.problems, *recogniser.problems, *detector.problems]
        counts = recogniser.counts - detector.repeats.dropped
        if written:
            stats = build_statistics(detector, len(rules), len(detections), counts, recogniser.left_out)
            written.write(json_bytes(build_report(detections, blind, detector.not_run, problems, stats)))
    print_problems(problems)
    if settings.verbose:
        _print_not_run(detector.not_run)
    if as_json:
        print_json([detection.as_dict() for detection in detections])
    else:
        _print(detections, counts, detector.repeats.dropped.total(), rules, verbose=settings.verbose)
    if counts.total() >= MANY:
        click.echo(_effort(counts.total(), rules, detector, watch), err=True)
    if blind:
        click.echo(f"blind spots: {sanitize(in_one_line(blind))}", err=True)
    return broken(problems) or (EXIT_FINDINGS if fail_on_alert and detections else 0)


def open_engine(size: int | None, memory: int | None, stack: ExitStack) -> DuckDBEngine:
    """An engine that keeps the records in `memory` bytes, and the rest in a folder of ours that is gone afterwards.

    Raises SigmagenError if the folder can't be made.
    """
    large = size is None or size >= LARGE
    folder = None
    try:
        folder = stack.enter_context(scratch_folder())
    except SigmagenError:
        if large:
            raise
    # A database in a file would be written twice: to its log, and again in its own format when it is closed.
    return stack.enter_context(DuckDBEngine(temporary=folder, memory=_share(memory)))


def unpacked_size(reader: LogReader) -> int | None:
    """About how many bytes the logs have; None where that can't be known."""
    packed = total_size([name for name in reader.files if name.endswith(PACKED)]) or 0
    return None if reader.size is None else reader.size + packed * (_RATIO - 1)


def _share(memory: int | None) -> int | None:
    """The engine's part of the memory; the rest is for what is being read."""
    if memory is None:
        available = available_memory()
        memory = available and int(available * MEMORY_SHARE)
    return memory and max(memory - _OWN, memory // 2)


def _print(
    detections: Sequence[Detection], counts: Counter[str], repeated: int, rules: Sequence[Rule], *, verbose: bool
) -> None:
    """Print the alerts and the number of records of each source. Repeated records count once."""
    if detections:
        from sigmagen.report.alerts import print_alerts
        from sigmagen.report.colour import console

        print_alerts(console(), detections, everything=verbose)
        click.echo(err=True)
    kinds = ", ".join(f"{count:,} {name}" for name, count in counts.items()) or "no known source"
    if repeated:
        kinds += f"; repeated: {format_count(repeated, 'record')}"
    alerts = format_count(len(detections), "alert") if detections else "no alert"
    click.echo(f"{alerts}; {format_count(len(rules), 'rule')}, records: {kinds}", err=True)


def _effort(records: int, rules: Sequence[Rule], detector: Detector, watch: Watch) -> str:
    """What a long run took."""
    unrun = {item.rule.name for item in detector.not_run} - {rule.name for rule in detector.ran()}
    parts = [
        f"{records:,} records read in {watch.read_in:.1f} s, {records / max(watch.read_in, 0.001):,.0f} a second",
        f"{format_count(len(rules) - len(unrun), 'rule')} run in {watch.seconds - watch.read_in:.1f} s",
    ]
    if unrun:
        parts.append(f"{format_count(len(unrun), 'rule')} not run (-v says why)")
    if peak := peak_memory():
        parts.append(f"{peak / 1024**2:,.0f} MB of memory")
    return "; ".join(parts)


def _print_not_run(not_run: Sequence[NotRun]) -> None:
    for item in not_run:
        place = f" on {item.source}" if item.source else ""
        click.echo(f"not run: {item.rule.name}{place}: {sanitize(item.reason)}", err=True)
