"""Rules with one condition taken away or moved: a rule's test file must have a case that fails for each of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from sigmagen.convert.converter import Converter
from sigmagen.engines.duckdb import DuckDBEngine
from sigmagen.problems import SigmagenError
from sigmagen.proof.cases import Stage, rule_under_test
from sigmagen.rules.load import parse_rules
from sigmagen.rules.model import Correlation, RuleFile
from sigmagen.rules.yaml import KeyPath, YamlFile, load_documents

SMALLER_UNITS = {"w": (7, "d"), "d": (24, "h"), "h": (60, "m"), "m": (60, "s")}


@dataclass(frozen=True, slots=True)
class Mutation:
    """One change of a rule document: `change` completes the sentence "no case fails when ..."."""

    rule: str
    change: str
    line: int
    file: YamlFile


@dataclass(frozen=True, slots=True)
class MutationResult:
    """Whether a case fails when a rule is changed: `case` and `source` name the first that does."""

    rule: str
    file: str
    line: int
    change: str
    status: Literal["killed", "survived"]
    case: str | None = None
    source: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The documented JSON shape."""
        return asdict(self)


def run_mutations(
    converter: Converter, files: Sequence[RuleFile], sources: Sequence[str] | None = None
) -> Iterator[MutationResult]:
    """Play the test file of every rule against every mutation of the rule, until a case fails.

    The rules are taken as their files say, without filters and overlay. A change that makes a rule invalid, or that
    leaves no source for it, is caught anyway: the first is left out, the second counts as killed.

    Raises SigmagenError for a missing or broken test file.
    """
    with DuckDBEngine(threads=1) as engine:
        for file in files:
            yield from _MutatedFile(converter, engine, file, sources).results()


class _MutatedFile:
    """The mutations of one rule file. The events of a source are loaded once for all of them."""

    def __init__(
        self, converter: Converter, engine: DuckDBEngine, file: RuleFile, sources: Sequence[str] | None
    ) -> None:
        self.converter = converter
        self.engine = engine
        self.file = file
        self.rule, self.test = rule_under_test(file)
        feeding = [source for source in converter.feeding(self.rule) if sources is None or source.name in sources]
        # The canonical source carries all fields, so most mutations are caught there.
        self.sources = sorted(feeding, key=lambda source: not source.canonical)

    def results(self) -> Iterator[MutationResult]:
        pending = []
        for mutation in mutations(load_documents(self.file.path)):
            if rule := self._loaded(mutation):
                pending.append((mutation, rule))
        killed: dict[int, tuple[str | None, str | None]] = {}
        played: set[int] = set()
        for source in self.sources:
            left = [number for number in range(len(pending)) if number not in killed]
            if not left:
                break
            try:
                # Long enough for a mutation that doubles the timespan.
                reach = 2 * self.converter.convert(self.rule, source, DuckDBEngine.siem).reach
            except SigmagenError:
                continue
            stage = Stage.of(self.engine, self.test, source, reach)
            for number in left:
                try:
                    query = self.converter.convert(pending[number][1], source, DuckDBEngine.siem)
                except SigmagenError:
                    continue
                played.add(number)
                failed = next((r for r in stage.play(query, self.converter.taxonomy) if r.status == "failed"), None)
                if failed:
                    killed[number] = failed.case, source.name
        for number, (mutation, _) in enumerate(pending):
            survived = number in played and number not in killed
            case, name = killed.get(number, (None, None))
            yield MutationResult(
                mutation.rule,
                str(self.file.path),
                mutation.line,
                mutation.change,
                "survived" if survived else "killed",
                case,
                name,
            )

    def _loaded(self, mutation: Mutation) -> Correlation | None:
        """The rule under test of a mutated file; None where the change makes it invalid."""
        loaded = parse_rules([mutation.file], mappings_folder=self.converter.mappings)
        for file in loaded.files:
            for rule in file.subjects:
                if isinstance(rule, Correlation) and rule.name == self.test.rule:
                    return rule
        return None


def mutations(file: YamlFile) -> Iterator[Mutation]:
    """Every mutation of a rule file: of each condition, selection, value, threshold, timespan and group."""
    for index, document in enumerate(file.documents):
        if isinstance(document.data, dict):
            for change, path, value in _changes(document.data, [other.data for other in file.documents]):
                changed = replace(document, data=_edited(document.data, path, value))
                documents = (*file.documents[:index], changed, *file.documents[index + 1 :])
                name = str(document.data.get("name") or document.data.get("title") or file.path.stem)
                yield Mutation(name, change, document.line(path), replace(file, documents=documents))


_DELETE = object()
"""In place of a new value: the place is deleted."""

Change = tuple[str, KeyPath, Any]
"""What it is, where it is, and the new value."""


def _edited(data: dict[str, Any], path: KeyPath, value: Any) -> dict[str, Any]:
    """A copy of a document with one place changed or deleted."""
    copy = deepcopy(data)
    node: Any = copy
    for key in path[:-1]:
        node = node[key]
    if value is _DELETE:
        del node[path[-1]]
    else:
        node[path[-1]] = value
    return copy


def _changes(data: dict[str, Any], documents: Sequence[Any]) -> Iterator[Change]:
    if isinstance(detection := data.get("detection"), dict):
        yield from _of_condition(detection)
        yield from _of_selections(detection)
    if isinstance(correlation := data.get("correlation"), dict):
        yield from _of_threshold(correlation)
        yield from _of_timespan(correlation, documents)
        yield from _of_groups(correlation)
        yield from _of_sequence(correlation)


def _of_condition(detection: dict[str, Any]) -> Iterator[Change]:
    condition = detection.get("condition")
    if isinstance(condition, str):
        for part in condition.split(" and ")[1:]:
            yield f"the condition has no `{part}`", ("detection", "condition"), condition.replace(f" and {part}", "", 1)


def _of_selections(detection: dict[str, Any]) -> Iterator[Change]:
    filters = [name for name in detection if name.startswith("filter_")]
    for name, items in detection.items():
        if name in filters and len(filters) > 1:
            yield f"`{name}` is left out", ("detection", name), _DELETE
        if name != "condition" and isinstance(items, dict):
            for field, value in items.items():
                yield from _of_item(("detection", name), field, value, alone=len(items) == 1)


def _of_item(place: KeyPath, field: str, value: Any, *, alone: bool) -> Iterator[Change]:
    if not alone:
        yield f"`{field}` is left out of {place[-1]}", (*place, field), _DELETE
    if isinstance(value, list) and len(value) > 1:
        for position, element in enumerate(value):
            yield f"`{field}` has no {element!r}", (*place, field, position), _DELETE
    if isinstance(value, int) and not isinstance(value, bool):
        for moved in (value - 1, value + 1) if "|" in field else (value + 1,):
            yield f"`{field}` is {moved}", (*place, field), moved


def _of_threshold(correlation: dict[str, Any]) -> Iterator[Change]:
    condition = correlation.get("condition")
    for operator, value in condition.items() if isinstance(condition, dict) else ():
        if isinstance(value, int | float) and not isinstance(value, bool) and operator != "percentile":
            for moved in (value - 1, value + 1):
                yield f"the condition is {operator} {moved}", ("correlation", "condition", operator), moved


def _of_timespan(correlation: dict[str, Any], documents: Sequence[Any]) -> Iterator[Change]:
    """Half and twice the timespan, but not of a correlation over correlations: what it waits for has its own."""
    inner = {data.get("name") for data in documents if isinstance(data, dict) and "correlation" in data}
    timespan = correlation.get("timespan")
    if not isinstance(timespan, str) or not timespan[:-1].isdigit() or set(_names(correlation)) <= inner:
        return
    number, unit = int(timespan[:-1]), timespan[-1]
    if unit in SMALLER_UNITS:
        times, smaller = SMALLER_UNITS[unit]
        half = f"{number // 2}{unit}" if number % 2 == 0 else f"{number * times // 2}{smaller}"
        for text in (half, f"{number * 2}{unit}"):
            yield f"the timespan is {text}", ("correlation", "timespan"), text


def _of_groups(correlation: dict[str, Any]) -> Iterator[Change]:
    groups = correlation.get("group-by")
    if isinstance(groups, list):
        for position, field in enumerate(groups):
            place: KeyPath = ("correlation", "group-by") if len(groups) == 1 else ("correlation", "group-by", position)
            yield f"it is not grouped by `{field}`", place, _DELETE


def _of_sequence(correlation: dict[str, Any]) -> Iterator[Change]:
    rules = _names(correlation)
    if correlation.get("type") not in ("temporal", "temporal_ordered") or len(rules) < 2:
        return
    for position, name in enumerate(rules):
        yield f"`{name}` is left out", ("correlation", "rules", position), _DELETE
    if correlation["type"] == "temporal_ordered":
        for position in range(len(rules) - 1):
            swapped = [*rules]
            swapped[position], swapped[position + 1] = swapped[position + 1], swapped[position]
            yield f"the order is {', '.join(swapped)}", ("correlation", "rules"), swapped


def _names(correlation: dict[str, Any]) -> list[str]:
    rules = correlation.get("rules")
    return [str(name) for name in rules] if isinstance(rules, list) else []
