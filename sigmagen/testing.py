"""Each rule's own test file, played on the reference engine: attacks alert in time, twins and known misses don't."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sigmagen.convert import Converter, Query
from sigmagen.engines.alert import Alert
from sigmagen.engines.duckdb import DuckDBEngine
from sigmagen.mapping.source import Source
from sigmagen.problems import Problem, SigmagenError
from sigmagen.rules.model import Correlation, RuleFile
from sigmagen.rules.testfile import TestFile, companion, load_test_file
from sigmagen.simulate.identity import canonical_group
from sigmagen.simulate.scenes import Scene, lay_out, records, span

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
    path = companion(file.path)
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
                hint=f"there is {known}",
            )
        )
    return named[0], loaded.test


def run_tests(
    converter: Converter, files: Sequence[RuleFile], sources: Sequence[str] | None = None
) -> Iterator[CaseResult]:
    """Play every case of every rule on every source that can feed it.

    Raises SigmagenError for a missing or broken test file.
    """
    with DuckDBEngine() as engine:
        for file in files:
            rule, test = rule_under_test(file)
            for source in converter.feeding(rule):
                if sources is not None and source.name not in sources:
                    continue
                try:
                    query = converter.convert(rule, source, DuckDBEngine.siem)
                except SigmagenError:
                    continue  # the source lacks a field; `convert` and `verify` say so
                yield from play(engine, query, test, source)


def play(engine: DuckDBEngine, query: Query, test: TestFile, source: Source) -> Iterator[CaseResult]:
    """The cases of one test on one source."""
    scenes = lay_out(test, source.name, reach=query.reach)
    if not scenes:
        return
    for part in source.parts:
        engine.load(part, records(scenes, part.name))
    alerts = engine.run(query, *span(scenes))
    by_case: dict[str, list[str]] = {}
    for scene in scenes:
        reasons = by_case.setdefault(scene.case.name, [])
        reasons += judge(scene, [alert for alert in alerts if scene.sees(alert.window_end)], source)
    for scene in scenes:
        if scene.prefix is None:
            reasons = by_case[scene.case.name]
            yield CaseResult(
                query.rule.name,
                source.name,
                scene.case.name,
                scene.case.kind,
                "failed" if reasons else "passed",
                len(scene.calls),
                tuple(reasons),
            )


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
