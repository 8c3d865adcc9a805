"""What local detection runs: rules converted to SQL over tables whose columns are derived once for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from sigmagen.convert.converter import Converter, Query
from sigmagen.convert.render import render
from sigmagen.expr.tree import Column
from sigmagen.local.blind_spots import Need, load_needs, views
from sigmagen.local.detection import Rule
from sigmagen.mapping.generic import Generic
from sigmagen.mapping.source import Source, either_of
from sigmagen.plan.build import build_plan, build_view
from sigmagen.plan.columns import Columns, read_columns
from sigmagen.plan.model import Plan
from sigmagen.plan.steps import Derive
from sigmagen.problems import Problem, SigmagenError
from sigmagen.rules.model import Correlation, Threshold, base_rules
from sigmagen.targets.registry import REFERENCE


@dataclass(frozen=True)
class Hunt:
    """A rule over a source. `events` is SQL of the events that it looks at.

    `query` finds the alerts of a correlation. `parts` are, for a temporal rule, SQL of the events of each rule that it
    refers to, under the group's names.
    """

    rule: Rule
    source: Source
    query: Query | None
    events: str
    parts: tuple[str, ...] = ()


@dataclass
class Hunts:
    """Converts rules once, and collects the columns that they read, by name of the source."""

    converter: Converter
    generic: Generic | None = None
    columns: dict[str, Columns] = field(default_factory=dict)
    shown: tuple[str, ...] = ()
    """Fields of all events that can be read with `everything`, whether a rule reads them or not."""
    _made: dict[tuple[int, str], Hunt] = field(default_factory=dict)
    _plans: dict[str, Plan] = field(default_factory=dict)

    @cached_property
    def needs(self) -> tuple[Need, ...]:
        """What a record must have so that rules can see it."""
        return load_needs(self.converter.mappings)

    def feeding(self, rule: Rule) -> list[Source]:
        """The sources that a rule can read, whether they are here or not."""
        return [self.generic.records(rule)] if self.generic else self.converter.feeding(rule)

    def prepare(self, rules: Iterable[Rule], source: Source) -> None:
        """Collect the columns of a source that rules read, and those that tell what a record lacks."""
        reading: list[Rule] = []
        self.columns.setdefault(source.name, Columns())
        for rule in rules:
            for feeding in self.feeding(rule):
                if source.name in (part.name for part in feeding.parts):
                    try:
                        self.of(rule, feeding)
                        reading.append(rule)
                    except (SigmagenError, ValueError, OverflowError):
                        continue  # whoever runs the rule is told
        for view in views(source, reading, self.needs, self.converter.taxonomy):
            read_columns(view.plan, self.columns)
        if self.shown and reading and (plan := self._everything(reading, source)):
            self._plans[source.name] = plan
            read_columns(plan, self.columns)

    def everything(self, source: Source) -> str | None:
        """SQL of all events that the rules could look at, with the fields of `shown` and the rules' groups.

        Private fields are left out. None if no rule can look at the source, for which it has been prepared.
        """
        plan = self._plans.get(source.name)
        return None if plan is None else self.text(plan)

    def _everything(self, rules: Sequence[Rule], source: Source) -> Plan | None:
        logsources = dict.fromkeys(base.logsource for rule in rules for base in base_rules(rule))
        found = [entry for logsource in logsources if (entry := source.entry_for(logsource)) is not None]
        entries = list({id(entry): entry for entry in found}.values())
        if not entries:
            return None
        taxonomy = self.converter.taxonomy
        groups = [name for rule in rules for name in grouped_fields(rule)]
        fields = [name for name in dict.fromkeys((*self.shown, *groups)) if name in taxonomy]
        fields = [name for name in fields if not taxonomy[name].private]
        # Only an entry of a category has canonical fields.
        categories = [entry for entry in (*entries, *source.logsources) if entry.logsource.category]
        entry = replace((categories or entries)[0], where=either_of(entries).where)
        return build_view(source, REFERENCE, taxonomy, fields, entry)

    def of(self, rule: Rule, source: Source) -> Hunt:
        """A rule over a source. Raises SigmagenError if it can't be converted, or the source lacks a field."""
        key = id(rule), source.name
        if key not in self._made:
            for part in source.parts:
                self.columns.setdefault(part.name, Columns())
            self._made[key] = self._convert(rule, source)
        return self._made[key]

    def _convert(self, rule: Rule, source: Source) -> Hunt:
        query = None
        taxonomy = self.converter.taxonomy
        private = [name for name in grouped_fields(rule) if name in taxonomy and taxonomy[name].private]
        if private:
            message = f"{rule.title}: groups by {', '.join(private)}, and prompt text is never in an alert"
            hint = "group by its hash, such as gen_ai.prompt.hash"
            raise SigmagenError(Problem("private-group", message, file=rule.file, line=rule.line, hint=hint))
        if isinstance(rule, Correlation):
            query = self.converter.convert(rule, source, REFERENCE)
            query = query if query.plan is None else replace(query, text=self.text(query.plan))
        parts = _parts(rule) if isinstance(rule, Correlation) else ()
        return Hunt(
            rule, source, query, self._events(rule, source), tuple(self._events(part, source) for part in parts)
        )

    def _events(self, rule: Rule, source: Source) -> str:
        return self.text(build_plan(rule, source, REFERENCE, self.converter.taxonomy, "events"))

    def column(self, rule: Rule, source: Source, field: str) -> str:
        """The column of the source's table that a field of a rule's events is read from.

        Raises KeyError for a field that the events don't show.
        """
        plan = read_columns(build_plan(rule, source, REFERENCE, self.converter.taxonomy, "events"), self.columns)
        derived = (step.columns for step in plan.steps if isinstance(step, Derive))
        found = {name: value.name for columns in derived for name, value in columns if isinstance(value, Column)}
        return found[field]

    def text(self, plan: Plan) -> str:
        """SQL of a plan over the tables with columns."""
        return render(read_columns(plan, self.columns), REFERENCE).text


def grouped_fields(rule: Rule) -> tuple[str, ...]:
    """The fields that a rule groups by, as the rules below call them."""
    if not isinstance(rule, Correlation):
        return ()
    positions = range(len(rule.rules))
    return tuple(dict.fromkeys(rule.field_in(position, name) for name in rule.group_by for position in positions))


def _parts(rule: Correlation) -> Sequence[Correlation]:
    """For each rule that a temporal one refers to, one that looks at its events alone, under the group's names."""
    if not rule.kind.temporal:
        return ()
    one = Threshold("gte", 1)
    return [
        replace(
            rule,
            type="event_count",
            rules=(part,),
            threshold=one,
            expression=None,
            aliases=rule.aliases[position : position + 1],
        )
        for position, part in enumerate(rule.rules)
    ]
