"""`sigmagen detect`: run rules on native logs, on this machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import click

from sigmagen.cli.engine import open_engine
from sigmagen.cli.problems import broken, json_bytes, print_json, print_problems
from sigmagen.cli.progress import Watch
from sigmagen.cli.selection import Selection, selection_options
from sigmagen.cli.settings import AS_JSON, Settings, with_settings
from sigmagen.cli.size import MAX_RECORD_SIZE, MEMORY
from sigmagen.convert.many import find_broken_rules
from sigmagen.display import format_count, sanitize
from sigmagen.engines.memory import peak_memory
from sigmagen.local.blind_spots import in_one_line
from sigmagen.local.detect import Detector
from sigmagen.local.detection import Detection, NotRun, Rule
from sigmagen.logs.chunks import ChunkReader
from sigmagen.logs.output import whole_file
from sigmagen.logs.recognise import Recogniser
from sigmagen.mapping.generic import GENERIC
from sigmagen.problems import EXIT_FINDINGS
from sigmagen.report.alert_table import format_csv
from sigmagen.report.detection import build_report, build_statistics

MANY = 10_000
"""Records from which on a line says what reading and rules took."""


@click.command("detect")
@click.argument("logs", nargs=-1, required=True, metavar="LOG...")
@click.option(
    "-s", "--source", help="Log source of the logs. Default: detected per record. Use generic for any other log."
)
@selection_options
@AS_JSON
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV with one alert per line; see docs/json.md.")
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
    rule: tuple[str, ...],
    min_level: str | None,
    since: int | None,
    until: int | None,
    as_json: bool,
    as_csv: bool,
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
    if as_json and as_csv:
        raise click.UsageError("--json and --csv can't be combined")
    converter = settings.converter()
    generic = converter.generic if source == GENERIC else None
    chosen = generic.records() if generic else converter.source(source, GENERIC) if source else None
    loaded = settings.load()
    selection = Selection(rule, min_level, since, until)
    rules = selection.rules([subject for file in loaded.files for subject in file.subjects])
    reader = ChunkReader(logs, limit=max_record_size)
    recogniser = Recogniser(converter.sources.values(), chosen)
    with ExitStack() as stack:
        written = stack.enter_context(whole_file(report)) if report else None
        detector = Detector(converter, open_engine(reader, memory, stack), generic)
        watch = stack.enter_context(Watch(reader))
        detector.read(reader, recogniser, rules, watch.read)
        detections = selection.alerts(detector.run(rules, watch.ran))
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
    elif as_csv:
        click.echo(format_csv(detections), nl=False)
    else:
        _print(detections, counts, detector.repeats.dropped.total(), rules, verbose=settings.verbose)
    if counts.total() >= MANY:
        click.echo(_effort(counts.total(), rules, detector, watch), err=True)
    if blind:
        click.echo(f"blind spots: {sanitize(in_one_line(blind))}", err=True)
    return broken(problems) or (EXIT_FINDINGS if fail_on_alert and detections else 0)


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
