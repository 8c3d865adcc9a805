"""Local detection: rules over native logs, as a hunt on DuckDB, each campaign as one detection with some of its events.

What is reported holds hashes, counts and ids. Prompt text is never read into a result.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import duckdb

from sigmagen.convert.converter import Converter, Query
from sigmagen.convert.render import render
from sigmagen.durations import SECOND, iso
from sigmagen.engines.alert import Alert, instant
from sigmagen.engines.duckdb import DuckDBEngine, moment_sql, of_one_input, reason_of
from sigmagen.local.blind_spots import BlindSpot, load_needs, reused_ids, unreadable, unseen_rules
from sigmagen.local.detection import Detection, Group, NotRun, Rule
from sigmagen.logs.reader import Record
from sigmagen.logs.repeats import Repeats
from sigmagen.mapping.generic import Generic
from sigmagen.mapping.source import Source
from sigmagen.plan.build import build_plan
from sigmagen.plan.result import alerts_below
from sigmagen.problems import Problem, Severity, SigmagenError
from sigmagen.rules.model import BaseRule, Correlation, Threshold, base_rules

BATCH_RECORDS = 20_000
BATCH_CHARACTERS = 32 * 1024 * 1024

_PANES = 40
"""Into how many panes the events of a rule without a window are counted, at most."""

_MATCHED = "matched_events"


@dataclass
class Detector:
    """Takes records in, once and in any order, then runs rules over all of them.

    With a `generic` source, every rule reads all records, its fields named as they are there.
    """

    converter: Converter
    engine: DuckDBEngine
    generic: Generic | None = None
    problems: list[Problem] = field(default_factory=list)
    not_run: list[NotRun] = field(default_factory=list)
    sources: dict[str, Source] = field(default_factory=dict)
    repeats: Repeats = field(default_factory=Repeats)
    """Counts what was delivered twice and is stored once, and the ids that have several contents: a blind spot."""

    _ran: dict[str, tuple[Source, list[Rule]]] = field(default_factory=dict)

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

    def run(self, rules: Sequence[Rule]) -> list[Detection]:
        """The detections of all rules over all sources that are there, in order of time."""
        found: list[Detection] = []
        for rule in rules:
            feeding = self._feeding(rule)
            if not feeding:
                needed = " and ".join(sorted({str(base.logsource) for base in base_rules(rule)}))
                self.not_run.append(NotRun(rule, None, f"no log of {needed} is here"))
            for source in feeding:
                try:
                    found += self._hunt(rule, source)
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

    def blind_spots(self, broken: int = 0) -> list[BlindSpot]:
        """What the rules that were run could not see, and which were not run; `broken` rules could not be loaded."""
        needs = load_needs(self.converter.mappings)
        return [
            *unreadable(self.engine, self.converter.taxonomy, needs, self._ran),
            *reused_ids(self.repeats.reused),
            *unseen_rules(self.not_run, broken),
        ]

    def span(self) -> tuple[int, int] | None:
        """Epoch milliseconds of the first record and just after the last; None where no record has a time."""
        ranges = [covered for source in self.sources.values() if (covered := self.engine.range(source)) is not None]
        return (min(start for start, _ in ranges), max(end for _, end in ranges)) if ranges else None

    def _feeding(self, rule: Rule) -> list[Source]:
        if self.generic:
            return [self.generic.records(rule)] if self.sources else []
        feeding = self.converter.feeding(rule)
        return [source for source in feeding if all(part.name in self.sources for part in source.parts)]

    def _failed(self, rule: Rule, source: Source, reason: str) -> None:
        """Note a rule whose query failed, which says nothing about the others."""
        self.not_run.append(NotRun(rule, source.name, reason))
        hint = "the other rules were run"
        self.problems.append(Problem("rule-failed", f"{rule.name} can't be run on {source.name}: {reason}", hint=hint))

    def _hunt(self, rule: Rule, source: Source) -> list[Detection]:
        if isinstance(rule, BaseRule):
            return self._single_events(rule, source)
        ranges = [covered for part in source.parts if (covered := self.engine.range(part)) is not None]
        if not ranges:
            return []
        covered = min(start for start, _ in ranges), max(end for _, end in ranges)
        query = self.converter.convert(rule, source, self.engine.siem)
        campaigns = merged(self.engine.run(query, *covered), least=alerts_below(rule))
        if not campaigns:
            return []
        self._match(rule, source)
        if rule.kind.temporal:
            self._match_parts(rule, source)
        return [self._detection(query, alert) for alert in campaigns]

    def _single_events(self, rule: BaseRule, source: Source) -> list[Detection]:
        """A rule without a correlation: all its events as one detection, those without a time among them."""
        self.engine.select(source)
        self._match(rule, source)
        row = self.engine.connection.execute(
            f"SELECT count(*), epoch_ms(min(timestamp)), epoch_ms(max(timestamp)) + 1 FROM {_MATCHED}"
        ).fetchone()
        if row is None or not row[0]:
            return []
        count, start, end = row
        if start is None:
            return [Detection(rule, source.name, None, None, (), count, self._sample(None, None, ()), (), SECOND)]
        tick = SECOND * max(1, -(-(end - start) // (_PANES * SECOND)))
        events, panes = self._sample(start, end, ()), self._panes(start, end, (), tick)
        return [Detection(rule, source.name, start, end, (), count, events, panes, tick)]

    def _match(self, rule: Rule, source: Source) -> None:
        """Put the events that the rule looks at into a table, for the samples of all its detections."""
        plan = build_plan(rule, source, self.engine.siem, self.converter.taxonomy, "events")
        text = render(plan, self.engine.siem).text
        self.engine.connection.execute(f"CREATE OR REPLACE TEMP TABLE {_MATCHED} AS {text}")

    def _match_parts(self, rule: Correlation, source: Source) -> None:
        """For each rule that a temporal one refers to, a table of its events under the group's names."""
        for position, part in enumerate(rule.rules):
            aliases = rule.aliases[position : position + 1]
            alone = replace(
                rule, type="event_count", rules=(part,), threshold=Threshold("gte", 1), expression=None, aliases=aliases
            )
            plan = build_plan(alone, source, self.engine.siem, self.converter.taxonomy, "events")
            text = render(plan, self.engine.siem).text
            self.engine.connection.execute(f"CREATE OR REPLACE TEMP TABLE {_MATCHED}_{position} AS {text}")

    def _counts(self, rule: Rule, start: int, end: int, group: Group) -> tuple[tuple[str, int], ...]:
        """How many events of each referenced rule a temporal campaign has."""
        if isinstance(rule, BaseRule) or not rule.kind.temporal:
            return ()
        where, values = _in_window(start, end, group)
        found = []
        for position, part in enumerate(rule.rules):
            count = f"SELECT count(*) FROM {_MATCHED}_{position} WHERE {where}"
            row = self.engine.connection.execute(count, values).fetchone()
            found.append((part.name, row[0] if row else 0))
        return tuple(found)

    def _detection(self, query: Query, alert: Alert) -> Detection:
        tick = query.windows[-1].tick
        start, end, group = alert.window_start, alert.window_end, alert.group
        events, panes = self._sample(start, end, group), self._panes(start, end, group, tick)
        counts = self._counts(query.rule, start, end, group)
        return Detection(query.rule, query.source.name, start, end, group, alert.value, events, panes, tick, counts)

    def _sample(self, start: int | None, end: int | None, group: Group) -> tuple[dict[str, Any], ...]:
        where, values = _in_window(start, end, group)
        result = self.engine.connection.execute(
            f"SELECT * FROM {_MATCHED} WHERE {where} QUALIFY row_number() OVER (ORDER BY timestamp) "
            "IN (1, (count(*) OVER () + 1) // 2, count(*) OVER ()) ORDER BY timestamp",
            values,
        )
        names = ["@timestamp", *(column[0] for column in (result.description or ())[1:])]
        return tuple(
            {
                name: iso(instant(value)) if name == "@timestamp" else value
                for name, value in zip(names, row, strict=True)
                if value is not None
            }
            for row in result.fetchall()
        )

    def _panes(self, start: int, end: int, group: Group, tick: int) -> tuple[int, ...]:
        where, values = _in_window(start, end, group)
        counts = dict(
            self.engine.connection.execute(
                f"SELECT (epoch_ms(timestamp) - {start}) // {tick}, count(*) FROM {_MATCHED} WHERE {where} GROUP BY 1",
                values,
            ).fetchall()
        )
        return tuple(counts.get(number, 0) for number in range(-(-(end - start) // tick)))


def _in_window(start: int | None, end: int | None, group: Group) -> tuple[str, list[Any]]:
    """The SQL condition of a group's events in [start, end), and its parameters. Field names come from a rule."""
    parts = ["true"]
    if start is not None and end is not None:
        parts = [f"timestamp >= {moment_sql(start)} AND timestamp < {moment_sql(end)}"]
    for name, _ in group:
        column = '"' + name.replace('"', '""') + '"'
        # A boolean of an alert's group is Python's text of it.
        parts.append(f"CAST({column} AS VARCHAR) = CASE typeof({column}) WHEN 'BOOLEAN' THEN lower(?) ELSE ? END")
    return " AND ".join(parts), [value for _, value in group for _ in range(2)]


def merged(alerts: Iterable[Alert], *, least: bool = False) -> list[Alert]:
    """One alert a campaign: those of a group whose windows overlap, from first start to last end, highest value.

    Windows that overlap share events, so with a pane between them that has no alert they are still one campaign: two
    alerts would show an analyst the same events twice.

    `least` takes the lowest value instead, which is the worst where a rule alerts below its threshold.
    """
    worst = min if least else max
    campaigns: list[Alert] = []
    for alert in sorted(alerts, key=lambda item: (item.group, item.window_end)):
        last = campaigns[-1] if campaigns else None
        if last is not None and last.group == alert.group and alert.window_start < last.window_end:
            value = worst(last.value, alert.value)
            campaigns[-1] = Alert(alert.window_end, last.window_start, last.group, value)
        else:
            campaigns.append(alert)
    return campaigns


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
