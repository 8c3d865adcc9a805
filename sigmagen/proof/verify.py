"""Every generated query, executed as it was converted, and its alerts compared with the reference's."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, Literal

from sigmagen.convert.converter import Converter, Query
from sigmagen.durations import iso
from sigmagen.engines.alert import Alert, Engine, Relocating, Versioned
from sigmagen.engines.duckdb import DuckDBEngine
from sigmagen.engines.errors import NotRunError, QueryRefusedError
from sigmagen.plan.window import lateness
from sigmagen.problems import SigmagenError
from sigmagen.proof.cases import rule_under_test
from sigmagen.proof.extent import WHOLE, Extent
from sigmagen.proof.fingerprint import fingerprint
from sigmagen.proof.ledger import Ledger
from sigmagen.proof.simulate.scenes import Scene, lay_out, records, span
from sigmagen.rules.model import RuleFile
from sigmagen.rules.testfile import TestFile
from sigmagen.sources import MissingCodeError

Status = Literal["equal", "different", "vacuous", "not_run"]
Mode = Literal["hunt", "alert"]

MODES: tuple[Mode, ...] = ("hunt", "alert")
SHOWN = 5
"""How many differing rows a cell reports."""

SILENT = 2
"""How many cases without an alert the alert runs are played over."""

# What an alert run's rows say about a group, united: highest value, first window start, last window end.
United = dict[tuple[tuple[str, str], ...], tuple[float, int, int]]


@dataclass(frozen=True, slots=True)
class Cell:
    """One rule x source x target, in one mode."""

    rule: str
    source: str
    target: str
    engine: str
    mode: Mode
    status: Status
    fidelity: Literal["real", "emulated"] | None = None
    reason: str | None = None
    rows: int = 0
    differences: tuple[str, ...] = ()
    remembered: str | None = None
    """The day since which the cell is known to be equal, where it was not executed now: ISO 8601."""

    def as_dict(self) -> dict[str, Any]:
        """The documented JSON shape."""
        return asdict(self)


def verify(
    converter: Converter,
    files: Sequence[RuleFile],
    engines: Mapping[str, Engine | str],
    sources: Sequence[str] | None = None,
    *,
    extent: Extent = WHOLE,
    ledger: Ledger | None = None,
) -> Iterator[Cell]:
    """Cells for every rule, source that carries its fields, and target.

    `engines` maps a target to the engine that runs its queries, or to the reason why none does. `extent` says which
    cases are played. A cell that the `ledger` remembers as equal is not executed, and says so; one that is executed
    and equal is noted there.

    Raises SigmagenError for a missing or broken test file.
    """
    with DuckDBEngine() as reference:
        for file in files:
            rule, test = rule_under_test(file)
            for source in converter.feeding(rule):
                if sources is not None and source.name not in sources:
                    continue
                try:
                    query = converter.convert(rule, source, DuckDBEngine.siem)
                except SigmagenError:
                    continue  # the native log itself lacks a field, so no target can have it
                scenery = _Scenery(reference, query, test, extent)
                for target, engine in engines.items():
                    yield from _cells(converter, scenery, target, engine, ledger)


@dataclass
class _Scenery:
    """What a rule's test file is on one source: made when the first of its cells is executed."""

    reference: DuckDBEngine
    query: Query
    test: TestFile
    extent: Extent

    @cached_property
    def scenes(self) -> list[Scene]:
        """The cases, one after the other in time."""
        test = self.extent.test(self.test, self.query.source.name)
        return lay_out(test, self.query.source.name, reach=self.query.reach, prefixes=not self.extent.quick)

    @cached_property
    def native(self) -> dict[str, list[dict[str, Any]]]:
        """The records of each part of the source."""
        return {part.name: records(self.scenes, part.name) for part in self.query.source.parts}

    @cached_property
    def expected(self) -> list[Alert]:
        """What the reference finds."""
        for part in self.query.source.parts:
            self.reference.load(part, self.native[part.name])
        return self.reference.run(self.query, *span(self.scenes))


def _cells(
    converter: Converter, scenery: _Scenery, target: str, engine: Engine | str, ledger: Ledger | None
) -> Iterator[Cell]:
    rule, source = scenery.query.rule, scenery.query.source
    cell = Cell(rule.name, source.name, target, "none", "hunt", "not_run")
    modes = MODES if scenery.extent.has_alert_runs((rule.name, source.name, target)) else MODES[:1]
    place = engine.placed(source) if isinstance(engine, Relocating) else source
    try:
        queries = {mode: converter.convert(rule, place, target, mode) for mode in modes}
    except SigmagenError as error:
        reason = error.problems[0].message.removeprefix(f"{rule.title}: ")
        yield from (replace(cell, mode=mode, reason=reason) for mode in modes)
        return
    if isinstance(engine, str):
        yield from (replace(cell, mode=mode, reason=engine) for mode in modes)
        return
    cell = replace(cell, engine=engine.name, fidelity=engine.fidelity)
    version = engine.version() if ledger is not None and isinstance(engine, Versioned) else None
    loaded = False
    for mode, query in queries.items():
        key = None
        if ledger is not None and version is not None:
            shipped = query if place is source else converter.convert(rule, source, target, mode)
            key = _key(converter, scenery, shipped, version)
            if known := ledger.recall(key):
                yield replace(cell, mode=mode, status="equal", rows=known.rows, remembered=known.since)
                continue
        try:
            if not loaded:
                for part in place.parts:
                    engine.load(part, scenery.native[part.name])
                loaded = True
            executed = _executed(replace(cell, mode=mode), engine, query, scenery)
        except MissingCodeError as error:
            yield replace(cell, mode=mode, engine="none", fidelity=None, reason=error.reason)
            continue
        if ledger is not None and key is not None:
            _note(ledger, key, executed)
        yield executed


def _key(converter: Converter, scenery: _Scenery, query: Query, engine: str) -> str:
    """The hash of a cell. `query` is the text as it is shipped, wherever it runs here."""
    test = scenery.test.path.read_bytes()
    return fingerprint(converter, query, scenery.query, test, engine, scenery.extent.cases)


def _note(ledger: Ledger, key: str, cell: Cell) -> None:
    """Remember a cell that was executed, if it is equal; forget it otherwise."""
    name = f"{cell.rule} on {cell.source}, {cell.target} {cell.mode}"
    if cell.status == "equal":
        ledger.add(key, cell.rows, name)
    else:
        ledger.revoke(key, name)


def _executed(cell: Cell, engine: Engine, query: Query, scenery: _Scenery) -> Cell:
    """The cell with what running the query gave: rows and differences, or why there are none."""
    expected, scenes = scenery.expected, scenery.scenes
    silent = _vacuous(scenes, expected)
    try:
        if cell.mode == "hunt":
            rows, differences = _hunt(engine, query, scenes, expected)
        else:
            whole = _for_alert_runs(scenes, expected)
            due = united([row for row in expected if _seen(whole, row)], estimated=query.estimated)
            rows, differences = len(due), _different_united(due, _alert_runs(engine, query, whole))
    except NotRunError as error:
        return replace(cell, engine="none", fidelity=None, reason=error.reason)
    except QueryRefusedError as error:
        return replace(cell, status="different", reason=error.reason)
    status: Status = "vacuous" if silent else "different" if differences else "equal"
    return replace(cell, status=status, reason=silent, rows=rows, differences=tuple(differences[:SHOWN]))


def _hunt(engine: Engine, query: Query, scenes: Sequence[Scene], expected: Sequence[Alert]) -> tuple[int, list[str]]:
    found = engine.run(query, *span(scenes))
    return len(found), _different(expected, found, estimated=query.estimated)


def _for_alert_runs(scenes: Sequence[Scene], expected: Sequence[Alert]) -> list[Scene]:
    """Whole cases: all that alert, and some silent ones.

    The hunt has judged every scene; first calls of a case, and more silence, add nothing that a schedule can get wrong.
    """
    whole = [scene for scene in scenes if scene.prefix is None]
    silent = [scene for scene in whole if not any(scene.sees(alert.window_end) for alert in expected)]
    left_out = silent[SILENT:]
    return [scene for scene in whole if scene not in left_out]


def _vacuous(scenes: Sequence[Scene], expected: Sequence[Alert]) -> str | None:
    """Why the fixtures prove nothing: no scene that alerts, or none that stays silent."""
    alerting = [any(scene.sees(alert.window_end) for alert in expected) for scene in scenes]
    if not any(alerting):
        return "no group alerts"
    return "no group stays silent" if all(alerting) else None


def _different(expected: Sequence[Alert], found: Sequence[Alert], *, estimated: bool) -> list[str]:
    """How the rows of a hunt differ. An estimated value is each engine's own, and is left out."""
    wanted, got = ({replace(row, value=0) if estimated else row for row in rows} for rows in (expected, found))
    lines = [f"missing: {_line(alert)}" for alert in sorted(wanted - got)]
    return lines + [f"unexpected: {_line(alert)}" for alert in sorted(got - wanted)]


def _line(alert: Alert) -> str:
    group = ", ".join(f"{field}={value}" for field, value in alert.group)
    return f"{group} in {iso(alert.window_start)} to {iso(alert.window_end)}: {alert.value}"


def united(alerts: Sequence[Alert], *, estimated: bool = False) -> United:
    """Rows of one group as one."""
    groups: United = {}
    for alert in alerts:
        value, start, end = groups.get(alert.group, (alert.value, alert.window_start, alert.window_end))
        groups[alert.group] = (
            0 if estimated else max(value, alert.value),
            min(start, alert.window_start),
            max(end, alert.window_end),
        )
    return groups


def _different_united(expected: United, found: United) -> list[str]:
    lines = []
    for group in sorted(expected.keys() | found.keys()):
        if expected.get(group) != found.get(group):
            name = ", ".join(f"{field}={value}" for field, value in group)
            lines.append(f"{name}: hunt {expected.get(group)}, alert runs {found.get(group)}")
    return lines


def _alert_runs(engine: Engine, query: Query, scenes: Sequence[Scene]) -> United:
    """The alert query at its own schedule, over its look-back: runs come late, and every third one is missed."""
    if query.schedule is None:
        return {}
    schedule = query.schedule
    drift = random.Random(query.rule.name)
    found: list[Alert] = []
    for number, due in enumerate(range(span(scenes)[0], scenes[-1].end + 2 * schedule.interval, schedule.interval)):
        now = due + drift.randrange(lateness(schedule.interval) + 1)
        if number % 3 == 2:
            continue
        # A run that looks at no scene, or at part of one that is not played here, has nothing to add.
        if any(scene.start < now and now - schedule.lookback < scene.end for scene in scenes):
            found += [row for row in engine.run(query, now - schedule.lookback, now) if _seen(scenes, row)]
    return united(found, estimated=query.estimated)


def _seen(scenes: Sequence[Scene], row: Alert) -> bool:
    """Whether a row's windows lie in one of the scenes."""
    return any(scene.sees(row.window_end) for scene in scenes)
