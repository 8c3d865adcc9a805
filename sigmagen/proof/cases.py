"""Each rule's own test file, played on the reference engine: attacks alert in time, twins and known misses don't."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from sigmagen.convert.converter import Converter, Query
from sigmagen.convert.render import render
from sigmagen.durations import SECOND
from sigmagen.engines.alert import Alert
from sigmagen.engines.duckdb import DuckDBEngine
from sigmagen.mapping.source import Source
from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.plan.build import build_view
from sigmagen.problems import Problem, SigmagenError
from sigmagen.proof.simulate.identity import canonical_group
from sigmagen.proof.simulate.scenes import Scene, lay_out, records, span
from sigmagen.rules.model import BaseRule, Correlation, RuleFile, base_rules
from sigmagen.rules.testfile import TestFile, get_test_path, load_test_file
from sigmagen.sources import MissingCodeError
from sigmagen.sources import render as render_call
from sigmagen.targets.registry import REFERENCE

Status = Literal["passed", "failed"]


@dataclass(frozen=True, slots=True)
class CaseResult:
    """How one case of one rule went on one source. A known miss that stays silent has passed; it is still a miss."""

    rule: str
    source: str
    case: str
    kind: Literal["attack", "benign", "miss"]
    status: Status
    calls: int
    reasons: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The documented JSON shape."""
        return asdict(self)


def rule_under_test(file: RuleFile) -> tuple[Correlation, TestFile]:
    """The rule that a file's test is about, and the test.

    Raises SigmagenError when there is no test file, it has faults, or it names a rule that doesn't alert.
    """
    path = get_test_path(file.path)
    loaded = load_test_file(path)
    if loaded.test is None:
        raise SigmagenError(list(loaded.problems))
    named = [rule for rule in file.subjects if isinstance(rule, Correlation) and rule.name == loaded.test.rule]
    if not named:
        known = ", ".join(rule.name for rule in file.subjects)
        raise SigmagenError(
            Problem(
                "test-rule",
                f"{loaded.test.rule!r} is no alerting rule of {file.path.name}",
                "error",
                str(path),
                loaded.test.line,
                hint=f"available: {known}",
            )
        )
    return named[0], loaded.test


def run_tests(
    converter: Converter, files: Sequence[RuleFile], sources: Sequence[str] | None = None
) -> Iterator[CaseResult]:
    """Play every case of every rule on every source that can feed it.

    Raises SigmagenError for a missing or broken test file.
    """
    with DuckDBEngine(threads=1) as engine:
        for file in files:
            rule, test = rule_under_test(file)
            for source in converter.feeding(rule):
                if sources is not None and source.name not in sources:
                    continue
                try:
                    query = converter.convert(rule, source, DuckDBEngine.siem)
                except SigmagenError:
                    continue  # the source lacks a field; `convert` and `verify` say so
                yield from play(engine, query, test, source, converter.taxonomy)


def play(
    engine: DuckDBEngine, query: Query, test: TestFile, source: Source, taxonomy: Taxonomy
) -> Iterator[CaseResult]:
    """The cases of one test on one source. One without a record that the rule looks at has shown nothing, and fails."""
    try:
        stage = Stage.of(engine, test, source, query.reach)
    except MissingCodeError as error:
        yield from _not_played(query.rule.name, test, source, error.reason)
        return
    yield from stage.play(query, taxonomy)


@dataclass(frozen=True)
class Stage:
    """The scenes of a test file on one source, with their records in the engine: many queries can be judged by them."""

    engine: DuckDBEngine
    source: Source
    scenes: Sequence[Scene]

    @classmethod
    def of(cls, engine: DuckDBEngine, test: TestFile, source: Source, reach: int) -> Stage:
        """Load the records of the scenes. `reach` is the longest that a query sees an event, in milliseconds."""
        scenes = [
            scene for scene in lay_out(test, source.name, reach=reach) if not _only_unlogged_failures(scene, source)
        ]
        for part in source.parts if scenes else ():
            engine.load(part, records(scenes, part.name))
        return cls(engine, source, scenes)

    def play(self, query: Query, taxonomy: Taxonomy) -> Iterator[CaseResult]:
        """How each case goes with a query."""
        if not self.scenes:
            return
        alerts = self.engine.run(query, *span(self.scenes))
        times = _times(self.engine, query.rule, self.source, taxonomy)
        by_case: dict[str, list[str]] = {}
        for scene in self.scenes:
            reasons = by_case.setdefault(scene.case.name, [])
            if scene.prefix is None and not _holds(times, scene):
                reasons += [_no_record(scene, self.source)]
                continue
            reasons += judge(scene, [alert for alert in alerts if scene.sees(alert.window_end)], self.source)
        for scene in self.scenes:
            if scene.prefix is None:
                reasons = by_case[scene.case.name]
                yield CaseResult(
                    query.rule.name,
                    self.source.name,
                    scene.case.name,
                    scene.case.kind,
                    "failed" if reasons else "passed",
                    len(scene.calls),
                    tuple(reasons),
                )


def _not_played(rule: str, test: TestFile, source: Source, reason: str) -> Iterator[CaseResult]:
    """The cases of a source whose code can't write their records: they have shown nothing, and fail."""
    for case in test.cases:
        if case.sources is None or source.name in case.sources:
            yield CaseResult(rule, source.name, case.name, case.kind, "failed", case.calls, (reason,))


def _times(engine: DuckDBEngine, rule: BaseRule | Correlation, source: Source, taxonomy: Taxonomy) -> list[int]:
    """When the records are, in order, that a source has of the log sources which a rule looks at."""
    found: set[int] = set()
    for logsource in {base.logsource for base in base_rules(rule)}:
        part = source.part_for(logsource)
        entry = part.entry_for(logsource) if part else None
        covered = engine.range(part) if part else None
        if part is None or entry is None or covered is None:
            continue
        engine.select(part, *covered)
        view = render(build_view(part, REFERENCE, taxonomy, (), entry), REFERENCE).text
        found.update(
            row[0] for row in engine.connection.execute(f"SELECT epoch_ms(timestamp) FROM ({view})").fetchall()
        )
    return sorted(found)


def _holds(times: Sequence[int], scene: Scene) -> bool:
    """Whether a record is of a scene. A source may keep whole seconds, so one can stand just before its call."""
    position = bisect_left(times, scene.start - SECOND)
    return position < len(times) and times[position] <= scene.end


def _only_unlogged_failures(scene: Scene, source: Source) -> bool:
    """Whether a case is about failed calls alone, and the source logs such calls only where they were answered."""
    if not scene.calls or not all(call.failed for call in scene.calls):
        return False
    failed = scene.calls[0]
    answered = replace(failed, outcome="success", status=200, error=None)
    names = [part.name for part in source.parts]
    return any(render_call(name, answered) for name in names) and not any(render_call(name, failed) for name in names)


def _no_record(scene: Scene, source: Source) -> str:
    operations = ", ".join(sorted({call.operation for call in scene.calls})) or "none"
    return f"no record on {source.name} that the rule could look at (operation: {operations}), so nothing is shown"


def judge(scene: Scene, alerts: Sequence[Alert], source: Source) -> list[str]:
    """What is wrong with the alerts of one scene; nothing, if all is as the case says."""
    found = {tuple(sorted(alert.group)) for alert in alerts}
    if scene.case.kind != "attack":
        return [f"alerted on {_text(group)}, and should be silent" for group in sorted(found)]
    reasons = []
    expected = set()
    for alert in scene.case.alerts:
        group = tuple(sorted(canonical_group(source.parts[0].name, alert.group, scene.calls).items()))
        expected.add(group)
        reached = scene.prefix is None or scene.prefix >= alert.after
        if reached and group not in found:
            reasons.append(f"no alert on {_text(group)} after {len(scene.calls)} calls")
        if not reached and group in found:
            reasons.append(f"alerted on {_text(group)} after {scene.prefix} calls, before the threshold is crossed")
    reasons += [f"alerted on {_text(group)}, which the case doesn't expect" for group in sorted(found - expected)]
    return reasons


def _text(group: tuple[tuple[str, str], ...]) -> str:
    return ", ".join(f"{field}={value}" for field, value in group) or "everything"
