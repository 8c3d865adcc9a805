"""Log files as relations of canonical events: the engine reads the records and derives the fields of each once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from sigmagen.convert.converter import Converter
from sigmagen.convert.render import render
from sigmagen.engines.duckdb import DuckDBEngine, flattened
from sigmagen.local.canonical import TIME, build_canonical_plan, columns_of, ordered_fields
from sigmagen.local.detect import no_time, refused
from sigmagen.local.enrichment import Enrichment
from sigmagen.local.ingest import Ingest
from sigmagen.local.tables import FILE, LINE, PART, SourceTable
from sigmagen.logs.chunks import ChunkReader
from sigmagen.logs.reader import Record, Reject
from sigmagen.logs.recognise import Recogniser
from sigmagen.logs.repeats import Repeats
from sigmagen.mapping.source import Source
from sigmagen.mapping.taxonomy import Field
from sigmagen.plan.columns import Columns, read_columns
from sigmagen.plan.model import Plan
from sigmagen.problems import Problem
from sigmagen.targets.registry import REFERENCE

PLACE = (FILE, LINE, PART)
ORDER = f"ORDER BY {', '.join(PLACE)}"
"""The order of a relation's events: that of the log files."""


@dataclass(frozen=True)
class EventRelation:
    """The events of one source. `sql` gives their place in the logs, their time and their fields."""

    source: str
    fields: tuple[Field, ...]
    sql: str


class _Table(SourceTable):
    """Keeps the text of each record without a time that can be read once only, so that it can be told of.

    The lines of a file can be read again, so they are not kept.
    """

    def __init__(self, engine: DuckDBEngine, source: Source, columns: Columns) -> None:
        super().__init__(engine, source, columns)
        self._untimed = f'derived."{source.name} untimed"'
        engine.cursor().execute(
            f"CREATE OR REPLACE TABLE {self._untimed} ({FILE} INTEGER, {LINE} BIGINT, {PART} INTEGER, text VARCHAR)"
        )

    def add_records(self, records: Iterable[tuple[int, int, Record]]) -> None:
        """Add records that were read here."""
        batch = list(records)
        super().add_records(batch)
        texts = [record.text for _, _, record in batch]
        wanted = [flattened(text) for text in texts] if self.source.canonical else texts
        rows = [
            (batch[n][0], batch[n][2].line, batch[n][1], texts[n]) for n in self._engine.untimed(self.source, wanted)
        ]
        if rows:
            self._engine.connection.execute(
                f"INSERT INTO {self._untimed} SELECT unnest($1::INTEGER[]), unnest($2::BIGINT[]), "
                "unnest($3::INTEGER[]), unnest($4::VARCHAR[])",
                [list(column) for column in zip(*rows, strict=True)],
            )

    def untimed_records(self, reader: ChunkReader) -> Iterator[tuple[str, int, str]]:
        """File, line and text of the records without a time."""
        places = f'SELECT {", ".join(PLACE)} FROM derived."{self.source.name}" WHERE timestamp IS NULL'
        files: dict[int, set[int]] = {}
        again = f"SELECT {FILE}, {LINE} FROM ({places}) ANTI JOIN {self._untimed} USING ({', '.join(PLACE)})"
        for file, line in self._engine.connection.execute(again).fetchall():
            files.setdefault(file, set()).add(line)
        for file, lines in sorted(files.items()):
            for number, line in reader.lines(file):
                if number in lines:
                    for record in reader.of_line(reader.name(file), number, line):
                        yield record.file, record.line, record.text
        kept = f"{self._untimed} SEMI JOIN ({places}) AS places USING ({', '.join(PLACE)})"
        rows = self._engine.cursor().execute(f"SELECT {FILE}, {LINE}, text FROM {kept} {ORDER}")
        while batch := rows.fetchmany(1000):
            for file, line, text in batch:
                yield reader.name(file), line, text


@dataclass
class CanonicalLogs:
    """Reads logs into relations of events.

    `skipped` counts, for each source, records that are no call (a CloudTrail record of another event). Records without
    a time and records that can't be read are `problems`, and `on_reject` is told of each.
    """

    converter: Converter
    engine: DuckDBEngine
    with_text: bool = False
    enrichment: Enrichment = field(default_factory=Enrichment)
    on_reject: Callable[[Reject], None] = lambda reject: None
    written: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    repeats: Repeats = field(default_factory=Repeats)
    problems: list[Problem] = field(default_factory=list)
    relations: list[EventRelation] = field(default_factory=list)
    _plans: dict[str, tuple[Plan, tuple[str, ...]]] = field(default_factory=dict)

    def read(self, reader: ChunkReader, recogniser: Recogniser, step: Callable[[int], None]) -> None:
        """Read all logs. `step` is told from time to time how many records have been read."""

        def make_table(source: Source) -> _Table:
            columns = Columns()
            plan = build_canonical_plan(source, self.converter.taxonomy, PLACE, with_text=self.with_text)
            self._plans[source.name] = read_columns(plan, {source.name: columns}), columns_of(plan)
            return _Table(self.engine, source, columns)

        ingest = Ingest(self.engine, reader, recogniser, make_table, self._refuse)
        ingest.run(lambda: step(ingest.taken))
        tables = [table for table in ingest.tables.values() if isinstance(table, _Table)]
        relations: dict[str, tuple[str, tuple[str, ...]]] = {}
        for table in sorted(tables, key=self._first_place):
            table.drop_repeats(ingest.read_again, self.repeats)
            name = table.source.name
            for file, line, text in table.untimed_records(reader):
                self.on_reject(Reject(file, line, f"a {name} record without a time that can be read", text))
            self.problems += [
                no_time(reader.name(file), name, count, line) for file, count, line in table.untimed(keep=False)
            ]
            relations[name] = self._relation(name)
            self._count(name, relations[name][0])
        self.enrichment.prepare(self.engine.connection, list(relations.values()))
        self.relations = [self._enriched(name, *relation) for name, relation in relations.items()]

    def _refuse(self, source: Source, record: Record, reason: str) -> None:
        problem = refused(record, source.name, reason)
        self.problems.append(problem)
        self.on_reject(Reject(record.file, record.line, problem.message, record.text))

    def _first_place(self, table: SourceTable) -> tuple[int, ...]:
        row = self.engine.connection.execute(
            f'SELECT {", ".join(PLACE)} FROM derived."{table.source.name}" {ORDER} LIMIT 1'
        ).fetchone()
        return row or ()

    def _relation(self, name: str) -> tuple[str, tuple[str, ...]]:
        """SQL of a source's events as they are, and the names of their fields."""
        plan, columns = self._plans[name]
        self.engine.connection.execute(f'CREATE OR REPLACE VIEW "{name}" AS SELECT * FROM derived."{name}"')
        fields = columns[len(PLACE) + 1 :]
        named = ", ".join([*PLACE, *(f'"{column}"' for column in (TIME, *fields))])
        return f"SELECT * FROM ({render(plan, REFERENCE).text}) AS events({named})", fields

    def _count(self, name: str, sql: str) -> None:
        rows = [f'SELECT count(*) FROM derived."{name}"', f"SELECT count(*) FROM ({sql})"]
        held, events = (self.engine.connection.execute(row).fetchall()[0][0] for row in rows)
        self.written[name] += events
        self.skipped[name] += held - events

    def _enriched(self, name: str, sql: str, names: tuple[str, ...]) -> EventRelation:
        present = {*names, *self.enrichment.added(names)}
        fields = tuple(
            item for item in ordered_fields(self.converter.taxonomy, with_text=self.with_text) if item.name in present
        )
        values = [f'{self.enrichment.value(item, names)} AS "{item.name}"' for item in fields]
        listed = ", ".join([*PLACE, f'"{TIME}"', *values])
        return EventRelation(name, fields, f"SELECT {listed} FROM ({sql}){self.enrichment.join(names)}")
