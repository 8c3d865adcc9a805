"""Every generated query, executed as it was converted, and its alerts compared with the reference's."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from sigmagen.convert.converter import Converter, Query
from sigmagen.durations import iso
from sigmagen.engines.alert import Alert, Engine, Relocating
from sigmagen.engines.duckdb import DuckDBEngine
from sigmagen.engines.errors import NotRunError, QueryRefusedError
from sigmagen.mapping.source import Source
from sigmagen.plan.window import lateness
from sigmagen.problems import SigmagenError
from sigmagen.proof.cases import rule_under_test
from sigmagen.proof.simulate.scenes import Scene, lay_out, records, span
from sigmagen.rules.model import Correlation, RuleFile

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

    def as_dict(self) -> dict[str, Any]:
        """The documented JSON shape."""
        return asdict(self)


def verify(
    converter: Converter,
    files: Sequence[RuleFile],
    engines: Mapping[str, Engine | str],
    sources: Sequence[str] | None = None,
) -> Iterator[Cell]:
    """Cells for every rule, source that carries its fields, and target.

    `engines` maps a target to the engine that runs its queries, or to the reason why none does.
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
                scenes = lay_out(test, source.name, reach=query.reach)
                native = {part.name: records(scenes, part.name) for part in source.parts}
                for part in source.parts:
                    reference.load(part, native[part.name])
                expected = reference.run(query, *span(scenes))
                for target, engine in engines.items():
                    yield from _cells(converter, rule, source, target, engine, scenes, native, expected)


def _cells(
    converter: Converter,
    rule: Correlation,
    source: Source,
    target: str,
    engine: Engine | str,
    scenes: Sequence[Scene],
    native: Mapping[str, Sequence[Mapping[str, Any]]],
    expected: Sequence[Alert],
) -> Iterator[Cell]:
    cell = Cell(rule.name, source.name, target, "none", "hunt", "not_run")
    place = engine.placed(source) if isinstance(engine, Relocating) else source
    try:
        hunt = converter.convert(rule, place, target, "hunt")
        alert = converter.convert(rule, place, target, "alert")
    except SigmagenError as error:
        yield from _not_run(cell, error.problems[0].message.removeprefix(f"{rule.title}: "))
        return
    if isinstance(engine, str):
        yield from _not_run(cell, engine)
        return
    for part in place.parts:
        engine.load(part, native[part.name])
    cell = replace(cell, engine=engine.name, fidelity=engine.fidelity)
    whole = _for_alert_runs(scenes, expected)
    due = united([row for row in expected if _seen(whole, row)], estimated=hunt.estimated)
    silent = _vacuous(scenes, expected)
    yield _compared(replace(cell, mode="hunt"), silent, lambda: _hunt(engine, hunt, scenes, expected))
    yield _compared(replace(cell, mode="alert"), silent, lambda: _alerts(engine, alert, whole, due))


def _not_run(cell: Cell, reason: str) -> Iterator[Cell]:
    for mode in MODES:
        yield replace(cell, mode=mode, reason=reason)


def _compared(cell: Cell, silent: str | None, compare: Callable[[], tuple[int, list[str]]]) -> Cell:
    """The cell with what running the query gave: rows and differences, or why there are none."""
    try:
        rows, differences = compare()
    except NotRunError as error:
        return replace(cell, engine="none", fidelity=None, reason=error.reason)
    except QueryRefusedError as error:
        return replace(cell, status="different", reason=error.reason)
    status: Status = "vacuous" if silent else "different" if differences else "equal"
    return replace(cell, status=status, reason=silent, rows=rows, differences=tuple(differences[:SHOWN]))


def _hunt(engine: Engine, query: Query, scenes: Sequence[Scene], expected: Sequence[Alert]) -> tuple[int, list[str]]:
    found = engine.run(query, *span(scenes))
    return len(found), _different(expected, found, estimated=query.estimated)


def _alerts(engine: Engine, query: Query, scenes: Sequence[Scene], due: United) -> tuple[int, list[str]]:
    return len(due), _different_united(due, _alert_runs(engine, query, scenes))


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
