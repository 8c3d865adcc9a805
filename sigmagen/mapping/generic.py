"""The generic source: any log source, its fields named as the rule names them (`mappings/generic.yml`).

Nothing is known of the stored columns, so a field's type is what the rule compares it with, and where the events are is
the user's to say.
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
from sigmagen.mapping.documents import load_checked, value_problem
from sigmagen.mapping.source import LogsourceEntry, Source, StoredSource, together
from sigmagen.problems import Problem
from sigmagen.rules.model import BaseRule, Correlation, LogSource, base_rules
from sigmagen.rules.yaml import Document
from sigmagen.targets import registry

GENERIC = "generic"
NO_TABLE = "SET_TABLE_FOR_"
"""A Sentinel table of this name does not exist; what follows names the log source."""

_DELAY = 10 * MINUTE
_ADDRESS = re.compile(r"[0-9A-Fa-f.:]+")
_MEASURED = ("value_sum", "value_avg", "value_percentile", "value_median")


@dataclass(frozen=True)
class Place:
    """Where the SIEMs keep the log sources that have at least these parts."""

    parts: Mapping[str, str]
    locations: Mapping[str, str]

    def holds(self, logsource: LogSource) -> bool:
        """Whether a log source is of this kind."""
        return all(getattr(logsource, name) == value for name, value in self.parts.items())


@dataclass(frozen=True)
class Generic:
    """What is presumed of a log source that no mapping describes. `chosen` are locations that the user gave."""

    title: str
    stored: Mapping[str, StoredSource]
    places: tuple[Place, ...]
    chosen: Mapping[str, str]
    times: tuple[str, ...] = ("timestamp",)
    """Where a record on this machine may have its time; the first that is there counts."""

    def at(self, locations: Mapping[str, str]) -> Generic:
        """The same with the user's locations, by SIEM, for every log source."""
        return replace(self, chosen={**self.chosen, **locations})

    def source(self, rule: BaseRule | Correlation) -> Source:
        """The source of a rule's events. Log sources that are kept in different places are parts of it."""
        searched = {name: "string" for target in self.stored.values() for name in target.searched}
        kinds = {**searched, **field_types(rule)}
        parts: dict[tuple[str, ...], list[LogSource]] = {}
        for logsource in dict.fromkeys(base.logsource for base in base_rules(rule)):
            where = tuple(self._location(name, logsource) for name in self.stored)
            parts.setdefault(where, []).append(logsource)
        sources = [
            (logsource, self._part(f"{GENERIC}_{number}" if number > 1 else GENERIC, where, logsources, kinds))
            for number, (where, logsources) in enumerate(parts.items(), 1)
            for logsource in logsources
        ]
        return replace(together(sources), name=GENERIC, title=self.title)

    def records(self, rule: BaseRule | Correlation | None = None) -> Source:
        """The source of records on this machine, which every rule reads; without a rule, to store them."""
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

    def _location(self, siem: str, logsource: LogSource) -> str:
        if siem in self.chosen:
            return self.chosen[siem]
        places = (place.locations[siem] for place in self.places if siem in place.locations and place.holds(logsource))
        return next(places, self.stored[siem].location) or NO_TABLE + re.sub(r"\W+", "_", str(logsource), flags=re.A)


def unplaced(source: Source, siem: str) -> list[str]:
    """The stand-ins for tables that nobody has named yet."""
    return [part.stored[siem].location for part in source.parts if part.stored[siem].location.startswith(NO_TABLE)]


@lru_cache(maxsize=4)
def load_generic(mappings: Path) -> Generic | None:
    """The generic source of a mappings folder; None if it has none. Raises SigmagenError when it can't be read."""
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
                yield value_problem(document, fault, ("locations", number, siem))


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
    """The stored source with the fields of the SIEM's common schema, if it has one; the mapping's own go first."""
    schema = registry.get(stored.name).common_schema
    path = mappings / f"{schema}.yml"
    if schema is None or not path.exists():
        return stored
    data = load_checked(path, schema, mappings)
    types = {name: kind for kind, names in data["types"].items() for name in names}
    return replace(stored, columns={**types, **stored.columns}, several=stored.several | set(data["several"]))


@lru_cache(maxsize=64)
def field_types(rule: BaseRule | Correlation) -> Mapping[str, Type]:
    """Every field that a rule names, with the type that it is used as: text, unless only one other type fits."""
    uses: dict[str, set[Type]] = {}
    for base in base_rules(rule):
        for name, kind in _uses(base.condition):
            uses.setdefault(name, set()).update([kind] if kind else [])
    kinds = {name: _type(found) for name, found in uses.items()}
    for name, measured in _correlated(rule):
        kinds[name] = "float" if measured else kinds.get(name, "string")
    return kinds


def _type(uses: set[Type]) -> Type:
    """One type for all uses. What has an order is a number, whatever else it is compared with.

    What is compared with networks and with other text is text, which may be stored as an address.
    """
    if "float" in uses or uses == {"number"}:
        return "float"
    if uses in ({"network"}, {"network", "ip"}):
        return "ip"
    if "network" in uses:
        return "text"
    return next(iter(uses)) if uses in ({"boolean"}, {"timestamp"}) else "string"


def tested_for_presence(rule: BaseRule) -> list[str]:
    """The fields that a rule compares with null or tests with `exists`, each once."""
    return list(dict.fromkeys(name for name, kind in _uses(rule.condition) if kind is None))


def _uses(node: Any) -> Iterator[tuple[str, Type | None]]:
    """The fields below a parsed condition, each with what it is compared with; None for whether it is there."""
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
    """The fields that correlations name, as their rules call them, and whether they are measured."""
    if isinstance(rule, BaseRule):
        return
    measured = rule.threshold.fields if rule.threshold and rule.type in _MEASURED else ()
    counted = rule.threshold.fields if rule.threshold else ()
    for position, part in enumerate(rule.rules):
        for name in (*rule.group_by, *counted, *rule.fields):
            yield rule.field_in(position, name), name in measured
        yield from _correlated(part)
