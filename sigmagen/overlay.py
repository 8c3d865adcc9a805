"""A tenant's overlay: one YAML file that tunes rules, allow lists and locations without editing them.

Every name in it must exist, so that a typing error is found before it silently leaves a rule as it was.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sigmagen.convert.converter import Converter
from sigmagen.durations import format_timespan, parse_duration, parse_timespan
from sigmagen.mapping.source import Source, StoredSource
from sigmagen.problems import Problem, SigmagenError
from sigmagen.rules.load import LoadedRules
from sigmagen.rules.model import BaseRule, Correlation, RuleFile
from sigmagen.rules.placeholders import AllowLists, load_allow_lists, placeholder_names
from sigmagen.rules.schema import check_schema, schema_path
from sigmagen.rules.yaml import Document, KeyPath, load_documents
from sigmagen.targets import registry
from sigmagen.targets.target import Location

_COUNTS = ("event_count", "value_count", "temporal", "temporal_ordered")


@dataclass(frozen=True)
class Overlay:
    """An overlay whose form and sources have been checked; names of rules and lists are checked with the rules."""

    document: Document
    data: Mapping[str, Any]

    @property
    def allow_lists(self) -> AllowLists:
        """The lists that stand in place of those of the mappings, or beside them."""
        return {name: tuple(values) for name, values in self.data.get("allow_lists", {}).items()}

    @property
    def filters(self) -> tuple[Path, ...]:
        """Files and folders of Sigma filters; their paths are relative to the overlay."""
        return tuple(Path(self.document.file).parent / name for name in self.data.get("filters", ()))

    @property
    def rules(self) -> Mapping[str, Mapping[str, Any]]:
        """What changes in a rule, by its name or id."""
        found: Mapping[str, Mapping[str, Any]] = self.data.get("rules", {})
        return found

    def of(self, rule: BaseRule | Correlation) -> Mapping[str, Any]:
        """What changes in this rule: nothing, if the overlay doesn't name it."""
        return self.rules.get(rule.name) or self.rules.get(rule.id or "") or {}

    def for_package(self, siem: str) -> Mapping[str, Any]:
        """The options of a SIEM's package."""
        found: Mapping[str, Any] = self.data.get("packages", {}).get(siem, {})
        return found

    def converter(self, converter: Converter) -> Converter:
        """A converter that reads from the tenant's places, and schedules as the tenant wants."""
        sources = {name: self._source(source) for name, source in converter.sources.items()}
        intervals = {
            name: parse_duration(change["interval"]) for name, change in self.rules.items() if "interval" in change
        }
        return replace(converter, sources=sources, intervals=intervals)

    def _source(self, source: Source) -> Source:
        changes = self.data.get("sources", {}).get(source.name, {})
        stored = {siem: _moved(part, changes.get(siem, {})) for siem, part in source.stored.items()}
        return replace(source, stored=stored, trusted_proxies=changes.get("trusted_proxies", source.trusted_proxies))

    def apply(self, loaded: LoadedRules, mappings: Path, every: LoadedRules | None = None) -> LoadedRules:
        """The rules as the tenant wants them. `every` are all rules, where only some of them are loaded.

        Raises SigmagenError for the name of a rule or an allow list that nothing has, and for a change that the rule
        has no place for.
        """
        rules = {key: rule for file in loaded.files for rule in file.documents for key in (rule.name, rule.id) if key}
        # A rule that could not be loaded has its own problem; its name is not a wrong one.
        known = {name for one in (loaded, every) if one for name in written_names(one)}
        problems = self._unused_lists(mappings, (loaded, every) if every else (loaded,))
        for name, change in self.rules.items():
            if name in rules:
                problems += self._misfits(name, change, rules[name])
            elif name not in known:
                problems.append(self._unknown("rule", name, {*rules, *known}, ("rules", name)))
        if problems:
            raise SigmagenError(problems)
        changer = _Changer(self)
        files = [file for file in map(changer.file, loaded.files) if file.subjects]
        return replace(loaded, files=tuple(files))

    def _unused_lists(self, mappings: Path, read: Iterable[LoadedRules]) -> list[Problem]:
        """Lists that neither the mappings have nor a rule or filter asks for: a misspelt one would let nobody pass."""
        known = {*load_allow_lists(mappings)[0], *(name for one in read for name in _placeholders(one))}
        return [
            self._unknown("allow list", name, known, ("allow_lists", name))
            for name in self.allow_lists
            if name not in known
        ]

    def _misfits(self, name: str, change: Mapping[str, Any], rule: BaseRule | Correlation) -> list[Problem]:
        found = []
        for key in ("threshold", "timespan", "interval"):
            if key in change and not isinstance(rule, Correlation):
                message = f"'{name}' is no correlation, so it has no {key}"
                found.append(self.document.problem("overlay-misfit", message, ("rules", name, key)))
        if found or "threshold" not in change or not isinstance(rule, Correlation):
            return found
        path: KeyPath = ("rules", name, "threshold")
        if rule.threshold is None or rule.threshold.also:
            what = "a range" if rule.threshold else "no threshold"
            return [self.document.problem("overlay-misfit", f"rule '{name}' has {what}: it takes no other one", path)]
        value = _number(change["threshold"])
        if rule.type in _COUNTS and value != int(value):
            message = f"rule '{name}' counts, so its threshold is a whole number, not {value}"
            return [self.document.problem("overlay-misfit", message, path)]
        return []

    def _unknown(self, what: str, name: str, known: Iterable[str], path: KeyPath) -> Problem:
        near = difflib.get_close_matches(name, sorted(known), 3)
        hint = f"{'nearest' if near else 'known'}: {', '.join(near or sorted(known)) or 'none'}"
        return self.document.problem("overlay-unknown", f"there is no {what} '{name}'", path, hint)

    def problems(self, converter: Converter) -> list[Problem]:
        """Sources and files that don't exist, and values that can't be used."""
        _, found = load_allow_lists(converter.mappings)
        for name, targets in self.data.get("sources", {}).items():
            if name not in converter.sources:
                found.append(self._unknown("source", name, converter.sources, ("sources", name)))
            for siem, change in targets.items():
                place = _place(siem, change)
                if place and (fault := place[0].find_fault(place[1])):
                    path = ("sources", name, siem, place[0].key)
                    found.append(self.document.problem("overlay-location", fault, path))
        for position, filters in enumerate(self.filters):
            if not filters.exists():
                message = f"there is no file or folder '{filters}'"
                found.append(self.document.problem("overlay-unknown", message, ("filters", position)))
        for name, change in self.rules.items():
            if "timespan" in change:
                try:
                    parse_timespan(change["timespan"])
                except ValueError as error:
                    found.append(self.document.problem("overlay-value", str(error), ("rules", name, "timespan")))
        return found


def load_overlay(path: Path, converter: Converter) -> Overlay:
    """Read an overlay. Raises SigmagenError with everything that is wrong with it, names of rules and lists aside."""
    loaded = load_documents(path)
    if loaded.problems:
        raise SigmagenError(loaded.problems)
    first, *others = loaded.documents
    if others:
        raise SigmagenError(others[0].problem("several-documents", "an overlay is one YAML document"))
    problems = check_schema(first, schema_path("overlay", converter.mappings), "overlay-form")
    if problems:
        raise SigmagenError(problems)
    overlay = Overlay(first, first.data)
    if problems := overlay.problems(converter):
        raise SigmagenError(problems)
    return overlay


def _moved(stored: StoredSource, change: Mapping[str, str]) -> StoredSource:
    if not change:
        return stored
    place = _place(stored.name, change)
    location = place[0].enclose(place[1]) if place else stored.location
    delay = parse_duration(change["delay"]) if "delay" in change else stored.delay
    return replace(stored, location=location, delay=delay)


def _place(siem: str, change: object) -> tuple[Location, str] | None:
    """How a SIEM writes the place of a source's records, and the place that a change names."""
    location = registry.get(siem).location if siem in registry.siems() else None
    if location is None or not isinstance(change, Mapping) or not change.get(location.key):
        return None
    return location, change[location.key]


def _number(threshold: Any) -> int | float:
    """A threshold's number; beside it may stand why, or what it was learned from."""
    value: int | float = threshold["value"] if isinstance(threshold, Mapping) else threshold
    return value


def written_names(loaded: LoadedRules) -> set[str]:
    """Names and ids in all files that were read, broken ones included."""
    documents = [document.data for file in loaded.sources for document in file.documents]
    found = [data.get(key) for data in documents if isinstance(data, dict) for key in ("name", "id")]
    return {name for name in found if isinstance(name, str)}


def _placeholders(loaded: LoadedRules) -> set[str]:
    """The names of the allow lists that rules and filters ask for, broken ones included."""
    found: set[str] = set()
    waiting: list[Any] = [document.data for file in loaded.sources for document in file.documents]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, dict):
            waiting += node.values()
            for key, value in node.items():
                if "expand" in str(key).split("|")[1:]:
                    found.update(placeholder_names(value))
    return found


class _Changer:
    """Copies rules with their changes; what is shared by two rules stays shared."""

    def __init__(self, overlay: Overlay) -> None:
        self._overlay = overlay
        self._changed: dict[int, BaseRule | Correlation] = {}

    def file(self, file: RuleFile) -> RuleFile:
        """The file without the rules that are left out."""
        subjects = [rule for rule in file.subjects if self._overlay.of(rule).get("include", True)]
        return replace(file, documents=tuple(map(self.rule, file.documents)), subjects=tuple(map(self.rule, subjects)))

    def rule(self, rule: BaseRule | Correlation) -> BaseRule | Correlation:
        """The changed rule, or the same one if nothing in it changes."""
        if isinstance(rule, BaseRule):
            return rule
        if id(rule) not in self._changed:
            self._changed[id(rule)] = self._correlation(rule)
        return self._changed[id(rule)]

    def _correlation(self, rule: Correlation) -> Correlation:
        change = self._overlay.of(rule)
        threshold, timespan, said = rule.threshold, rule.timespan, []
        if "threshold" in change and threshold is not None:
            said.append(f"threshold {_number(change['threshold'])} in place of {threshold.value}")
            threshold = replace(threshold, value=_number(change["threshold"]))
        if "timespan" in change:
            timespan = parse_timespan(change["timespan"])
            said.append(f"timespan {format_timespan(timespan)} in place of {format_timespan(rule.timespan)}")
        rules = tuple(map(self.rule, rule.rules))
        if not said and all(new is old for new, old in zip(rules, rule.rules, strict=True)):
            return rule
        note = f" (Tuned for this tenant: {', '.join(said)}.)" if said else ""
        return replace(rule, rules=rules, threshold=threshold, timespan=timespan, description=rule.description + note)
