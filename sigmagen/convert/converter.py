"""Converts rules to queries, for all commands, engines and packages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from itertools import product
from pathlib import Path

from sigmagen.convert.render import render
from sigmagen.durations import DAY, MINUTE, duration_text
from sigmagen.expr.tree import TEXTUAL, UnsupportedDetectionError
from sigmagen.mapping.documents import collect_problems, load_checked
from sigmagen.mapping.generic import GENERIC, Generic, find_presence_tests, find_unknown_tables, load_generic
from sigmagen.mapping.source import Source, StoredSource, combine_sources, load_sources
from sigmagen.mapping.taxonomy import Taxonomy, load_taxonomy
from sigmagen.plan.build import build_plan, not_convertible
from sigmagen.plan.logical import UnsupportedCorrelationError
from sigmagen.plan.model import Mode, Plan
from sigmagen.plan.window import Schedule, Window
from sigmagen.problems import EXIT_USAGE, Problem, SigmagenError
from sigmagen.rules.model import BaseRule, Correlation, base_rules
from sigmagen.targets import registry
from sigmagen.targets.printer import NameClashError
from sigmagen.targets.target import Limits, Target


@dataclass(frozen=True)
class Query:
    """One converted rule. `columns` maps the result's group-by columns to canonical field names.

    `ranged`: the text uses the time range it runs over. `estimated`: the result's value is an estimate of the SIEM.
    """

    rule: BaseRule | Correlation
    source: Source
    target: str
    mode: Mode
    text: str
    columns: dict[str, str]
    windows: tuple[Window, ...]
    schedule: Schedule | None
    warnings: tuple[Problem, ...]
    ranged: bool = False
    estimated: bool = False
    plan: Plan | None = field(default=None, repr=False, compare=False)
    """What the text was printed from."""

    @property
    def stored_source(self) -> StoredSource:
        """Where the query's records are."""
        return self.source.stored[registry.get(self.target).stored_in]

    @property
    def reach(self) -> int:
        """How long after an event a window can still include it, in milliseconds."""
        return sum(window.timespan + window.tick for window in self.windows)


@dataclass(frozen=True)
class Converter:
    """Converts rules with one set of mappings."""

    mappings: Path
    sources: dict[str, Source]
    taxonomy: Taxonomy
    generic: Generic | None = None
    intervals: Mapping[str, int] = field(default_factory=dict)
    """Overridden intervals of runs, by the rule's name or id, in milliseconds."""

    @classmethod
    def load(cls, mappings: Path) -> Converter:
        """A converter for a mappings folder. Raises SigmagenError with all problems of the mappings."""
        loaders = [load_sources, load_taxonomy, load_generic]
        limits = [partial(load_limits, mappings, siem) for siem in registry.siems()]
        if problems := collect_problems(*(partial(load, mappings) for load in loaders), *limits):
            raise SigmagenError(problems)
        return cls(mappings, load_sources(mappings), load_taxonomy(mappings), load_generic(mappings))

    def with_locations(self, locations: Mapping[str, str]) -> Converter:
        """The converter with `locations`, by SIEM, for the events of log sources without a mapping.

        Raises SigmagenError for invalid locations.
        """
        targets = {siem: registry.get(siem) for siem in locations}
        faults = {siem: targets[siem].find_location_fault(place) for siem, place in locations.items()}
        problems = [Problem("location", f"{siem}: {fault}") for siem, fault in faults.items() if fault]
        if problems:
            raise SigmagenError(problems, EXIT_USAGE)
        chosen = {siem: targets[siem].enclose_location(place) for siem, place in locations.items()}
        return replace(self, generic=self.generic and self.generic.at(chosen))

    def feeding(self, rule: BaseRule | Correlation) -> list[Source]:
        """The sources that feed a rule; for a rule across several log sources, each combination of theirs."""
        logsources = list(dict.fromkeys(base.logsource for base in base_rules(rule)))
        choices = [[source for source in self.sources.values() if source.entry_for(item)] for item in logsources]
        return [combine_sources(list(zip(logsources, chosen, strict=True))) for chosen in product(*choices)]

    def fallback(self, rule: BaseRule | Correlation) -> Source | None:
        """The generic source, if there is one, for a rule on log sources without a taxonomy."""
        described = {category for field in self.taxonomy.fields.values() for category in field.categories}
        own = any(base.logsource.category in described for base in base_rules(rule))
        return None if own or self.generic is None else self.generic.source(rule)

    def source(self, name: str, *others: str) -> Source:
        """A mapped source by name. Raises SigmagenError for an unknown one, which lists `others` as available, too."""
        if name not in self.sources:
            raise _unknown_source(name, [*self.sources, *others])
        return self.sources[name]

    def known(self, name: str, *, generic: bool = False) -> str:
        """The name of a source, or of several joined by `+`. Raises SigmagenError for an unknown one.

        `generic`: the generic source is allowed, too.
        """
        known = [*self.sources, *([GENERIC] if generic and self.generic else [])]
        for part in name.split("+"):
            if part not in known:
                raise _unknown_source(part, known)
        return name

    def convert(self, rule: BaseRule | Correlation, source: Source, name: str, mode: Mode = "hunt") -> Query:
        """The query of a rule over a source in a target's language, by the target's name.

        Raises SigmagenError if the source lacks a field there, or the language can't express the rule.
        """
        target = registry.get(name)
        if target.lacks_correlations and isinstance(rule, Correlation):
            raise not_convertible(rule, name, UnsupportedCorrelationError(target.lacks_correlations))
        self._require_mapped(rule, source, target.stored_in)
        plan = build_plan(rule, source, target.stored_in, self.taxonomy, mode, target=name)
        try:
            rendered = render(plan, target)
        except (UnsupportedCorrelationError, UnsupportedDetectionError) as error:
            raise not_convertible(rule, name, error) from None
        except NameClashError as error:
            clash = Problem("name-clash", f"{rule.title}: {error}", file=rule.file, line=rule.line)
            raise SigmagenError(clash) from None
        indistinct_notes = self._find_indistinct(rule, source, target) if target.missing_is_empty else []
        notes = [
            Problem("detection-approximated", f"{rule.title}: {note}", "warning", rule.file, rule.line)
            for note in (*rendered.notes, *indistinct_notes)
        ]
        notes += [
            Problem("location-unknown", f"{rule.title}: replace {table} by your table", "warning", rule.file, rule.line)
            for table in find_unknown_tables(source, target.stored_in)
        ]
        columns = {column: name for column, name in rendered.columns.items() if name in plan.group_by}
        schedule, warnings = self._schedule(plan.windows, source.stored[target.stored_in], rule)
        return Query(
            rule,
            source,
            name,
            mode,
            rendered.text,
            columns,
            plan.windows,
            schedule,
            tuple(dict.fromkeys((*plan.warnings, *notes, *warnings))),
            plan.ranged,
            plan.estimated,
            plan,
        )

    def _find_indistinct(self, rule: BaseRule | Correlation, source: Source, target: Target) -> list[str]:
        """Notes on tests that the target can't distinguish: whether a text is missing, null or empty."""
        notes = []
        for base in base_rules(rule):
            part = source.part_for(base.logsource)
            native = base.logsource.category is None or (part is not None and part.stored[target.stored_in].untyped)
            for name in find_presence_tests(base):
                if native:
                    kind = part.native_fields.get(name, "string") if part else "string"
                else:
                    kind = self.taxonomy[name].type
                if kind in TEXTUAL:
                    notes.append(
                        f"{name} is tested for null or for its existence: in Kusto, a missing string is empty, so the "
                        "two can't be distinguished"
                    )
        return list(dict.fromkeys(notes))

    def _require_mapped(self, rule: BaseRule | Correlation, source: Source, siem: str) -> None:
        """Raises SigmagenError if a mapping doesn't say where the SIEM keeps the source's records."""
        missing = [part.name for part in source.parts if siem not in part.stored]
        if missing:
            hint = (
                f"{siem} reads canonical events: bring the logs into its table with sigmagen normalize"
                if registry.get(siem).typed_table
                else f"add targets.{siem} to the mapping of the source"
            )
            message = f"{rule.title}: source {' and '.join(missing)} is not mapped to {siem}"
            raise SigmagenError(Problem("source-not-mapped", message, file=rule.file, line=rule.line, hint=hint))

    def _schedule(
        self, windows: Sequence[Window], stored: StoredSource, rule: BaseRule | Correlation
    ) -> tuple[Schedule | None, list[Problem]]:
        if not windows:
            return None, []
        limits = self.limits(stored.name)
        slack = stored.join.slack if stored.join else 0
        schedule = Schedule.of(windows, shortest_interval=limits.shortest_interval, ingest_delay=stored.delay + slack)
        if wanted := self.intervals.get(rule.name) or self.intervals.get(rule.id or ""):
            schedule = schedule.every(max(wanted, limits.shortest_interval))
        if schedule.lookback <= limits.longest_lookback:
            return schedule, []
        message = (
            f"{rule.title}: look-back {duration_text(schedule.lookback)} is longer than {stored.name} allows, "
            f"{duration_text(limits.longest_lookback)}; a scheduled rule sees less than its window there"
        )
        return schedule, [Problem("look-back-too-long", message, "warning", rule.file, rule.line)]

    def limits(self, siem: str) -> Limits:
        """The SIEM's limits, from mappings/targets."""
        return registry.get(siem).limits or load_limits(self.mappings, siem)


def _unknown_source(name: str, known: Iterable[str]) -> SigmagenError:
    hint = f"available: {', '.join(known)}"
    return SigmagenError(Problem("unknown-source", f"unknown source {name!r}", hint=hint), EXIT_USAGE)


@lru_cache(maxsize=16)
def load_limits(mappings: Path, siem: str) -> Limits:
    """A SIEM's limits. Raises SigmagenError with all problems of the file."""
    data = load_checked(mappings / "targets" / f"{siem}.yml", "target", mappings)
    return Limits(
        shortest_interval=data.get("shortest_interval_minutes", 1) * MINUTE,
        longest_lookback=data.get("longest_lookback_days", 3650) * DAY,
    )
