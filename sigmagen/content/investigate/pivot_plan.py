"""From a pivot and an alert to a query plan over a source's records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sigmagen.content.investigate.pivots import BUCKET, PHASE, Pivot, Playbook
from sigmagen.content.investigate.subject import Subject, SubjectTemplate
from sigmagen.durations import HOUR
from sigmagen.expr.address import address_condition
from sigmagen.expr.tree import NUMERIC, Column, Expr, Parameter, call, conjunction, moment, walk, when
from sigmagen.mapping.expression import UnavailableFieldError
from sigmagen.mapping.source import LogsourceEntry, Source
from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.mapping.view import ViewBuilder
from sigmagen.plan.model import Plan
from sigmagen.plan.steps import Aggregate, Columns, Derive, Filter, Limit, Project, Sort, Step, Unique
from sigmagen.plan.streams import source_steps

TIME = "@timestamp"
MISSING = "(none)"
"""What stands in a row's name for a field without a value: the calls without one are part of the answer."""

SAMPLES = 20
_OWN = Column("of_actor", "integer")


class NoPivotError(Exception):
    """A pivot that can't be asked of a source; the message says why."""


@dataclass(frozen=True)
class PivotPlan:
    """A plan, and the fields that it does without, with the reason."""

    plan: Plan
    without: Mapping[str, str]


def plan_pivot(
    pivot: Pivot,
    book: Playbook,
    source: Source,
    siem: str,
    taxonomy: Taxonomy,
    subject: Subject | SubjectTemplate,
    *,
    bucket: int = HOUR,
    with_text: bool = False,
) -> PivotPlan:
    """The plan of a pivot; a time line has rows of `bucket` milliseconds, a divisor of a day.

    Raises NoPivotError and UnavailableFieldError.
    """
    return _Builder(pivot, book, source, siem, taxonomy, subject, bucket, with_text).build()


@dataclass
class _Builder:
    pivot: Pivot
    book: Playbook
    source: Source
    siem: str
    taxonomy: Taxonomy
    subject: Subject | SubjectTemplate
    bucket: int
    with_text: bool
    without: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.siem not in self.source.stored:
            raise NoPivotError(f"{self.source.name} is not mapped to {self.siem}")
        self.stored_source = self.source.stored[self.siem]
        self.view = ViewBuilder(self.source, self.stored_source, self.taxonomy, self._entry())
        self.time = self.view.time()

    def _entry(self) -> LogsourceEntry:
        """Which records: the calls, or the control plane's beside them, under the canonical names."""
        calls = next((entry for entry in self.source.logsources if entry.logsource.category == "ai_inference"), None)
        if calls is None or self.stored_source.untyped:
            raise NoPivotError(f"{self.source.name} has no canonical fields")
        if not self.pivot.control_plane:
            return calls
        if self.source.name not in self.book.control_plane:
            known = ", ".join(sorted(self.book.control_plane))
            raise NoPivotError(f"{self.source.title} does not log the control plane; {known} does")
        return replace(calls, where=self.book.control_plane[self.source.name])

    def build(self) -> PivotPlan:
        for name in self.pivot.needs:
            self._use(name)
        rows, times = (self._events(), ()) if self.pivot.show else self._rows()
        matching = self._matching()
        repeats: list[Step] = [Unique(self.view.event_id().name)] if self.stored_source.duplicates else []
        steps = (*source_steps(self.view, self.view.build(), matching), *repeats, *rows)
        return PivotPlan(Plan(None, self.source, self.stored_source, "hunt", steps, times=times), self.without)

    # Fields.

    def _use(self, name: str) -> Column:
        if name == TIME:
            return self.time
        if name not in self.taxonomy:
            raise NoPivotError(f"unknown field {name}")
        if self.taxonomy[name].private and not (self.with_text and name in self.pivot.text):
            raise NoPivotError(f"{name} is private")
        return self.view.use(name)

    def _carried(self, names: Sequence[str]) -> list[Column]:
        """The columns of those fields that the source carries; the others are noted."""
        found = []
        for name in names:
            try:
                found.append(self._use(name))
            except UnavailableFieldError as error:
                self.without[name] = error.reason
        return found

    # Which records.

    def _matching(self) -> Expr:
        start, end = self.book.ranges[self.pivot.range].edges(self.subject.start, self.subject.end)
        parts: list[Expr] = [call("gte", self.time, start), call("lt", self.time, end)]
        if self.pivot.whose != "everyone":
            parts.append(self._of_subject(whole=self.pivot.whose == "group"))
        for name, values in (self.pivot.where or {}).items():
            parts.append(call("in", self._use(name), *values))
        return conjunction(parts)

    def _of_subject(self, *, whole: bool) -> Expr:
        """Whether a record is the alert's: of the whole group, or of who acted."""
        group = self.subject.group
        acting = [name for name in self.book.actors if name in group]
        names = list(group) if whole or not acting else acting
        return conjunction([equals(self._use(name), group[name], self.taxonomy) for name in names])

    # Single records.

    def _events(self) -> list[Step]:
        wanted = [*self.pivot.show, *(self.pivot.text if self.with_text else ())]
        columns = tuple(column.name for column in self._carried(wanted))
        sort = [(self.time.name if name == TIME else name, down) for name, down in self.pivot.sort]
        keys = tuple(key for key in sort if key[0] in columns)
        return [Project(columns), Sort(keys), Limit(self.pivot.limit)]

    # Rows.

    def _rows(self) -> tuple[list[Step], tuple[str, ...]]:
        """The steps, and the columns of the result that hold a time."""
        by = tuple(self._by())
        if not by:
            raise NoPivotError(f"{self.source.title} carries none of {', '.join(self.pivot.by)}")
        inputs, aggregates = self._aggregates()
        after = tuple(self._afterwards(dict(aggregates)))
        groups = tuple(name for name, _ in by)
        made = {name for name, _ in (*aggregates, *after)}
        columns = (*groups, *(name for name in self._specs if name in made))
        times = tuple(name for name in columns if name == BUCKET or TIME in self._specs.get(name, {}).values())
        keys = tuple(key for key in self.pivot.sort if key[0] in columns)
        steps = [
            *self._derived(inputs, by),
            Aggregate(groups, aggregates),
            *self._kept(made),
            *([Derive(after)] if after else []),
            Project(columns),
            Sort((*keys, *((name, False) for name in groups if name not in dict(keys)))),
            Limit(self.pivot.limit),
        ]
        return steps, times

    @property
    def _specs(self) -> Mapping[str, Mapping[str, Any]]:
        return self.pivot.columns or {}

    def _derived(self, inputs: Columns, by: Columns) -> Iterator[Step]:
        """Few steps, which are dear where a dialect nests them. The rows' names, taken from fields, come last."""
        late = tuple((name, value) for name, value in inputs if _OWN in walk(value))
        early = (*self._flag(), *(item for item in inputs if item not in late))
        if late and early:
            yield Derive(early)
            yield Derive((*late, *by))
        else:
            yield Derive((*early, *late, *by))

    def _flag(self) -> Columns:
        """Whether a record is of who acted, where that is counted."""
        counted = any(
            spec.get("count") in ("actor", "others") or spec.get("from") == "others" for spec in self._specs.values()
        )
        return ((_OWN.name, when(self._of_subject(whole=False), 1, 0)),) if counted else ()

    def _aggregates(self) -> tuple[Columns, Columns]:
        """What the aggregates read, in columns of its own, and the aggregates; without what the source lacks."""
        inputs: list[tuple[str, Expr]] = []
        aggregates: list[tuple[str, Expr]] = []
        for name, spec in self._specs.items():
            if "mean" in spec:
                continue
            try:
                read, aggregate = self._column(name, spec)
            except UnavailableFieldError as error:
                self.without[_field(spec)] = error.reason
                continue
            inputs += read
            aggregates.append((name, aggregate))
        return tuple(inputs), tuple(aggregates)

    def _afterwards(self, made: Mapping[str, Expr]) -> Iterator[tuple[str, Expr]]:
        for name, spec in self._specs.items():
            if "mean" in spec and set(spec["mean"]) <= set(made):
                yield name, call("mean", *(Column(part, "integer") for part in spec["mean"]))
            elif name in made and "values" in spec:
                yield name, call("head", Column(name, "json"), SAMPLES)

    def _by(self) -> Iterator[tuple[str, Expr]]:
        for name in self.pivot.by:
            if name == PHASE:
                start, end = moment(self.subject.start), moment(self.subject.end)
                later = when(call("lt", self.time, end), "window", "after")
                yield PHASE, when(call("lt", self.time, start), "before", later)
            elif name == BUCKET:
                yield BUCKET, call("pane", self.time, self.bucket)
            else:
                for column in self._carried([name]):
                    yield name, when(call("has_value", column), call("text", column), MISSING)

    def _column(self, name: str, spec: Mapping[str, Any]) -> tuple[list[tuple[str, Expr]], Expr]:
        """What an aggregate reads, as columns of their own, and the aggregate."""
        read = f"{name}_read"
        operation, of = next((key, value) for key, value in spec.items() if key != "from")
        if operation == "count":
            return self._count(read, of)
        column = self._use(of)
        value: Expr = column
        kind = column.type
        if operation == "sum":
            value = call("coalesce", column, 0)
        elif operation == "values":
            value, kind = when(call("has_value", column), call("text", column), MISSING), "string"
        if spec.get("from") == "others":
            value = when(call("eq", _OWN, 0), value, None)
        if value == column and of not in self.pivot.by:
            return [], call(operation, column)
        # What is computed, or stands under its name for the rows by then, is kept under a name of its own.
        return [(read, value)], call(operation, Column(read, kind))

    def _count(self, read: str, of: Any) -> tuple[list[tuple[str, Expr]], Expr]:
        if of == "every":
            return [], call("count")
        if isinstance(of, str):
            return [], call("count_if", call("eq", _OWN, {"actor": 1, "others": 0}[of]))
        ((name, value),) = of.items()
        flag = Column(read, "integer")
        return [(read, when(call("eq", self._use(name), value), 1, 0))], call("count_if", call("eq", flag, 1))

    def _kept(self, made: set[str]) -> list[Step]:
        least = [(name, value) for name, value in (self.pivot.keep or {}).items() if name in made]
        return (
            [Filter(conjunction([call("gte", Column(name, "integer"), value) for name, value in least]))]
            if least
            else []
        )


def _field(spec: Mapping[str, Any]) -> str:
    """The field that a column is made of."""
    of = next(value for key, value in spec.items() if key != "from")
    return str(next(iter(of))) if isinstance(of, dict) else str(of)


def equals(column: Column, value: str | Parameter, taxonomy: Taxonomy) -> Expr:
    """Whether a field has an alert's value. Raises NoPivotError where the field can't hold it."""
    if isinstance(value, Parameter):
        return _equals_parameter(column, value, taxonomy)
    if column.type == "ip":
        address = address_condition(column, value)
        if address is None:
            raise NoPivotError(f"{column.name} is an address, {value!r} is none")
        return address
    if column.type in NUMERIC:
        try:
            return call("eq", column, int(value) if column.type == "integer" else float(value))
        except ValueError:
            raise NoPivotError(f"{column.name} is a number, {value!r} is none") from None
    if column.type == "boolean":
        return call("eq", column, value.lower() == "true")
    lower = column.type == "hash" or taxonomy[column.name].lower
    return call("eq", column, value.lower() if lower else value)


def _equals_parameter(column: Column, parameter: Parameter, taxonomy: Taxonomy) -> Expr:
    """Whether a field has a value that is filled in: as an alert shows it, so an address is written as it is there."""
    typed = replace(parameter, type=column.type)
    if column.type == "ip":
        return call("eq", call("text", column), call("text", typed))
    lower = column.type == "hash" or (column.type not in (*NUMERIC, "boolean") and taxonomy[column.name].lower)
    return call("eq", column, call("lower", typed) if lower else typed)
