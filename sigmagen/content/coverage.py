"""Which rule and which canonical field each source has in each SIEM, with the reason where it has not.

Nothing here knows a reason by itself: each is the message with which the conversion of a rule, or of a field, is
refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sigmagen.convert.converter import Converter
from sigmagen.convert.many import Rule, unfed_problem
from sigmagen.convert.render import render
from sigmagen.expr.tree import UnsupportedDetectionError
from sigmagen.mapping.expression import UnavailableFieldError
from sigmagen.mapping.generic import GENERIC
from sigmagen.mapping.source import LogsourceEntry, Source
from sigmagen.mapping.taxonomy import Field
from sigmagen.mapping.view import ViewBuilder
from sigmagen.plan.build import build_view
from sigmagen.plan.logical import UnsupportedCorrelationError
from sigmagen.problems import SigmagenError
from sigmagen.rules.model import LogSource, RuleFile
from sigmagen.targets import registry
from sigmagen.targets.printer import NameClashError


@dataclass(frozen=True, slots=True)
class RuleCoverage:
    """One rule over one source in one target: `covered` if there is a query, else the `reason`.

    `notes` are what the query only approximates, and what it presumes of an experimental mapping.
    """

    rule: str
    rule_id: str | None
    source: str
    target: str
    covered: bool
    reason: str | None
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The documented JSON shape."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class FieldCoverage:
    """One canonical field of one source in one target: `covered` if a query can read it, else the `reason`.

    `notes` are what the SIEM only approximates.
    """

    field: str
    source: str
    target: str
    covered: bool
    reason: str | None
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The documented JSON shape."""
        return asdict(self)


def cover_rules(
    converter: Converter, files: Iterable[RuleFile], targets: Sequence[str], sources: Sequence[str] | None = None
) -> list[RuleCoverage]:
    """The coverage of each rule: over `sources`, or else over all.

    A rule across several log sources has a cell for each combination of sources that feeds it. A rule on a log source
    without any mapping has those of the generic source.
    """
    return [
        _rule_cell(converter, rule, name, target)
        for file in files
        for rule in file.subjects
        for name in sources or _names_for(converter, rule)
        for target in targets
    ]


def _names_for(converter: Converter, rule: Rule) -> list[str]:
    feeding = [source.name for source in converter.feeding(rule)]
    if not feeding and converter.fallback(rule):
        return [GENERIC]
    return list(dict.fromkeys((*converter.sources, *feeding)))


def _rule_cell(converter: Converter, rule: Rule, name: str, target: str) -> RuleCoverage:
    feeding = {source.name: source for source in converter.feeding(rule)}
    if name == GENERIC and converter.generic:
        feeding[GENERIC] = converter.generic.source(rule)
    prefix = f"{rule.title}: "
    if name not in feeding:
        reason = unfed_problem(rule, name).message.removeprefix(prefix)
        return RuleCoverage(rule.name, rule.id, name, target, False, reason)
    try:
        query = converter.convert(rule, feeding[name], target, "alert")
    except SigmagenError as error:
        reason = "; ".join(problem.message.removeprefix(prefix) for problem in error.problems)
        return RuleCoverage(rule.name, rule.id, name, target, False, reason)
    notes = tuple(problem.message.removeprefix(prefix) for problem in query.warnings)
    return RuleCoverage(rule.name, rule.id, name, target, True, None, notes)


def cover_fields(
    converter: Converter, targets: Sequence[str], sources: Sequence[str] | None = None
) -> list[FieldCoverage]:
    """The coverage of each canonical field by each source: `sources`, or else all."""
    cells: list[FieldCoverage] = []
    for name in sources or converter.sources:
        source = converter.source(name)
        readers = {target: _FieldReader(converter, source, target) for target in targets}
        cells += [readers[target].cell(field) for field in converter.taxonomy.fields.values() for target in targets]
    return cells


class _FieldReader:
    """Finds which fields of a source a target can read."""

    def __init__(self, converter: Converter, source: Source, target: str) -> None:
        self.converter = converter
        self.source = source
        self.target = registry.get(target)
        self._printable: dict[LogSource, bool] = {}

    def cell(self, field: Field) -> FieldCoverage:
        """The coverage of one field."""
        reason, notes = self._find(field)
        return FieldCoverage(field.name, self.source.name, self.target.name, reason is None, reason, notes)

    def _find(self, field: Field) -> tuple[str | None, tuple[str, ...]]:
        """Why a query can't read the field, None if it can; and what is approximated."""
        if self.target.stored_in not in self.source.stored:
            return f"the source is not mapped to {self.target.stored_in}", ()
        entries = [self.source.entry_for(LogSource(category=category)) for category in field.categories]
        entry = next((entry for entry in entries if entry), None)
        if entry is None:
            return f"only events of {' and '.join(field.categories)} have it", ()
        stored = self.source.stored[self.target.stored_in]
        builder = ViewBuilder(self.source, stored, self.converter.taxonomy, entry, defaulted=False)
        try:
            builder.use(field.name)
            if not self._all_printable(entry):
                self._print([field.name], entry)
        except UnavailableFieldError as error:
            return error.reason if error.name == field.name else f"it needs {error.name}: {error.reason}", ()
        except (UnsupportedDetectionError, UnsupportedCorrelationError) as error:
            return str(error), ()
        return None, tuple(builder.build().narrowed)

    def _all_printable(self, entry: LogsourceEntry) -> bool:
        """Whether the language has words for all fields of an entry, which is faster to find out than for each."""
        if entry.logsource not in self._printable:
            try:
                self._print(list(self.converter.taxonomy.fields), entry)
                self._printable[entry.logsource] = True
            except (UnsupportedDetectionError, UnsupportedCorrelationError, NameClashError):
                self._printable[entry.logsource] = False
        return self._printable[entry.logsource]

    def _print(self, fields: Sequence[str], entry: LogsourceEntry) -> None:
        """Print a query of the fields, as far as the source has them. Every query has the time, as stored."""
        fields = [name for name in fields if name != "@timestamp"]
        taxonomy = self.converter.taxonomy
        render(build_view(self.source, self.target.stored_in, taxonomy, fields, entry), self.target)
