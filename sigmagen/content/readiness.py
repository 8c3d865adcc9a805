"""Readiness of a source in a SIEM, as one plan: whether what rules read arrives, in time, whole, and with its fields.

The result is one row over the range that the query is run over, by default a day. `events` is the number of records and
`last_event` the time of the last one; `delay_p50_seconds` and `delay_p99_seconds` say how long after its time a record
arrives. Shares are percentages of `events`, with one decimal: `<field>.share` of records with a value of the field,
`redacted.share` with a mark in place of the prompt, `cut.share` that a size limit has cut, and `lost.share` without the
prompt where the SIEM can't say why.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sigmagen.content.records import Records
from sigmagen.convert.render import lacking
from sigmagen.durations import DAY
from sigmagen.expr.tree import TRUE, Call, Column, Expr, Get, call, walk, when
from sigmagen.mapping.documents import load_checked
from sigmagen.mapping.expression import UnavailableFieldError
from sigmagen.mapping.signatures import check_expression
from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.mapping.view import SourceView, ViewBuilder
from sigmagen.plan.model import Plan
from sigmagen.plan.steps import Aggregate, Columns, Derive, Filter, Scan, Step
from sigmagen.plan.streams import source_steps
from sigmagen.problems import Problem
from sigmagen.rules.yaml import Document

RANGE = DAY
"""The range that a readiness query looks at, unless somebody chooses another one; milliseconds."""

PROMPT = "gen_ai.prompt"
REDACTED, CUT = "redacted.share", "cut.share"

_INGESTED = Column("ingested_at", "timestamp")
_DELAY = Column("delay", "integer")
_EVENTS = Column("events", "integer")


@dataclass(frozen=True)
class ReadinessPlan:
    """A plan, and the checks that the SIEM's language has no words for, with the reason."""

    plan: Plan
    without: Mapping[str, str]


def load_losses(mappings: Path, siem: str) -> Mapping[str, Mapping[str, Any]]:
    """How a prompt shows that it was lost, where only the SIEM's stored columns say it: conditions by source and kind.

    Raises SigmagenError with everything that is wrong with the file.
    """
    data = load_checked(mappings / "targets" / f"{siem}.yml", "target", mappings, _check_losses)
    losses: Mapping[str, Mapping[str, Any]] = data.get("lost", {})
    return losses


def _check_losses(document: Document) -> Iterator[Problem]:
    for source, conditions in document.data.get("lost", {}).items():
        for kind, condition in conditions.items():
            yield from check_expression(document, ("lost", source, kind), condition)


def plan_readiness(
    records: Records, siem: str, taxonomy: Taxonomy, losses: Mapping[str, Mapping[str, Any]] | None = None
) -> ReadinessPlan:
    """The plan of a readiness query. `losses` are the conditions of `load_losses`."""
    return _Builder(records, siem, taxonomy, (losses or {}).get(records.source.name, {})).build()


@dataclass
class _Builder:
    records: Records
    siem: str
    taxonomy: Taxonomy
    losses: Mapping[str, Any]
    without: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        source = self.records.source
        self.stored_source = source.stored[self.siem]
        self.lacking = lacking(self.siem)
        entry = self.records.entry or source.logsources[0]
        self.builder = ViewBuilder(source, self.stored_source, self.taxonomy, entry)

    def build(self) -> ReadinessPlan:
        present = {name: self.builder.use(name) for name in self.records.fields if name != "@timestamp"}
        redacted = self._redacted()
        view = self.builder.build()
        counted: dict[str, Expr] = {f"{name}.share": call("has_value", column) for name, column in present.items()}
        if redacted is not None:
            counted[REDACTED] = redacted
        if tests := self._cut_tests(view):
            counted[CUT] = Call("or", tuple(tests)) if len(tests) > 1 else tests[0]
        flags = self._lost()
        counted |= {name: call("eq", Column(name, "integer"), 1) for name, _ in flags}
        plan = Plan(
            None,
            self.records.source,
            self.stored_source,
            "hunt",
            (*self._events(view, flags), *self._summary(counted)),
            stored_as=view.stored_as,
            times=("last_event",),
        )
        return ReadinessPlan(plan, self.without)

    def _events(self, view: SourceView, flags: Columns) -> Iterator[Step]:
        """The records. What is read of the stored record itself comes before anything else."""
        steps = source_steps(self.builder, view, TRUE) if self.records.entry else [Scan()]
        yield steps[0]
        yield Derive(((_INGESTED.name, call("ingestion_time")), *flags))
        for step in steps[1:]:
            yield self._with_cut_records(view) if step == Filter(view.where) else step

    def _summary(self, counted: Mapping[str, Expr]) -> Iterator[Step]:
        time = self.builder.time()
        yield Derive(((_DELAY.name, call("seconds_between", _INGESTED, time)),))
        yield Aggregate(
            (),
            (
                (_EVENTS.name, call("count")),
                ("last_event", call("max", time)),
                ("delay_p50_seconds", call("percentile", _DELAY, 50)),
                ("delay_p99_seconds", call("percentile", _DELAY, 99)),
                *((column, call("count_if", condition)) for column, condition in counted.items()),
            ),
        )
        if counted:
            yield Derive(tuple((name, call("share", Column(name, "integer"), _EVENTS)) for name in counted))

    def _missing(self, test: Expr) -> str | None:
        """Why the SIEM's language can't say a test, if it can't."""
        operations = (part.op for part in walk(test) if isinstance(part, Call))
        return next((self.lacking[name] for name in operations if name in self.lacking), None)

    # Redacted, cut and lost.

    def _redacted(self) -> Expr | None:
        """Where the rules need something of the prompt: whether it was redacted."""
        if not any(name.startswith(PROMPT) for name in self.records.fields):
            return None
        try:
            return self.builder.redacted(PROMPT)
        except UnavailableFieldError:
            return None

    def _lost(self) -> Columns:
        """A flag for each condition under which the SIEM's mapping takes a prompt for redacted, cut or lost."""
        return tuple(
            (f"{kind}.share", when(self.builder.stored_condition(condition), 1, 0))
            for kind, condition in self.losses.items()
        )

    def _cut_tests(self, view: SourceView) -> list[Expr]:
        """Whether a text that the view decodes was cut, or the whole record, or the part that the SIEM extracts."""
        tests = [
            call("is_cut", call("stored_text")),
            *(call("is_cut", text) for text in _decoded_texts(view)),
            *(() if self.stored_source.record else (call("not_extracted", get) for get in _stored_values(view))),
        ]
        possible = [test for test in tests if self._missing(test) is None]
        if not possible and "cut" not in self.losses:
            self.without[CUT] = str(self._missing(tests[0]))
        return possible

    def _with_cut_records(self, view: SourceView) -> Step:
        """Where the whole record is a text, a cut one says nowhere what it is; then the constant that marks it must do.

        In a table of many logs, a cut record without a constant is nobody's.
        """
        shared = bool(view.prelude)
        text = _decoded_texts(view)[0] if shared else call("stored_text")
        cut, where = call("is_cut", text), self.stored_source.where
        if self._missing(cut) is not None:
            return Filter(view.where)
        if isinstance(where, dict) and "equals" in where:
            cut = call("and", cut, call("contains", text, str(where["equals"][1])))
        elif shared:
            return Filter(view.where)
        return Filter(call("or", view.where, cut))


def _values(view: SourceView) -> Sequence[Expr]:
    return [value for columns in (view.prelude, *view.layers) for _, value in columns]


def _decoded_texts(view: SourceView) -> list[Expr]:
    """The stored texts that the view decodes as JSON."""
    decoded = [
        part.args[0]
        for value in _values(view)
        for part in walk(value)
        if isinstance(part, Call) and part.op == "parse_json" and isinstance(part.args[0], Get)
    ]
    return list(dict.fromkeys(decoded))


def _stored_values(view: SourceView) -> list[Get]:
    """The values that the view reads of the stored record, each path once."""
    read = (part for value in (view.where, *_values(view)) for part in walk(value))
    found = {part.segments: part for part in read if isinstance(part, Get) and part.base is None}
    return list(found.values())
