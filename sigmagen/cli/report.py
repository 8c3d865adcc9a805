"""`sigmagen report`: the alerts of native logs by actor, as one HTML file."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import click

from sigmagen.cli.engine import open_engine
from sigmagen.cli.problems import broken, print_problems
from sigmagen.cli.progress import Watch
from sigmagen.cli.selection import Selection, selection_options
from sigmagen.cli.settings import Settings, TargetName, with_settings
from sigmagen.cli.size import MAX_RECORD_SIZE, Size
from sigmagen.convert.many import find_broken_rules
from sigmagen.display import format_count


@click.command("report")
@click.argument("logs", nargs=-1, required=True, metavar="LOG...")
@click.option("-s", "--source", help="Log source of the logs. Default: detected per record.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="Write the HTML report to this file.",
)
@click.option(
    "-t",
    "--target",
    "targets",
    multiple=True,
    type=TargetName(),
    help="Language of the next queries (repeatable). Default: all three SIEMs.",
)
@selection_options
@MAX_RECORD_SIZE
@click.option("--memory", type=Size(), help="Use at most about this much memory, such as 4GB.  [default: 60%]")
@with_settings
def command(
    logs: tuple[str, ...],
    source: str | None,
    output: Path,
    targets: tuple[str, ...],
    rule: tuple[str, ...],
    min_level: str | None,
    since: int | None,
    until: int | None,
    max_record_size: int,
    memory: int | None,
    settings: Settings,
) -> int:
    """Write the alerts of native logs by actor, as one HTML file.

    Rules run as in `sigmagen detect`. Alerts that several rules raise on the same principals are one actor: with its
    users, keys, organizations and addresses, how near it came to each threshold, the queries and tokens it took, time
    lines, and the next queries. The file needs no network and no script, and has no prompt text.
    """
    from sigmagen.local.actors import find_actors
    from sigmagen.local.detect import Detector
    from sigmagen.local.traffic import FIELDS
    from sigmagen.logs.chunks import ChunkReader
    from sigmagen.logs.output import whole_file
    from sigmagen.logs.recognise import Recogniser
    from sigmagen.report.actors_page import QUERIED, build_next_queries, render_actors
    from sigmagen.report.detection import build_statistics
    from sigmagen.targets import registry

    converter = settings.converter()
    chosen = converter.source(source) if source else None
    loaded = settings.load()
    selection = Selection(rule, min_level, since, until)
    rules = selection.rules([subject for file in loaded.files for subject in file.subjects])
    reader = ChunkReader(logs, limit=max_record_size)
    recogniser = Recogniser(converter.sources.values(), chosen)
    with ExitStack() as stack:
        written = stack.enter_context(whole_file(output))
        detector = Detector(converter, open_engine(reader, memory, stack), shown=FIELDS)
        watch = stack.enter_context(Watch(reader))
        detector.read(reader, recogniser, rules, watch.read)
        detections = selection.alerts(detector.run(rules, watch.ran))
        actors, line = find_actors(detector, detections)
        blind = detector.blind_spots(sum(file.rules for file in find_broken_rules(loaded)))
        problems = [*loaded.problems, *reader.problems, *recogniser.problems, *detector.problems]
        sources = {part.name: part for item in rules for part in detector.feeding(item)}
        queries = [
            build_next_queries(converter, actor, sources, (targets or registry.siems()) if number < QUERIED else ())
            for number, actor in enumerate(actors)
        ]
        counts = recogniser.counts - detector.repeats.dropped
        stats = build_statistics(detector, len(rules), len(detections), counts, recogniser.left_out)
        written.write(render_actors(actors, line, queries, blind, detector.not_run, problems, stats))
    print_problems(problems)
    click.echo(f"{format_count(len(actors), 'actor')}, {format_count(len(detections), 'alert')}: {output}", err=True)
    return broken(problems)
