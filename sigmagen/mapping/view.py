"""The source view: how the fields of one rule are derived from stored values in one SIEM.

Only the used fields are derived. A field that the source doesn't have there is a problem, never an empty column.
"""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sigmagen.expr.tree import TRUE, Call, Column, Expr, Get, Literal, Type, call, walk
from sigmagen.mapping.expression import UnavailableFieldError, parse, parse_path
from sigmagen.mapping.source import LogsourceEntry, Source, StoredSource
from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.targets import registry


@dataclass
class SourceView:
    """Derivations in layers, each using only earlier layers, and the condition for records."""

    prelude: list[tuple[str, Expr]]
    """The decoded record, if a SIEM stores it as text in one column."""
    where: Expr
    layers: list[list[tuple[str, Expr]]]
    joined: list[str]
    """The columns of the joined table that the view reads."""
    narrowed: list[str]
    """Notes on what the SIEM can only approximate."""
    stored_as: dict[str, str]
    """Native fields that the SIEM stores unchanged under another name, so that no alias is needed."""


@dataclass
class _Names:
    """A scope with the given `read`. Bound expressions become columns of the builder."""

    builder: ViewBuilder
    reader: Callable[[str, Type], Expr]
    field: str

    @property
    def trusted_proxies(self) -> int:
        return self.builder.source.trusted_proxies

    def read(self, text: str, kind: Type) -> Expr:
        return self.reader(text, kind)

    def bind(self, name: str, value: Expr, kind: Type) -> Expr:
        return self.builder.keep(name or self.builder.name_of_text(self.field, value), value, kind)


class ViewBuilder:
    """Collects fields, then builds the view."""

    def __init__(
        self,
        source: Source,
        stored_source: StoredSource,
        taxonomy: Taxonomy,
        entry: LogsourceEntry,
        *,
        defaulted: bool = True,
    ) -> None:
        """A `defaulted` view uses the source's defaults for missing values: for rules, not for showing events."""
        self.source = source
        self.defaulted = defaulted
        self.stored_source = stored_source
        self.taxonomy = taxonomy
        self.entry = entry
        self.native_rule = stored_source.untyped or entry.logsource.category is None
        self._derived: dict[str, tuple[int, Expr]] = {}
        self._narrowed: dict[str, str] = {}
        self._text_fields: list[str] | None = None

    def type_of(self, name: str) -> Type:
        """Return the type of a rule's field. Raises UnavailableFieldError for an unknown field."""
        if self.native_rule:
            if name in self.source.native_fields:
                return self.source.native_fields[name]
            raise UnavailableFieldError(name, _unknown(name, list(self.source.native_fields)), known=False)
        if name in self.taxonomy:
            return self.taxonomy[name].type
        raise UnavailableFieldError(name, _unknown(name, list(self.taxonomy.fields)), known=False)

    def use(self, name: str) -> Column:
        """Return the column of a field, which the view will derive. Raises UnavailableFieldError."""
        kind = self.type_of(name)
        if name == "@timestamp" and not self.native_rule:
            return self.time()
        self._derive(name, kind)
        return Column(name, kind)

    def value(self, name: str) -> Expr:
        """Return the expression of a field. Raises UnavailableFieldError."""
        column = self.use(name)
        return self._derived[name][1] if name in self._derived else column

    def carries(self, name: str) -> bool:
        """Return whether the source has the field in this SIEM."""
        try:
            ViewBuilder(self.source, self.stored_source, self.taxonomy, self.entry).use(name)
        except UnavailableFieldError:
            return False
        return True

    def text_fields(self) -> list[str]:
        """Return the source's text fields, which keywords are searched in. Excludes fingerprints."""
        if self._text_fields is None:
            self._text_fields = self._find_text_fields()
        return self._text_fields

    def _find_text_fields(self) -> list[str]:
        if self.stored_source.untyped:
            return list(self.stored_source.searched)
        kinds = (
            dict(self.source.native_fields)
            if self.native_rule
            else {
                field.name: field.type
                for field in self.taxonomy.fields.values()
                if self.entry.logsource.category in field.categories
            }
        )
        return [name for name, kind in kinds.items() if kind in ("string", "ip", "text") and self.carries(name)]

    def time(self) -> Column:
        """Return the event's time as stored by the SIEM."""
        return Column(self.stored_source.time, "timestamp")

    def event_time(self) -> Expr:
        """Return the event's time in the native record."""
        if self.source.canonical:
            return Get((str(self.source.time),), "timestamp")
        return parse(self.source.time, "timestamp", _Names(self, self._native, "time"))

    def event_id(self) -> Column:
        """Return the event's id, for dropping repeats."""
        name = self.source.event_id if self.native_rule else "event.id"
        if name not in self._derived:
            self.keep(
                name, self._native(name, "string") if self.native_rule else self._expression(name, "string"), "string"
            )
        return Column(name)

    def name_of_text(self, field: str, value: Expr) -> str:
        """Return a name for a text that a field is made of, another one for each text."""
        first = field.removesuffix(".hash") + ".text"
        names = itertools.chain([first], (f"{first}{number}" for number in itertools.count(2)))
        return next(name for name in names if name not in self._derived or self._derived[name][1] == value)

    def keep(self, name: str, value: Expr, kind: Type) -> Column:
        """Return a column for `value`, one layer above the columns that it reads."""
        used = [
            self._derived[part.name][0]
            for part in walk(value)
            if isinstance(part, Column) and part.name in self._derived
        ]
        self._derived.setdefault(name, (max(used, default=-1) + 1, value))
        return Column(name, kind)

    def redacted(self, name: str) -> Expr | None:
        """Return a condition for redaction marks in a field; None if the mapping defines no marks.

        Raises UnavailableFieldError for a field that the SIEM doesn't have.
        """
        own = name in self.stored_source.fields
        written = self.stored_source.fields.get(name) if own else self.source.fields.get(name)
        if name in self.stored_source.unavailable or not isinstance(written, dict) or "not_in" not in written:
            return None
        names = _Names(self, self.stored if own else self._native, name)
        return parse({"in": written["not_in"]}, "boolean", names)

    def stored_condition(self, written: Any) -> Expr:
        """A condition of the mappings over the columns that the SIEM stores. Raises ExpressionError."""
        return parse(written, "boolean", _Names(self, self.stored, ""))

    def build(self) -> SourceView:
        """Return the view of all fields used so far."""
        depth = max((level for level, _ in self._derived.values()), default=-1)
        layers = [
            [(name, value) for name, (level, value) in self._derived.items() if level == wanted]
            for wanted in range(depth + 1)
        ]
        prelude: list[tuple[str, Expr]] = []
        if self._decoded is not None:
            prelude = [(self._decoded.name, call("parse_json", Get((str(self.stored_source.record),), "string")))]
        used = {
            part.segments[0]
            for _, value in self._derived.values()
            for part in walk(value)
            if isinstance(part, Get) and part.base is None
        }
        joined = [name for name in (self.stored_source.join.columns if self.stored_source.join else ()) if name in used]
        return SourceView(
            prelude,
            self._where(),
            [layer for layer in layers if layer],
            joined,
            list(self._narrowed.values()),
            self._stored_as() if self.native_rule and self.stored_source.native else {},
        )

    def stored(self, text: str, kind: Type) -> Expr:
        """Return a path of the stored record."""
        return Get((text,) if self._flat_names else parse_path(text), kind)

    @property
    def _flat_names(self) -> bool:
        return registry.get(self.stored_source.name).flat_names

    def _stored_as(self) -> dict[str, str]:
        return {
            name: str(value.segments[0])
            for name, (_, value) in self._derived.items()
            if isinstance(value, Get) and value.base is None and len(value.segments) == 1
        }

    def _where(self) -> Expr:
        """Return the condition for records: that of the stored source, or else of the logsource.

        In a place that holds other logs too, only the rows of the source.
        """
        stored = self._native if self.stored_source.record else self.stored
        where, reader = self.entry.where, self._native
        if self.stored_source.where is not None:
            where, reader = self.stored_source.where, stored
        conditions = [
            parse(condition, "boolean", _Names(self, read, ""))
            for condition, read in ((self.stored_source.of_source, stored), (where, reader))
            if condition is not None
        ]
        if len(conditions) == 2:
            return call("and", *conditions)
        return conditions[0] if conditions else TRUE

    @property
    def _decoded(self) -> Column | None:
        """The column of the decoded record, if the SIEM stores it as text that only its language can decode."""
        decoded = self.stored_source.record and registry.get(self.stored_source.name).decodes_records
        return Column("record", "json") if decoded else None

    def _derive(self, name: str, kind: Type) -> None:
        if name in self._derived:
            return
        if not self.native_rule and name in self.stored_source.unavailable:
            raise UnavailableFieldError(name, self.stored_source.unavailable[name])
        if not self.native_rule and not self._direct(name) and self.taxonomy[name].derive is not None:
            value = parse(self.taxonomy[name].derive, kind, _Names(self, self._canonical, name))
        else:
            value = self._expression(name, kind)
        self.keep(name, value, kind)
        if name in self.stored_source.narrowed:
            self._narrowed[name] = self.stored_source.narrowed[name]

    def _canonical(self, name: str, kind: Type) -> Expr:
        """Return another canonical field, for a field derived from it."""
        self._derive(name, self.taxonomy[name].type)
        return Column(name, self.taxonomy[name].type)

    def _direct(self, name: str) -> bool:
        """Return whether the mapping defines the field, so that it is not derived from others."""
        if self.source.canonical:
            return not self.taxonomy[name].private
        return name in self.stored_source.fields or (self._follows_native and name in self.source.fields)

    @property
    def _follows_native(self) -> bool:
        return self.stored_source.stored_native or bool(self.stored_source.native)

    def _expression(self, name: str, kind: Type) -> Expr:
        if self.native_rule:
            return self._native(name, kind)
        if name in self.stored_source.unavailable:
            raise UnavailableFieldError(name, self.stored_source.unavailable[name])
        if self.source.canonical and self.taxonomy[name].private:
            raise UnavailableFieldError(name, "canonical events carry hashes, not text")
        if self.source.canonical:
            value = self._native(name, kind)
            if self.defaulted and name in self.source.defaults:
                value = call("coalesce", value, self.source.defaults[name])
        elif name in self.stored_source.fields:
            value = parse(self.stored_source.fields[name], kind, _Names(self, self.stored, name))
        elif self._follows_native and name in self.source.fields:
            value = parse(self.source.fields[name], kind, _Names(self, self._native, name))
        else:
            raise UnavailableFieldError(name, self._why_absent(name))
        return call("lower", value) if self.taxonomy[name].lower and not _is_constant(value) else value

    def _why_absent(self, name: str) -> str:
        if name in self.source.fields:
            return f"{self.source.title} has it, but the mapping to {self.stored_source.name} does not"
        return f"{self.source.title} does not have it"

    def _native(self, text: str, kind: Type) -> Expr:
        """Return the stored value of a path of the native record."""
        if self.source.canonical:
            return Get((text,), kind)
        if self.stored_source.untyped:
            return Get((text,) if self._flat_names else tuple(text.split(".")), kind)
        if self.stored_source.stored_native:
            return Get(parse_path(text), kind, self._decoded)
        if text in self.stored_source.native:
            if text in self.stored_source.narrowed:
                self._narrowed[text] = self.stored_source.narrowed[text]
            return parse(self.stored_source.native[text], kind, _Names(self, self.stored, text))
        raise UnavailableFieldError(text, f"{self.source.title} does not have {text} in {self.stored_source.name}")


def _is_constant(value: Expr) -> bool:
    """Return whether all that a value can be is written in the mapping, where constants are in lower case."""
    if isinstance(value, Call) and value.op == "if":
        return all(_is_constant(arg) for arg in value.args[1:])
    return isinstance(value, Literal)


def _unknown(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=3)
    return f"no such field{'; did you mean ' + ', '.join(close) + '?' if close else ''}"
