"""The generic source: any log source, with the field names of the rule (`mappings/generic.yml`).

The stored columns are unknown, so a field has the type that the rule compares it with, and the user sets the location
of the events.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from sigmagen.durations import MINUTE
from sigmagen.expr.tree import Type
from sigmagen.mapping.documents import load_checked, make_value_problem
from sigmagen.mapping.source import LogsourceEntry, Source, StoredSource, combine_sources
from sigmagen.problems import Problem
from sigmagen.rules.model import BaseRule, Correlation, LogSource, base_rules
from sigmagen.rules.yaml import Document
from sigmagen.targets import registry

GENERIC = "generic"
NO_TABLE = "SET_TABLE_FOR_"
"""Prefix of a placeholder for an unknown Sentinel table, followed by the log source."""

_DELAY = 10 * MINUTE
_ADDRESS = re.compile(r"[0-9A-Fa-f.:]+")


@dataclass(frozen=True)
class Place:
    """The locations of the log sources that have at least these parts."""

    parts: Mapping[str, str]
    locations: Mapping[str, str]

    def holds(self, logsource: LogSource) -> bool:
        """Return whether a log source has these parts."""
        return all(getattr(logsource, name) == value for name, value in self.parts.items())


@dataclass(frozen=True)
class Generic:
    """Defaults for log sources without a mapping. `chosen` are locations from the user."""

    title: str
    stored: Mapping[str, StoredSource]
    places: tuple[Place, ...]
    chosen: Mapping[str, str]
    times: tuple[str, ...] = ("timestamp",)
    """Paths of the time in a local record; the first existing one is used."""

    def at(self, locations: Mapping[str, str]) -> Generic:
        """Return a copy with the user's locations, by SIEM, for every log source."""
        return replace(self, chosen={**self.chosen, **locations})

    def source(self, rule: BaseRule | Correlation) -> Source:
        """Return the source of a rule's events. Log sources at different locations are parts of it."""
        searched = {name: "string" for target in self.stored.values() for name in target.searched}
        kinds = {**searched, **field_types(rule)}
        parts: dict[tuple[str, ...], list[LogSource]] = {}
        for logsource, base in {base.logsource: base for base in base_rules(rule)}.items():
            where = tuple(self._location(name, base) for name in self.stored)
            parts.setdefault(where, []).append(logsource)
        sources = [
            (logsource, self._part(f"{GENERIC}_{number}" if number > 1 else GENERIC, where, logsources, kinds))
            for number, (where, logsources) in enumerate(parts.items(), 1)
            for logsource in logsources
        ]
        return replace(combine_sources(sources), name=GENERIC, title=self.title)

    def records(self, rule: BaseRule | Correlation | None = None) -> Source:
        """Return the source of local records, which every rule reads; without a rule, the source to store them in."""
        fields = field_types(rule) if rule else {}
        time = {"coalesce": list(self.times)}
        entries = (LogsourceEntry(LogSource()),)
        return Source(GENERIC, self.title, {}, entries, time, "id", {}, fields, self.stored)

    def _part(
        self, name: str, where: tuple[str, ...], logsources: list[LogSource], kinds: Mapping[str, Type]
    ) -> Source:
        targets = {
            target.name: replace(target, location=location)
            for target, location in zip(self.stored.values(), where, strict=True)
        }
        entries = tuple(LogsourceEntry(logsource) for logsource in logsources)
        return Source(name, self.title, {}, entries, "timestamp", "id", {}, kinds, targets)

    def _location(self, siem: str, rule: BaseRule) -> str:
        """Return the place of a rule's events: the user's choice, else that of a pipeline, of the mapping, or none."""
        if siem in self.chosen:
            return self.chosen[siem]
        if rule.processed and siem in rule.processed.locations:
            return rule.processed.locations[siem]
        logsource = rule.logsource
        places = (place.locations[siem] for place in self.places if siem in place.locations and place.holds(logsource))
        return next(places, self.stored[siem].location) or NO_TABLE + re.sub(r"\W+", "_", str(logsource), flags=re.A)


def find_unknown_tables(source: Source, siem: str) -> list[str]:
    """Return the placeholders for unknown tables."""
    return [part.stored[siem].location for part in source.parts if part.stored[siem].location.startswith(NO_TABLE)]


@lru_cache(maxsize=4)
def load_generic(mappings: Path) -> Generic | None:
    """Load the generic source of a mappings folder; None if it has none. Raises SigmagenError if it is invalid."""
    path = mappings / "generic.yml"
    if not path.exists():
        return None
    data = load_checked(path, "generic", mappings, _location_faults)
    stored = {siem: _stored_source(siem, data["targets"][siem]) for siem in registry.siems() if siem in data["targets"]}
    stored = {siem: _with_common_schema(part, mappings) for siem, part in stored.items()}
    places = tuple(
        Place(entry["logsource"], {siem: entry[siem] for siem in registry.siems() if siem in entry})
        for entry in data.get("locations", ())
    )
    readers = [name for name in registry.local() if not registry.get(name).typed_table]
    stored |= {name: _stored_source(name, {"location": GENERIC}) for name in readers}
    return Generic(data["title"], stored, places, {}, tuple(data.get("times", ("timestamp",))))


def _location_faults(document: Document) -> Iterator[Problem]:
    for number, entry in enumerate(document.data.get("locations", ())):
        for siem in registry.siems():
            if siem in entry and (fault := registry.get(siem).find_location_fault(entry[siem])):
                yield make_value_problem(document, fault, ("locations", number, siem))


def _stored_source(name: str, data: Mapping[str, Any]) -> StoredSource:
    return StoredSource(
        name=name,
        location=data.get("location") or "",
        time=registry.get(name).time_column,
        delay=_DELAY,
        stored_native=True,
        record="record" if name in registry.local() else None,
        untyped=True,
        searched=tuple(data.get("keywords", ())),
        columns=data.get("columns", {}),
        several=frozenset(data.get("several", ())),
    )


def _with_common_schema(stored: StoredSource, mappings: Path) -> StoredSource:
    """Return the stored source with the fields of the SIEM's common schema. Fields of the mapping have precedence."""
    schema = registry.get(stored.name).common_schema
    path = mappings / f"{schema}.yml"
    if schema is None or not path.exists():
        return stored
    data = load_checked(path, schema, mappings)
    types = {name: kind for kind, names in data["types"].items() for name in names}
    return replace(stored, columns={**types, **stored.columns}, several=stored.several | set(data["several"]))


@lru_cache(maxsize=64)
def field_types(rule: BaseRule | Correlation) -> Mapping[str, Type]:
    """Return the fields of a rule with the types that it uses them as: text, unless only one other type fits."""
    uses: dict[str, set[Type]] = {}
    for base in base_rules(rule):
        for name, kind in _uses(base.condition):
            uses.setdefault(name, set()).update([kind] if kind else [])
    kinds = {name: _type(found) for name, found in uses.items()}
    for name, measured in _correlated(rule):
        kinds[name] = "float" if measured else kinds.get(name, "string")
    return kinds


def _type(uses: set[Type]) -> Type:
    """Return one type for all uses. A field that is compared by order is a number, regardless of other comparisons.

    A field that is compared with networks and other text is text, which may be stored as an address.
    """
    if "float" in uses or uses == {"number"}:
        return "float"
    if uses in ({"network"}, {"network", "ip"}):
        return "ip"
    if "network" in uses:
        return "text"
    return next(iter(uses)) if uses in ({"boolean"}, {"timestamp"}) else "string"


def find_presence_tests(rule: BaseRule) -> list[str]:
    """Return the distinct fields that a rule compares with null or tests with `exists`."""
    return list(dict.fromkeys(name for name, kind in _uses(rule.condition) if kind is None))


def _uses(node: Any) -> Iterator[tuple[str, Type | None]]:
    """Yield the fields below a parsed condition with the compared value; None for a test of presence."""
    if hasattr(node, "args"):
        for part in node.args:
            yield from _uses(part)
    elif hasattr(node, "field"):
        yield from _value_uses(node.field, node.value)


def _value_uses(name: str, value: Any) -> Iterator[tuple[str, Type | None]]:
    from sigma import types

    kind = type(value)
    if kind is types.SigmaString:
        yield name, "ip" if _is_address(str(value)) else "string"
    elif kind is types.SigmaExpansion:
        for part in value.values:
            yield from _value_uses(name, part)
    elif kind in (types.SigmaNull, types.SigmaExists):
        yield name, None
    elif kind is types.SigmaTimestampPart or type(getattr(value, "number", None)) is types.SigmaTimestampPart:
        yield name, "timestamp"
    elif kind is types.SigmaFieldReference:
        yield name, "string"
        yield value.field, "string"
    else:
        kinds: dict[type, Type] = {
            types.SigmaNumber: "number",
            types.SigmaCompareExpression: "float",
            types.SigmaBool: "boolean",
            types.SigmaCIDRExpression: "network",
        }
        yield name, kinds.get(kind, "string")


def _is_address(text: str) -> bool:
    if not _ADDRESS.fullmatch(text):
        return False
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _correlated(rule: BaseRule | Correlation) -> Iterator[tuple[str, bool]]:
    """Yield the fields of correlations under their names in the rules, and whether they are aggregated."""
    if isinstance(rule, BaseRule):
        return
    measured = rule.threshold.fields if rule.threshold and rule.kind.numeric else ()
    counted = rule.threshold.fields if rule.threshold else ()
    for position, part in enumerate(rule.rules):
        for name in (*rule.group_by, *counted, *rule.fields):
            yield rule.field_in(position, name), name in measured
        yield from _correlated(part)
