"""Which rule and which canonical field each source has in each SIEM, with the reason where it has not.

Nothing here knows a reason by itself: each is the message with which the conversion of a rule, or of a field, is
refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
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
    return [
        cell
        for name in sources or converter.sources
        for field in converter.taxonomy.fields.values()
        for cell in _field_cells(converter, converter.source(name), field, targets)
    ]


def _field_cells(converter: Converter, source: Source, field: Field, targets: Sequence[str]) -> Iterator[FieldCoverage]:
    entries = [source.entry_for(LogSource(category=category)) for category in field.categories]
    entry = next((entry for entry in entries if entry), None)
    for target in targets:
        if entry is None:
            reason: str | None = f"only events of {' and '.join(field.categories)} have it"
            notes: tuple[str, ...] = ()
        elif registry.get(target).stored_in not in source.stored:
            reason, notes = f"the source is not mapped to {registry.get(target).stored_in}", ()
        else:
            reason, notes = _find_reason(converter, source, entry, field, target)
        yield FieldCoverage(field.name, source.name, target, reason is None, reason, notes)


def _find_reason(
    converter: Converter, source: Source, entry: LogsourceEntry, field: Field, target: str
) -> tuple[str | None, tuple[str, ...]]:
    """Why a query of the target can't read the field, None if it can; and what is approximated."""
    siem = registry.get(target).stored_in
    builder = ViewBuilder(source, source.stored[siem], converter.taxonomy, entry, defaulted=False)
    try:
        builder.use(field.name)
        render(build_view(source, siem, converter.taxonomy, (field.name,), entry), registry.get(target))
    except UnavailableFieldError as error:
        return error.reason if error.name == field.name else f"it needs {error.name}: {error.reason}", ()
    except (UnsupportedDetectionError, UnsupportedCorrelationError) as error:
        return str(error), ()
    return None, tuple(builder.build().narrowed)
