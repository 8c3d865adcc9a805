"""`sigmagen normalize`: convert native logs to canonical events, as NDJSON, as Parquet or into Elasticsearch."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from typing import IO

import click
import orjson

from sigmagen import __version__
from sigmagen.cli.detect import MANY
from sigmagen.cli.engine import open_engine
from sigmagen.cli.normalize_run import Output, Run, Stored, Streamed
from sigmagen.cli.problems import broken, print_problems
from sigmagen.cli.progress import Watch
from sigmagen.cli.settings import Settings, with_settings
from sigmagen.cli.size import MAX_RECORD_SIZE, MEMORY
from sigmagen.convert.converter import Converter
from sigmagen.display import format_count
from sigmagen.engines.memory import peak_memory
from sigmagen.local.asn import AsnDatabase
from sigmagen.local.canonical_logs import CanonicalLogs
from sigmagen.local.enrichment import Enrichment
from sigmagen.local.hash_key import load_hash_key
from sigmagen.local.journal import Journal
from sigmagen.logs.chunks import ChunkReader
from sigmagen.logs.files import STDIN
from sigmagen.logs.output import whole_file
from sigmagen.logs.reader import Reject
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
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Write to this file, or to this folder with --partition-by. Default: standard output.",
)
@click.option(
    "--format",
    "kind",
    type=click.Choice(["ndjson", "parquet"]),
    help="Format of the output. Default: parquet for a file named so and with --partition-by, else ndjson.",
)
@click.option(
    "--partition-by", type=click.Choice(["day"]), help="Write a Parquet file for each day (in UTC): day=2026-11-28/..."
)
@click.option("--to", "url", metavar="URL", help="Write to the Elasticsearch at this URL instead.")
@click.option("--resume", is_flag=True, help="Go on where an earlier run with --resume was interrupted.")
@click.option("--rejects", type=click.Path(path_type=Path), help="Write records that can't be used to this file.")
@click.option("--with-text", is_flag=True, help="Include prompts and system prompts, not only their hashes.")
@click.option(
    "--hash-key",
    metavar="FILE|env",
    help="Make the hashes of prompts and inputs with the key in this file, or in SIGMAGEN_HASH_KEY.",
)
@click.option(
    "--asn-db",
    type=click.Path(path_type=Path),
    help="Look up source.as.number in this MaxMind database where a log doesn't have it.",
)
@MAX_RECORD_SIZE
@MEMORY
@with_settings
def command(
    logs: tuple[str, ...],
    source: str | None,
    output: Path | None,
    kind: str | None,
    partition_by: str | None,
    url: str | None,
    resume: bool,
    rejects: Path | None,
    with_text: bool,
    hash_key: str | None,
    asn_db: Path | None,
    max_record_size: int,
    memory: int | None,
    settings: Settings,
) -> int:
    """Convert native logs to canonical events.

    LOG is a file, a folder or - for standard input. Each event is a flat JSON object on one line, or a row of a Parquet
    file, with hashes instead of prompts. With --to, events are written to the data stream
    logs-sigmagen.canonical-default, without duplicates if the command is repeated; the API key is read from
    SIGMAGEN_ELASTICSEARCH_API_KEY. Records that can't be used are written to a rejects file, and the exit code is 2.
    """
    parquet = kind == "parquet" or (kind is None and bool(partition_by or (output and output.suffix == ".parquet")))
    output_kind = Output(output, url, parquet=parquet, by_day=bool(partition_by), resume=resume)
    if problem := output_kind.fault(with_text=with_text, keyed=hash_key is not None):
        raise click.UsageError(problem)
    converter = settings.converter()
    chosen = converter.source(source) if source else None
    with ExitStack() as stack:
        numbers = AsnDatabase(asn_db) if asn_db else None
        if numbers:
            stack.callback(numbers.close)
        enrichment = Enrichment(numbers, load_hash_key(hash_key) if hash_key else None)
        # Entered before the events are written, so exited last: the file is complete before it takes its name.
        where = rejects or (output.with_name(f"{output.name}.rejects.ndjson") if output else Path(DEFAULT_REJECTS))
        kept = Rejects(where, always=rejects is not None, stack=stack)
        reader = ChunkReader(logs, kept, max_record_size)
        recogniser = Recogniser(converter.sources.values(), chosen, kept)
        _check_overwriting(reader.files, [path for path in (output, where) if path])
        watch = stack.enter_context(Watch(reader))
        run: Run
        if reader.size is None and not parquet:
            if resume:
                raise click.UsageError("--resume needs logs that are files: what has come from a pipe is gone")
            run = Streamed(converter, reader, recogniser, kept, enrichment, watch, with_text=with_text)
            stack.callback(run.close)
        else:
            engine = open_engine(reader, memory, stack)
            tables = CanonicalLogs(converter, engine, with_text, enrichment, kept)
            run = Stored(tables, reader, recogniser, watch)
            run.read()
        if resume:
            options = {
                "source": source,
                "text": with_text,
                "output": output_kind.name,
                "added": enrichment.described(asn_db),
                "mappings": sha256(repr((converter.sources, converter.taxonomy)).encode()).hexdigest(),
                "version": __version__,
            }
            beside = output or Path("sigmagen")
            path = beside.with_name(f"{beside.name}.journal.json")
            run.journal = Journal.open(path, reader.files, options)

        def problems() -> list[Problem]:
            return [*reader.problems, *recogniser.problems, *run.problems]

        if url:
            notes = _to_elasticsearch(url, run, converter, kept)
        else:
            notes = run.write(output_kind, lambda: bool(kept.count or broken(problems())))
    print_problems(problems())
    click.echo("; ".join([*_summary(run), *notes, *_kept(kept)]), err=True)
    read = recogniser.counts.total() + recogniser.left_out
    if watch.read_in and read >= MANY:
        click.echo(_effort(read, run.written.total(), watch), err=True)
    return broken(problems()) or (EXIT_BROKEN_INPUT if kept.count else 0)


def _check_overwriting(logs: Iterable[str], outputs: Iterable[Path]) -> None:
    """Raise UsageError if an output file would overwrite one of the logs."""
    read = {os.path.realpath(log) for log in logs if log != STDIN}
    for output in outputs:
        if os.path.realpath(output) in read:
            raise click.UsageError(f"{output} is one of the logs: choose another file with -o or --rejects")


def _to_elasticsearch(url: str, run: Run, converter: Converter, kept: Rejects) -> list[str]:
    from sigmagen.local.elasticsearch import CanonicalStream

    canonical = next(source for source in converter.sources.values() if source.canonical)
    with CanonicalStream(url, canonical, converter.taxonomy, kept) as stream:
        stream.prepare()
        there = run.send(stream)
    notes = [f"{there:,} written by an earlier run"] if there else []
    notes.append(f"{stream.written:,} written to Elasticsearch")
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


def _effort(records: int, events: int, watch: Watch) -> str:
    """What a long run took."""
    writing = watch.seconds - watch.read_in
    parts = [
        f"{records:,} records read in {watch.read_in:.1f} s, {records / max(watch.read_in, 0.001):,.0f} a second",
        f"{events:,} events written in {writing:.1f} s",
    ]
    if peak := peak_memory():
        parts.append(f"{peak / 1024**2:,.0f} MB of memory")
    return "; ".join(parts)


def _summary(run: Run) -> list[str]:
    def listed(counts: Counter[str]) -> str:
        return ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)

    kinds = listed(run.written)
    parts = [f"{format_count(run.written.total(), 'event')} ({kinds})" if kinds else "no event"]
    if skipped := run.skipped.total():
        parts.append(f"skipped, not an inference call: {format_count(skipped, 'record')} ({listed(run.skipped)})")
    if repeated := run.repeats.dropped.total():
        parts.append(f"repeated: {format_count(repeated, 'record')} ({listed(run.repeats.dropped)})")
    if reused := run.repeats.reused.total():
        ids = listed(run.repeats.reused)
        parts.append(f"kept, although their content differs under the same id: {format_count(reused, 'id')} ({ids})")
    return parts


def _kept(kept: Rejects) -> list[str]:
    return [f"rejected and written to {kept.path}: {format_count(kept.count, 'record')}"] if kept.count else []
