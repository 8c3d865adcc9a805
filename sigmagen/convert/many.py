"""Converts many rules for many targets, with a reason for each refusal."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

from sigmagen.convert.converter import Converter, Query
from sigmagen.mapping.generic import GENERIC
from sigmagen.mapping.source import Source
from sigmagen.plan.model import Mode
from sigmagen.problems import Problem, SigmagenError
from sigmagen.rules.load import LoadedRules
from sigmagen.rules.model import BaseRule, Correlation, RuleFile, base_rules
from sigmagen.rules.yaml import YamlFile

Rule = BaseRule | Correlation

_UNREADABLE = frozenset({"file-missing", "file-unreadable"})
_NO_SUITABLE_SOURCE = ("logsource-unfed", "unknown-field")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why rules were refused or have a warning, and how many."""

    severity: str
    code: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class TargetSummary:
    """The result for one target: `refused` counts rules without a query, `warned` counts queries with a warning."""

    target: str
    rules: int
    converted: int
    queries: int
    warned: int
    refused: int
    reasons: tuple[Reason, ...]

    def as_dict(self) -> dict[str, Any]:
        """The documented JSON shape."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class BrokenRules:
    """A file that could not be loaded: how many rules it seems to hold, and the kinds of its errors with a reason."""

    rules: int
    causes: tuple[tuple[str, str], ...]


def find_broken_rules(loaded: LoadedRules) -> list[BrokenRules]:
    """The files that were not loaded because a rule in them is broken. A file without valid YAML counts as one rule.

    Files that could not be opened are left out: nothing is known about their rules.
    """
    whole = {file.path for file in loaded.files}
    causes: dict[str, dict[tuple[str, str], None]] = {}
    for problem in loaded.problems:
        if problem.severity == "error" and problem.file:
            reason = problem.message if problem.code == "pipeline-rejected" else ""
            causes.setdefault(problem.file, {})[problem.code, reason] = None
    return [
        BrokenRules(_count_rules(source), tuple(causes[str(source.path)]))
        for source in loaded.sources
        if source.path not in whole and _is_readable(causes.get(str(source.path), {}))
    ]


def _is_readable(causes: Iterable[tuple[str, str]]) -> bool:
    codes = {code for code, _ in causes}
    return bool(codes) and _UNREADABLE.isdisjoint(codes)


def _count_rules(source: YamlFile) -> int:
    """How many rules of a broken file would alert: those that no correlation in the file refers to."""
    found = [document.data for document in source.documents if isinstance(document.data, dict)]
    rules = [data for data in found if "filter" not in data]
    if found and not rules:
        return 0  # filters only
    correlations = [data["correlation"] for data in rules if isinstance(data.get("correlation"), dict)]
    referred = {
        name
        for correlation in correlations
        if not correlation.get("generate")
        for name in _find_references(correlation)
    }
    return max(1, sum(referred.isdisjoint((str(data.get("name")), str(data.get("id")))) for data in rules))


def _find_references(correlation: dict[str, Any]) -> set[str]:
    """What a correlation, broken or not, may refer to: its list of rules, or else the words of its condition."""
    rules, condition = correlation.get("rules"), correlation.get("condition")
    if isinstance(rules, list):
        return {str(name) for name in rules}
    return set(re.findall(r"[\w-]+", condition)) if isinstance(condition, str) else {str(rules)}


@dataclass
class Conversion:
    """The queries with their rule files, and the problems of what couldn't be converted."""

    queries: list[tuple[RuleFile, Query]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    summaries: list[TargetSummary] = field(default_factory=list)

    def add(self, other: Conversion) -> None:
        """Add the result for other targets."""
        self.queries += other.queries
        self.problems += other.problems
        self.summaries += other.summaries

    @property
    def failed(self) -> bool:
        """Whether a requested query is missing. A source without a field is not a failure."""
        return any(problem.severity == "error" for problem in self.problems)


def convert_all(
    converter: Converter,
    files: Iterable[RuleFile],
    targets: Sequence[str],
    sources: Sequence[str],
    mode: Mode = "alert",
    *,
    strict: bool = False,
    broken: Sequence[BrokenRules] = (),
) -> Conversion:
    """Convert every rule for every target and source; without sources, for all that feed it, or else the generic one.

    With chosen sources, each refusal is an error; otherwise only if a target gets no query at all. `strict` also
    refuses queries with a warning, always as an error. The rules of `broken` files are counted as refused.
    """
    result = Conversion()
    tallies = {target: _Tally(target) for target in targets}
    for file in files:
        for rule in file.subjects:
            feeding = _RuleSources(converter, rule, sources)
            for target in targets:
                queries, problems = feeding.convert(target, mode, strict=strict)
                result.queries += [(file, query) for query in queries]
                result.problems += problems
                tallies[target].add(queries, problems)
    for tally in tallies.values():
        tally.add_broken(broken)
    result.problems += _generic_note(result.queries)
    result.summaries = [tally.summary() for tally in tallies.values()]
    return result


@dataclass
class _RuleSources:
    """The sources of one rule, for all targets."""

    converter: Converter
    rule: Rule
    chosen: Sequence[str]

    @cached_property
    def sources(self) -> list[Source]:
        """The chosen sources that feed the rule; all sources that do if none was chosen."""
        feeding = self.converter.feeding(self.rule)
        if GENERIC in self.chosen and self.converter.generic:
            feeding.append(self.converter.generic.source(self.rule))
        return [source for source in feeding if not self.chosen or source.name in self.chosen]

    @cached_property
    def fallback(self) -> Source | None:
        """The generic source, unless sources were chosen."""
        return None if self.chosen else self.converter.fallback(self.rule)

    def convert(self, target: str, mode: Mode, *, strict: bool) -> tuple[list[Query], list[Problem]]:
        """The queries for a target, and the problems of these and of missing ones."""
        fed = {source.name for source in self.sources}
        unfed = [unfed_problem(self.rule, name) for name in self.chosen if name not in fed]
        if not self.chosen and not fed:
            unfed.append(unfed_problem(self.rule, None))
        queries, failed = self._convert_over(self.sources, target, mode)
        refused = [*unfed, *failed]
        if not queries and all(problem.code in _NO_SUITABLE_SOURCE for problem in refused) and self.fallback:
            queries, refused = self._convert_over([self.fallback], target, mode)
        missing = bool(self.chosen) or not queries
        problems = [replace(problem, severity="error" if missing else "info") for problem in refused]
        if strict:
            warned = [query for query in queries if query.warnings]
            queries = [query for query in queries if not query.warnings]
            return queries, problems + [replace(found, severity="error") for q in warned for found in q.warnings]
        return queries, problems + [warning for query in queries for warning in query.warnings]

    def _convert_over(self, sources: Iterable[Source], target: str, mode: Mode) -> tuple[list[Query], list[Problem]]:
        queries: list[Query] = []
        refused: list[Problem] = []
        for source in sources:
            try:
                queries.append(self.converter.convert(self.rule, source, target, mode))
            except SigmagenError as error:
                refused += error.problems
        return queries, refused


def unfed_problem(rule: Rule, source: str | None) -> Problem:
    """The problem of a rule whose log sources a source doesn't have; of all sources if it is None."""
    needed = " and ".join(sorted({str(base.logsource) for base in base_rules(rule)}))
    who = f"source {source} does not feed" if source else "no source feeds"
    return Problem("logsource-unfed", f"{rule.title}: {who} {needed}", "error", rule.file, rule.line)


class _Tally:
    """Counts the rules of one target."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.rules = self.converted = self.queries = self.warned = 0
        self.reasons: Counter[tuple[str, str, str]] = Counter()

    def add(self, queries: Sequence[Query], problems: Sequence[Problem]) -> None:
        """Count one rule."""
        self.rules += 1
        self.converted += bool(queries)
        self.queries += len(queries)
        self.warned += sum(bool(query.warnings) for query in queries)
        self.reasons.update({(problem.severity, problem.code, _general_reason(problem)) for problem in problems})

    def add_broken(self, files: Sequence[BrokenRules]) -> None:
        """Count the rules of files that could not be loaded."""
        self.rules += sum(file.rules for file in files)
        self.reasons.update(("error", code, reason) for file in files for code, reason in file.causes)

    def summary(self) -> TargetSummary:
        """The counts, the most frequent reason first, and equally frequent ones in alphabetical order."""
        counted = sorted(self.reasons.items(), key=lambda item: (-item[1], item[0]))
        reasons = tuple(Reason(*key, count) for key, count in counted)
        refused = self.rules - self.converted
        return TargetSummary(self.target, self.rules, self.converted, self.queries, self.warned, refused, reasons)


def _general_reason(problem: Problem) -> str:
    """The message of a problem without the rule and the field that it is about."""
    text = problem.message.rpartition(": not convertible to ")[2] if "not convertible to" in problem.message else ""
    if problem.code == "not-convertible":
        return re.sub(r"^\w+: \S+ ", "", text)
    if problem.code == "detection-approximated":
        return re.sub(r"^.*?: \S+ ", "", problem.message)
    return ""


def _generic_note(queries: Sequence[tuple[RuleFile, Query]]) -> list[Problem]:
    """One note for all rules that no mapping describes."""
    named = [query.rule for _, query in queries if query.source.name == GENERIC]
    rules = {id(rule) for rule in named if not all(base.processed for base in base_rules(rule))}
    if not rules:
        return []
    many = f"{len(rules):,} rules are" if len(rules) > 1 else "a rule is"
    message = f"{many} converted with the rule's own field names; check where the events are stored"
    hint = "set it with --location SIEM=PLACE for all, or with locations: in generic.yml for a log source"
    return [Problem("generic-source", message, "info", hint=hint)]
