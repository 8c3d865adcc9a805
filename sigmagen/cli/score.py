"""`sigmagen score`: what the rules find in labelled logs, and what they cost."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

import click

from sigmagen.cli.problems import broken, print_json, print_problems
from sigmagen.cli.settings import AS_JSON, Settings, with_settings
from sigmagen.cli.size import Size


@click.command("score")
@click.argument("logs", nargs=-1, required=True, metavar="LOG...")
@click.option(
    "--labels",
    "labels_file",
    type=click.Path(exists=True, path_type=Path),
    help="File with event_id and campaign on each line. Default: the labels in the folder that `simulate` wrote.",
)
@AS_JSON
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write the score to this file, as HTML with heat map, charts and time lines.",
)
@click.option("--memory", type=Size(), help="Use at most about this much memory, such as 4GB.")
@with_settings
def command(
    logs: tuple[str, ...],
    labels_file: Path | None,
    as_json: bool,
    html: Path | None,
    memory: int | None,
    settings: Settings,
) -> int:
    """Score the rules on labelled logs: recall and false alerts.

    LOG is a folder that `sigmagen simulate` wrote, or a log file with --labels. Every rule runs twice, with and without
    the events of campaigns: what alerts without them is a false alert, and does not count as found.
    """
    from sigmagen.logs.output import whole_file
    from sigmagen.report.colour import console
    from sigmagen.report.score import build_score, print_score
    from sigmagen.report.score_page import render_score
    from sigmagen.score.labels import load_labels
    from sigmagen.score.run import score_logs

    if labels_file is None and not (len(logs) == 1 and Path(logs[0]).is_dir()):
        raise click.UsageError("--labels is missing: it is only optional for one folder that `simulate` wrote")
    converter = settings.converter()
    loaded = settings.load(examples=False)
    labels = load_labels(labels_file or Path(logs[0]))
    files = [str(path) for name in logs for path in _log_files(Path(name), converter.sources)]
    with ExitStack() as stack:
        written = stack.enter_context(whole_file(html)) if html else None
        outcome = score_logs(files, labels, loaded.rules, converter, memory=memory)
        score = build_score([outcome])
        if written:
            written.write(render_score(score, [outcome]))
    print_problems(loaded.problems)
    if as_json:
        print_json(score)
    else:
        print_score(console(), score)
    return broken(loaded.problems)


def _log_files(path: Path, sources: Iterable[str]) -> list[Path]:
    """Return the log files of a folder that `simulate` wrote, each named after its source, or the file itself."""
    if not path.is_dir():
        return [path]
    return [file for name in sorted(sources) if (file := path / f"{name}.ndjson").exists()]
