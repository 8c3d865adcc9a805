"""SPL for Splunk 9 and later. Booleans are the strings "true" and "false", as Splunk's JSON extraction gives them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from sigmagen.expr.operations import OPERATIONS
from sigmagen.expr.tree import (
    NUMERIC,
    Call,
    Column,
    Expr,
    Get,
    Literal,
    Parameter,
    Scalar,
    UnsupportedDetectionError,
    is_last_text,
    is_network,
    walk,
)
from sigmagen.plan.steps import (
    Aggregate,
    CountRows,
    Derive,
    Expand,
    ExpandValues,
    Filter,
    InsideRange,
    Limit,
    Project,
    PruneGroups,
    Scan,
    Sort,
    Step,
    Union,
    Unique,
    columns_read,
)
from sigmagen.targets.splunk.search_terms import hoist_terms, prefilter, wide_terms, word_terms
from sigmagen.targets.splunk.values import SplunkValues
from sigmagen.targets.unprintable import find_unprintable

_PLAIN = re.compile(r"(?!(?i:and|or|not|xor|in|like|as|by|true|false|null)$)[A-Za-z_][A-Za-z0-9_]*")


class SplunkPrinter(SplunkValues):
    """Prints a plan as an SPL search."""

    functions: ClassVar[dict[str, str]] = {
        "coalesce": "coalesce",
        "if": "if",
        "lower": "lower",
        "length": "len",
        "sum": "sum",
        "min": "min",
        "max": "max",
        "values": "values",
        "any": "values",
    }

    lacking: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("epoch_seconds", "epoch_milliseconds"), "Splunk gives a record its time when it indexes it"),
        "join": "joining a second table is not implemented in SPL",
    }

    def text(self) -> str:
        lines = self.steps()
        times = [*(("window_start", "window_end") if self.plan.windows else ()), *self.plan.times]
        lines += [f'fieldformat {name}=strftime({name}, "%Y-%m-%dT%H:%M:%S%z")' for name in times]
        return "\n| ".join(lines)

    def name(self, column: str) -> str:
        if column == "_time":
            return column
        written = re.sub(r"[^A-Za-z0-9_]", "_", column)
        return self.claimed(column, written if _PLAIN.fullmatch(written) else f"f_{written}")

    def string(self, value: str) -> str:
        """A string constant. SPL has no escape for control characters, and they could control a terminal.

        Raises UnsupportedDetectionError for them.
        """
        if odd := find_unprintable(value):
            reason = f"the value {ascii(value)[:80]} can't be written: SPL has no escape for {odd}"
            raise UnsupportedDetectionError(reason)
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'

    def literal(self, value: Scalar) -> str:
        if isinstance(value, bool):
            return '"true"' if value else '"false"'
        return super().literal(value)

    def parameter(self, parameter: Parameter) -> str:
        """A form token. Its filter `s` escapes quotes but not backslashes, so a value could end the text; the
        characters that `u` leaves unchanged (letters, digits, `-_.!~*'()`) have no meaning between quotes."""
        text = f'"${parameter.name}|u$"'
        return f"tonumber({text})" if parameter.type in (*NUMERIC, "timestamp") else f"urldecode({text})"

    def null(self) -> str:
        return "null()"

    def get(self, get: Get) -> str:
        segments = list(get.segments)
        if get.base is not None:
            text = self.expr(get.base)
        elif self.stored_source.record:
            text = self.stored_source.record
        elif all(isinstance(segment, str) for segment in segments):
            return self._untyped_field(get) if self.stored_source.untyped else self.stored(".".join(map(str, segments)))
        else:
            text = "_raw"
        return self.boolean_inside_json(text, segments) if get.type == "boolean" else self.inside_json(text, segments)

    def _untyped_field(self, get: Get) -> str:
        """A field of which only the name in the rule is known."""
        name = ".".join(map(str, get.segments))
        if get.type == "timestamp":
            raise UnsupportedDetectionError(f"{name} is a time in an unknown format, so its parts can't be taken")
        return self.stored(name)

    def stored(self, field: str) -> str:
        """The name of a field that Splunk itself extracts, quoted for eval and where."""
        return field if _PLAIN.fullmatch(field) else "'" + field.replace("'", "\\'") + "'"

    # Steps.

    def steps(self) -> list[str]:
        """Search terms come first, because they use the index. They ignore case, so `where` tests again.

        A record that is read from _raw may be longer than the part that Splunk extracts fields from, and an add-on may
        change the fields' values, so only words are searched for.
        """
        first, *rest = self.plan.steps
        if isinstance(first, Union):
            return list(self._lines(self.plan.steps))
        terms = [self.stored_source.location]
        if self.stored_source.untyped:
            found, rest = hoist_terms(rest, self.plan.in_place, self.string)
            terms += found
        elif rest and isinstance(rest[0], Filter) and not self.stored_source.record:
            source_terms = wide_terms(rest[0].condition, {}, self.literal)
            if len(source_terms) == len(self.conjuncts(rest[0].condition)):
                terms += source_terms
                rest.pop(0)
        if self.stored_source.record:
            # A source's own condition comes first; its location already finds the records that meet it.
            terms += word_terms(rest if self.stored_source.where is None else rest[1:], self.string)
        elif not self.stored_source.untyped:
            terms += prefilter(rest, self.literal)
        return [" ".join(terms), *self._lines(rest)]

    def _lines(self, steps: Sequence[Step]) -> Iterator[str]:
        for position, step in enumerate(steps):
            if isinstance(step, Expand) and not any(isinstance(done, Aggregate) for done in steps[:position]):
                yield from self._drop_unread_fields(steps[position:])
            yield from self.step(step)

    def _drop_unread_fields(self, steps: Sequence[Step]) -> list[str]:
        """Drop the fields that no step reads: `mvexpand` copies whole events, and stops at 500 MB (limits.conf)."""
        read = columns_read(steps)
        return ["fields " + ", ".join(map(self.name, read)), "fields - _raw"] if read else []

    def step_scan(self, step: Scan) -> list[str]:
        return [self.stored_source.location]

    def step_union(self, step: Union) -> list[str]:
        """Streams of events run in parallel; alerts need whole subsearches, so they are appended."""
        texts = [branch.text().replace("\n", "\n    ") for branch in self.branches(step)]
        if not any(isinstance(part, Aggregate | Unique) for branch in step.branches for part in branch.steps):
            return ["| multisearch\n    " + "\n    ".join(f"[{_as_subsearch(text)}]" for text in texts)]
        first, *others = texts
        return [first.replace("\n    ", "\n"), *(f"append\n    [{_as_subsearch(text)}]" for text in others)]

    def step_insiderange(self, step: InsideRange) -> list[str]:
        """In a search over all time, info_max_time is not a number."""
        begin, end = self.expr(step.begin), self.expr(step.end)
        inside = f'{begin} >= info_min_time AND (info_max_time = "+Infinity" OR {end} <= info_max_time)'
        return ["addinfo", f"where {inside}"]

    def step_derive(self, step: Derive) -> list[str]:
        chosen = [line for _, value in step.columns if is_last_text(value) for line in self.last_message(value)]
        networks = [part for _, value in step.columns for part in walk(value) if is_network(part)]
        for address in dict.fromkeys(network.args[0] for network in networks):
            chosen += self.groups_of_address(address)
        columns = [(self.name(name), self._eval_value(value)) for name, value in step.columns]
        changed = [f"{name}={value}" for name, value in columns if name != value]
        return [*chosen, *(["eval " + ",\n    ".join(changed)] if changed else [])]

    def _eval_value(self, expression: Expr) -> str:
        """The text of an expression for eval, which needs a condition inside if()."""
        text = self.expr(expression)
        condition = isinstance(expression, Call) and OPERATIONS[expression.op].result == "boolean"
        return f'if({text}, "true", "false")' if condition else text

    def step_filter(self, step: Filter) -> list[str]:
        if isinstance(step.condition, Literal):
            return [f"where {'true' if step.condition.value else 'false'}()"]
        return ["where " + "\n    AND ".join(self.conjuncts(step.condition))]

    def step_unique(self, step: Unique) -> list[str]:
        return [f"dedup {self.name(step.column)} keepempty=true"]

    def step_aggregate(self, step: Aggregate) -> list[str]:
        columns = ", ".join(f"{self.expr(value)} AS {self.name(name)}" for name, value in step.columns) or "count"
        by = ", ".join(self.name(name) for name in step.by)
        # BY drops rows without a value, but a row without the value that one rule counts matters to the others.
        filled = " ".join(self.name(name) for name in step.by if name in self._distinct_columns())
        lines = [f'fillnull value="" {filled}'] if filled else []
        return [*lines, f"stats {columns}" + (f" BY {by}" if by else "")]

    def _distinct_columns(self) -> set[str]:
        """The columns whose distinct values are counted."""
        calls = [value for step in self.plan.steps if isinstance(step, Aggregate) for _, value in step.columns]
        return {
            part.args[0].name
            for value in calls
            for part in walk(value)
            if isinstance(part, Call) and part.op == "distinct" and isinstance(part.args[0], Column)
        }

    def step_prunegroups(self, step: PruneGroups) -> list[str]:
        """Out of memory, eventstats silently stops adding totals: groups without a total remain."""
        name, total = step.total
        by = ", ".join(self.name(column) for column in step.by)
        missing = self.op_is_missing(Column(name))
        kept = " AND ".join(self.conjuncts(step.condition, joined=True))
        kept = f"({kept})" if " AND " in kept else kept
        return [f"eventstats {self.expr(total)} AS {self.name(name)} BY {by}", f"where {missing} OR {kept}"]

    def step_expand(self, step: Expand) -> list[str]:
        column = self.name(step.name)
        return [f"eval {column}=mvrange({step.values[0]}, {step.values[-1] + 1})", f"mvexpand {column}"]

    def step_expandvalues(self, step: ExpandValues) -> list[str]:
        column = self.name(step.name)
        return [f"mvexpand {column}", f"eval {column}=tonumber({column})"]

    def step_countrows(self, step: CountRows) -> list[str]:
        return [f"eventstats count AS {self.name(step.name)}"]

    def step_sort(self, step: Sort) -> list[str]:
        return ["sort 0 " + ", ".join(("-" if descending else "+") + self.name(name) for name, descending in step.keys)]

    def step_limit(self, step: Limit) -> list[str]:
        return [f"head {step.rows}"]

    def step_project(self, step: Project) -> list[str]:
        # `table` doesn't stream, so a subsearch, whose rows are processed further, uses `fields`.
        command = "table" if self.plan.rule else "fields"
        return [f"{command} " + ", ".join(self.name(name) for name in step.columns)]


def _as_subsearch(text: str) -> str:
    """A search as the body of a subsearch."""
    return text if text.startswith("|") else f"search {text}"
