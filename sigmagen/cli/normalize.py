"""`sigmagen normalize`: convert native logs to canonical events, as NDJSON or into Elasticsearch."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from typing import IO

import click
import orjson

from sigmagen.cli.problems import broken, print_problems
from sigmagen.cli.progress import watched
from sigmagen.cli.settings import Settings, with_settings
from sigmagen.cli.size import MAX_RECORD_SIZE
from sigmagen.convert.converter import Converter
from sigmagen.display import format_count
from sigmagen.local.normalize import CanonicalEvent, Normalizer
from sigmagen.logs.files import STDIN
from sigmagen.logs.output import whole_file
from sigmagen.logs.reader import LogReader, Reject
from sigmagen.logs.recognise import Recogniser
from sigmagen.problems import EXIT_BROKEN_INPUT, Problem

DEFAULT_REJECTS = "sigmagen.rejects.ndjson"


class Rejects:
    """The rejects file, created with the first reject or if --rejects is given."""

    def __init__(self, path: Path, *, always: bool, stack: ExitStack) -> None:
        self.path = path
        self.count = 0
        self._stack = stack
        self._stream: IO[bytes] | None = None
        if always or path.exists():
            self._open()

    def _open(self) -> IO[bytes]:
        # Rejects contain the original records, including prompts.
        self._stream = self._stack.enter_context(whole_file(self.path, private=True))
        return self._stream

    def __call__(self, reject: Reject) -> None:
        """Write one reject."""
        stream = self._stream or self._open()
        stream.write(orjson.dumps(reject.as_dict(), option=orjson.OPT_APPEND_NEWLINE))
        self.count += 1


@click.command("normalize")
@click.argument("logs", nargs=-1, required=True, metavar="LOG...")
@click.option("-s", "--source", help="Log source of the logs. Default: detected per record.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Write NDJSON to this file. Default: standard output."
)
@click.option("--to", "url", metavar="URL", help="Write to the Elasticsearch at this URL instead.")
@click.option("--rejects", type=click.Path(path_type=Path), help="Write records that can't be used to this file.")
@click.option("--with-text", is_flag=True, help="Include prompts and system prompts, not only their hashes.")
@MAX_RECORD_SIZE
@with_settings
def command(
    logs: tuple[str, ...],
    source: str | None,
    output: Path | None,
    url: str | None,
    rejects: Path | None,
    with_text: bool,
    max_record_size: int,
    settings: Settings,
) -> int:
    """Convert native logs to canonical events.

    LOG is a file, a folder or - for standard input. Each event is a flat JSON object on one line, with hashes instead
    of prompts. With --to, events are written to the data stream logs-sigmagen.canonical-default, without duplicates if
    the command is repeated; the API key is read from SIGMAGEN_ELASTICSEARCH_API_KEY. Records that can't be used are
    written to a rejects file, and the exit code is 2.
    """
    if url and output:
        raise click.UsageError("-o and --to can't be combined")
    if url and with_text:
        raise click.UsageError("--with-text can't be combined with --to: the data stream has no field for prompts")
    converter = settings.converter()
    chosen = converter.source(source) if source else None
    with ExitStack() as stack:
        # Entered first, so exited last: the rejects file is complete before it is renamed to its final name.
        where = rejects or (output.with_name(f"{output.name}.rejects.ndjson") if output else Path(DEFAULT_REJECTS))
        kept = Rejects(where, always=rejects is not None, stack=stack)
        reader = LogReader(logs, kept, max_record_size)
        recogniser = Recogniser(converter.sources.values(), chosen, kept)
        normalizer = Normalizer(converter, with_text, kept)
        stack.callback(normalizer.close)
        _check_overwriting(reader.files, [path for path in (output, where) if path])
        events = normalizer.events(recogniser.sort(watched(reader)))

        def problems() -> list[Problem]:
            return [*reader.problems, *recogniser.problems, *normalizer.problems]

        if url:
            notes = _to_elasticsearch(url, events, converter, kept)
        else:
            notes = _to_ndjson(output, events, lambda: bool(kept.count or broken(problems())))
    print_problems(problems())
    click.echo("; ".join([*_summary(normalizer), *notes, *_kept(kept)]), err=True)
    return broken(problems()) or (EXIT_BROKEN_INPUT if kept.count else 0)


def _check_overwriting(logs: Iterable[str], outputs: Iterable[Path]) -> None:
    """Raise UsageError if an output file would overwrite one of the logs."""
    read = {os.path.realpath(log) for log in logs if log != STDIN}
    for output in outputs:
        if os.path.realpath(output) in read:
            raise click.UsageError(f"{output} is one of the logs: choose another file with -o or --rejects")


def _to_ndjson(output: Path | None, events: Iterator[CanonicalEvent], failed: Callable[[], bool]) -> list[str]:
    """Write the events. If nothing could be read, an existing output file is kept."""
    first = next(events, None)
    if first is None and output and failed():
        return [f"{output} was not written"]
    with _stream(output) as stream:
        for event in chain([first] if first else [], events):
            stream.write(orjson.dumps(event.event, option=orjson.OPT_APPEND_NEWLINE))
    return []


@contextmanager
def _stream(output: Path | None) -> Iterator[IO[bytes]]:
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    else:
        with whole_file(output) as stream:
            yield stream


def _to_elasticsearch(url: str, events: Iterable[CanonicalEvent], converter: Converter, kept: Rejects) -> list[str]:
    from sigmagen.local.elasticsearch import CanonicalStream

    canonical = next(source for source in converter.sources.values() if source.canonical)
    with CanonicalStream(url, canonical, converter.taxonomy, kept) as stream:
        stream.prepare()
        stream.write(events)
    notes = [f"{stream.written:,} written to Elasticsearch"]
    if stream.repeated:
        notes.append(f"{stream.repeated:,} already existed")
    problems = []
    if stream.refused:
        message = f"Elasticsearch refused {stream.refused:,} events"
        problems.append(Problem("events-refused", message, hint=f"see {kept.path}"))
    if stream.lost:
        known = stream.written + stream.repeated + stream.refused
        message = f"Elasticsearch confirmed {known:,} of {known + stream.lost:,} events, {stream.lost:,} are missing"
        hint = f"see {kept.path}; run the command again: events are not written twice"
        problems.append(Problem("events-not-confirmed", message, hint=hint))
    if stream.unknown:
        message = f"Elasticsearch answered about {stream.unknown:,} events that were not sent"
        hint = "check that the URL is that of Elasticsearch"
        problems.append(Problem("events-unknown", message, "warning", hint=hint))
    print_problems(problems)
    return notes


def _summary(normalizer: Normalizer) -> list[str]:
    def listed(counts: Counter[str]) -> str:
        return ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)

    kinds = listed(normalizer.written)
    parts = [f"{format_count(normalizer.written.total(), 'event')} ({kinds})" if kinds else "no event"]
    if skipped := normalizer.skipped.total():
        parts.append(
            f"skipped, not an inference call: {format_count(skipped, 'record')} ({listed(normalizer.skipped)})"
        )
    if repeated := normalizer.repeats.dropped.total():
        parts.append(f"repeated: {format_count(repeated, 'record')} ({listed(normalizer.repeats.dropped)})")
    if reused := normalizer.repeats.reused.total():
        ids = listed(normalizer.repeats.reused)
        parts.append(f"kept, although their content differs under the same id: {format_count(reused, 'id')} ({ids})")
    return parts


def _kept(kept: Rejects) -> list[str]:
    return [f"rejected and written to {kept.path}: {format_count(kept.count, 'record')}"] if kept.count else []
