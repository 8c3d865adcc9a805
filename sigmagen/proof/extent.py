"""How much of the rules' test files is executed: everything, or what shows that each query is wired up right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sigmagen.convert.converter import Converter, Query
from sigmagen.problems import SigmagenError
from sigmagen.proof.cases import rule_under_test
from sigmagen.rules.model import Correlation, RuleFile
from sigmagen.rules.testfile import Case, TestFile

CellName = tuple[str, str, str]
"""Rule, source and target."""


@dataclass(frozen=True, slots=True)
class Extent:
    """`quick` plays one attack and one twin; `alerts` are the cells that have alert runs, None for all."""

    quick: bool = False
    alerts: frozenset[CellName] | None = None

    @property
    def cases(self) -> str:
        """Which cases are played, in a word."""
        return "one attack and one twin" if self.quick else "all"

    def test(self, test: TestFile, source: str) -> TestFile:
        """The part of a rule's test file that is played on a source."""
        return _one_of_each(test, source) if self.quick else test

    def has_alert_runs(self, name: CellName) -> bool:
        """Whether the alert query of a cell is run at its schedule, too."""
        return self.alerts is None or name in self.alerts


WHOLE = Extent()


def quick_extent(converter: Converter, files: Sequence[RuleFile], targets: Iterable[str]) -> Extent:
    """One attack and one twin of each rule, as a hunt; alert runs for one cell of each schedule class.

    Rules of one type whose queries run equally often over equal windows are scheduled alike: the cell with the fewest
    calls stands for them. Raises SigmagenError for a missing or broken test file.
    """
    targets = list(targets)
    chosen: dict[object, tuple[int, CellName]] = {}
    for file in files:
        rule, test = rule_under_test(file)
        for source in converter.feeding(rule):
            calls = sum(case.calls for case in _one_of_each(test, source.name).cases)
            for target in targets:
                try:
                    query = converter.convert(rule, source, target, "alert")
                except SigmagenError:
                    continue
                found = (calls, (rule.name, source.name, target))
                kind = schedule_class(query)
                chosen[kind] = min(chosen.get(kind, found), found)
    return Extent(True, frozenset(name for _, name in chosen.values()))


def schedule_class(query: Query) -> tuple[object, ...]:
    """What decides on how the runs of an alert query lie over its windows.

    The delay of a source only lengthens the look-back, and is left out.
    """
    kind = query.rule.type if isinstance(query.rule, Correlation) else ""
    return query.target, kind, query.windows, query.schedule and query.schedule.interval


def _one_of_each(test: TestFile, source: str) -> TestFile:
    """The attack and the twin with the fewest calls among the cases for a source."""
    played = [case for case in test.cases if case.sources is None or source in case.sources]
    kept: list[Case] = []
    for kind in ("attack", "benign"):
        kept += sorted((case for case in played if case.kind == kind), key=lambda case: case.calls)[:1]
    return replace(test, cases=tuple(kept))
