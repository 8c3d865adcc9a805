"""Local detection: rules over native logs, as a hunt on DuckDB, each campaign as one detection with some of its events.

What is reported holds hashes, counts and ids. Prompt text is never read into a result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import duckdb

from sigmagen.convert.converter import Converter
from sigmagen.durations import SECOND
from sigmagen.engines.duckdb import DuckDBEngine, of_one_input, reason_of
from sigmagen.local.blind_spots import BlindSpot, reused_ids, unreadable, unseen_rules, views
from sigmagen.local.campaigns import AllEvents, CampaignEvents, merged
from sigmagen.local.detection import Detection, NotRun, Rule
from sigmagen.local.hunts import Hunt, Hunts
from sigmagen.local.ingest import Ingest
from sigmagen.local.tables import SourceTable
from sigmagen.logs.chunks import ChunkReader
from sigmagen.logs.reader import Record
from sigmagen.logs.recognise import Recogniser
from sigmagen.logs.repeats import Repeats
from sigmagen.mapping.generic import Generic
from sigmagen.mapping.source import Source
from sigmagen.plan.result import alerts_on_low_values
from sigmagen.problems import Problem, Severity, SigmagenError
from sigmagen.rules.model import Correlation, base_rules

BATCH_RECORDS = 20_000
BATCH_CHARACTERS = 32 * 1024 * 1024

_PANES = 40
"""Into how many panes the events of a rule without a window are counted, at most."""


@dataclass
class Detector:
    """Takes records in, once and in any order, then runs rules over all of them.

    With a `generic` source, every rule reads all records, its fields named as they are there.
    """

    converter: Converter
    engine: DuckDBEngine
    generic: Generic | None = None
    shown: tuple[str, ...] = ()
    """Fields that are kept of all events, for `events`."""
    problems: list[Problem] = field(default_factory=list)
    not_run: list[NotRun] = field(default_factory=list)
    sources: dict[str, Source] = field(default_factory=dict)
    repeats: Repeats = field(default_factory=Repeats)
    """Counts what was delivered twice and is stored once, and the ids that have several contents: a blind spot."""

    _ran: dict[str, tuple[Source, list[Rule]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._hunts = Hunts(self.converter, self.generic, shown=self.shown)

    def load(self, records: Iterable[tuple[Source, Record]]) -> None:
        """Store records, batch by batch, each once. Those without a time that can be read are problems, one a file."""
        waiting: dict[str, list[Record]] = {}
        size: dict[str, int] = {}
        untimed: dict[tuple[str, str], list[int]] = {}  # file and source -> count, first line
        for source, record in self.repeats.sift(records):
            self.sources.setdefault(source.name, source)
            batch = waiting.setdefault(source.name, [])
            batch.append(record)
            size[source.name] = size.get(source.name, 0) + len(record.text)
            if len(batch) >= BATCH_RECORDS or size[source.name] >= BATCH_CHARACTERS:
                self._store(source, batch, untimed)
                waiting[source.name], size[source.name] = [], 0
        for name, batch in waiting.items():
            if batch:
                self._store(self.sources[name], batch, untimed)
        self.problems += [
            no_time(file, source, *tally, kept=self.generic is not None) for (file, source), tally in untimed.items()
        ]

    def _store(self, source: Source, batch: list[Record], untimed: dict[tuple[str, str], list[int]]) -> None:
        texts = [record.text for record in batch]
        try:
            if self.engine.append(source, texts) == len(texts):
                return
        except duckdb.Error as error:
            if not of_one_input(error):
                raise
            if len(batch) > 1:
                middle = len(batch) // 2
                self._store(source, batch[:middle], untimed)
                self._store(source, batch[middle:], untimed)
            else:
                self.problems.append(refused(batch[0], source.name, reason_of(error)))
            return
        positions = self.engine.untimed(source, texts)
        if self.generic:  # a rule on single events needs no time
            self.engine.append_untimed(source, [texts[position] for position in positions])
        for position in positions:
            record = batch[position]
            untimed.setdefault((record.file, source.name), [0, record.line])[0] += 1

    def read(
        self,
        reader: ChunkReader,
        recogniser: Recogniser,
        rules: Sequence[Rule],
        step: Callable[[int], None] = lambda records: None,
    ) -> None:
        """Read logs for these rules: of each record only what they ask for is kept.

        `step` is told from time to time how many records have been read.
        """

        def make_table(source: Source) -> SourceTable:
            self._hunts.prepare(rules, source)
            return SourceTable(self.engine, source, self._hunts.columns[source.name])

        def refuse(source: Source, record: Record, reason: str) -> None:
            self.problems.append(refused(record, source.name, reason))

        ingest = Ingest(self.engine, reader, recogniser, make_table, refuse)
        ingest.run(lambda: step(ingest.taken))
        for table in ingest.tables.values():
            self.sources[table.source.name] = table.source
            table.drop_repeats(ingest.read_again, self.repeats)
            self.problems += [
                no_time(reader.name(file), table.source.name, count, line, kept=self.generic is not None)
                for file, count, line in table.untimed(keep=self.generic is not None)
            ]

    def run(
        self, rules: Sequence[Rule], step: Callable[[int, int], None] = lambda done, total: None
    ) -> list[Detection]:
        """The detections of all rules over all sources that are there, in order of time.

        `step` is told how many rules have been run, of how many.
        """
        found: list[Detection] = []
        for number, rule in enumerate(rules):
            step(number, len(rules))
            feeding = self.feeding(rule)
            if not feeding:
                needed = " and ".join(sorted({str(base.logsource) for base in base_rules(rule)}))
                self.not_run.append(NotRun(rule, None, f"no log of {needed} is here"))
            for source in feeding:
                try:
                    hunt = self._hunts.of(rule, source)
                    self._derive(rules, source)
                    found += self._run(hunt)
                    for part in source.parts:
                        self._ran.setdefault(part.name, (part, []))[1].append(rule)
                except SigmagenError as error:
                    reason = error.problems[0].message.removeprefix(f"{rule.title}: ")
                    self.not_run.append(NotRun(rule, source.name, reason))
                except duckdb.Error as error:
                    if not of_one_input(error):
                        raise
                    self._failed(rule, source, reason_of(error))
                except (ValueError, OverflowError) as error:
                    self._failed(rule, source, str(error))
        return sorted(found, key=lambda item: (item.window_start or 0, item.rule.name, item.source, item.group))

    def _derive(self, rules: Sequence[Rule], source: Source) -> None:
        """Compute the columns that the rules read, once for all of them."""
        for part in source.parts:
            columns = self._hunts.columns[part.name]
            if not self.engine.derives(part, columns):
                self._hunts.prepare(rules, part)
                self.engine.derive(part, columns)

    def blind_spots(self, broken: int = 0) -> list[BlindSpot]:
        """What the rules that were run could not see, and which were not run; `broken` rules could not be loaded."""
        seen = [
            view
            for source, rules in self._ran.values()
            for view in views(source, rules, self._hunts.needs, self.converter.taxonomy)
        ]
        return [
            *unreadable(self.engine, seen, self._hunts.text),
            *reused_ids(self.repeats.reused),
            *unseen_rules(self.not_run, broken),
        ]

    def hunt(self, rule: Rule, source: Source) -> Hunt:
        """A rule over a source that was read for it. Raises SigmagenError if it can't be converted."""
        return self._hunts.of(rule, source)

    def events(self, source: Source) -> str | None:
        """SQL of all events of a source that the rules could look at, with the fields of `shown`.

        Private fields are left out. None if no rule can look at the source.
        """
        return self._hunts.everything(source)

    def column(self, rule: Rule, source: Source, field: str) -> str:
        """The column of the source's table that a field of a rule's events is read from."""
        return self._hunts.column(rule, source, field)

    def ran(self) -> list[Rule]:
        """The rules that were run over a source at least."""
        return list({rule.name: rule for _, rules in self._ran.values() for rule in rules}.values())

    def span(self) -> tuple[int, int] | None:
        """Epoch milliseconds of the first record and just after the last; None where no record has a time."""
        ranges = [covered for source in self.sources.values() if (covered := self.engine.range(source)) is not None]
        return (min(start for start, _ in ranges), max(end for _, end in ranges)) if ranges else None

    def feeding(self, rule: Rule) -> list[Source]:
        """The sources here that feed a rule."""
        if self.generic:
            return self._hunts.feeding(rule) if self.sources else []
        return [
            source for source in self._hunts.feeding(rule) if all(part.name in self.sources for part in source.parts)
        ]

    def _failed(self, rule: Rule, source: Source, reason: str) -> None:
        """Note a rule whose query failed, which says nothing about the others."""
        self.not_run.append(NotRun(rule, source.name, reason))
        hint = "the other rules were run"
        self.problems.append(Problem("rule-failed", f"{rule.name} can't be run on {source.name}: {reason}", hint=hint))

    def _run(self, hunt: Hunt) -> list[Detection]:
        if hunt.query is None or not isinstance(hunt.rule, Correlation):
            return self._single_events(hunt)
        ranges = [covered for part in hunt.source.parts if (covered := self.engine.range(part)) is not None]
        if not ranges:
            return []
        covered = min(start for start, _ in ranges), max(end for _, end in ranges)
        campaigns = merged(self.engine.run(hunt.query, *covered), least=alerts_on_low_values(hunt.rule))
        if not campaigns:
            return []
        events = CampaignEvents(self.engine.connection, campaigns, hunt.events)
        tick = hunt.query.windows[-1].tick
        samples, panes = events.samples(), events.panes(tick)
        counts = [events.counts(part) for part in hunt.parts]
        return [
            Detection(
                hunt.rule,
                hunt.source.name,
                alert.window_start,
                alert.window_end,
                alert.group,
                alert.value,
                samples[number],
                panes[number],
                tick,
                tuple((part.name, found[number]) for part, found in zip(hunt.rule.rules, counts, strict=False)),
            )
            for number, alert in enumerate(campaigns)
        ]

    def _single_events(self, hunt: Hunt) -> list[Detection]:
        """A rule without a correlation: all its events as one detection, those without a time among them."""
        self.engine.select(hunt.source)
        events = AllEvents(self.engine.connection, hunt.events)
        if not events.count:
            return []
        tick = SECOND * max(1, -(-events.length // (_PANES * SECOND)))
        return [
            Detection(
                hunt.rule,
                hunt.source.name,
                events.start,
                events.end,
                (),
                events.count,
                events.sample(),
                events.panes(tick),
                tick,
            )
        ]


def refused(record: Record, source: str, reason: str) -> Problem:
    """The problem of a record that the engine can't take."""
    message = f"a {source} record can't be read: {reason}"
    return Problem("log-record-refused", message, "error", record.file, record.line, hint="left out")


def no_time(file: str, source: str, count: int, line: int, *, kept: bool = False) -> Problem:
    """The problem of records whose time can't be read; a warning where they are kept for rules on single events."""
    many = f"{count:,} {source} records have" if count > 1 else f"a {source} record has"
    where = f", the first at line {line}" if count > 1 else ""
    hint = "without a time a record is in no window: "
    hint += "only rules on single events see it" if kept else "left out"
    severity: Severity = "warning" if kept else "error"
    return Problem("log-no-time", f"{many} no time that can be read{where}", severity, file, line, hint=hint)
