"""A tenant's overlay: one YAML file that tunes rules, allow lists and locations without editing them.

Every name in it must exist: a misspelt one would silently change nothing.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sigmagen.convert.converter import Converter
from sigmagen.durations import duration_text, format_timespan, parse_duration, parse_timespan
from sigmagen.mapping.source import Source, StoredSource
from sigmagen.problems import Problem, SigmagenError
from sigmagen.rules.load import LoadedRules
from sigmagen.rules.model import BaseRule, Correlation, RuleFile
from sigmagen.rules.placeholders import AllowLists, find_placeholders, load_allow_lists
from sigmagen.rules.schema import check_schema, find_schema
from sigmagen.rules.yaml import Document, KeyPath, load_documents
from sigmagen.targets import registry
from sigmagen.targets.target import Location


@dataclass(frozen=True)
class Overlay:
    """An overlay with checked form and sources. Names of rules and allow lists are checked in `apply`."""

    document: Document
    data: Mapping[str, Any]

    @property
    def allow_lists(self) -> AllowLists:
        """The allow lists that replace or extend those of the mappings."""
        return {name: tuple(values) for name, values in self.data.get("allow_lists", {}).items()}

    @property
    def filters(self) -> tuple[Path, ...]:
        """Files and folders of Sigma filters, given relative to the overlay."""
        return tuple(Path(self.document.file).parent / name for name in self.data.get("filters", ()))

    @property
    def rules(self) -> Mapping[str, Mapping[str, Any]]:
        """The changes to rules, by name or id."""
        found: Mapping[str, Mapping[str, Any]] = self.data.get("rules", {})
        return found

    def of(self, rule: BaseRule | Correlation) -> Mapping[str, Any]:
        """Return the changes to a rule; empty if the overlay doesn't name it."""
        return self.rules.get(rule.name) or self.rules.get(rule.id or "") or {}

    def for_package(self, siem: str) -> Mapping[str, Any]:
        """Return the options for a SIEM's package."""
        found: Mapping[str, Any] = self.data.get("packages", {}).get(siem, {})
        return found

    def converter(self, converter: Converter) -> Converter:
        """Return the converter with the tenant's locations, delays and intervals."""
        sources = {name: self._source(source) for name, source in converter.sources.items()}
        intervals = {
            name: parse_duration(change["interval"]) for name, change in self.rules.items() if "interval" in change
        }
        return replace(converter, sources=sources, intervals=intervals)

    def _source(self, source: Source) -> Source:
        changes = self.data.get("sources", {}).get(source.name, {})
        stored = {siem: _relocate(part, changes.get(siem, {})) for siem, part in source.stored.items()}
        return replace(source, stored=stored, trusted_proxies=changes.get("trusted_proxies", source.trusted_proxies))

    def apply(self, loaded: LoadedRules, mappings: Path, every: LoadedRules | None = None) -> LoadedRules:
        """Return the rules with the tenant's changes. `every` holds all rules, if only some of them are in `loaded`.

        Raises SigmagenError for unknown names of rules and allow lists, and for changes that don't fit the rule.
        """
        rules = {key: rule for file in loaded.files for rule in file.documents for key in (rule.name, rule.id) if key}
        # A rule that could not be loaded has its own problem, so its name is not reported as unknown.
        known = {name for one in (loaded, every) if one for name in collect_names(one)}
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
        """Return a problem for each allow list that is neither in the mappings nor used by a rule or filter."""
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
                message = f"'{name}' is not a correlation, so it has no {key}"
                found.append(self.document.problem("overlay-misfit", message, ("rules", name, key)))
        if found or "threshold" not in change or not isinstance(rule, Correlation):
            return found
        path: KeyPath = ("rules", name, "threshold")
        if rule.threshold is None or rule.threshold.also:
            what = "a range" if rule.threshold else "no threshold"
            return [self.document.problem("overlay-misfit", f"rule '{name}' has {what}: it can't be changed", path)]
        value = _number(change["threshold"])
        if rule.kind.whole and value != int(value):
            message = f"the threshold of '{name}' must be a whole number, not {value}: the rule counts"
            return [self.document.problem("overlay-misfit", message, path)]
        return []

    def _unknown(self, what: str, name: str, known: Iterable[str], path: KeyPath) -> Problem:
        near = difflib.get_close_matches(name, sorted(known), 3)
        hint = f"{'did you mean' if near else 'available'}: {', '.join(near or sorted(known)) or 'none'}"
        return self.document.problem("overlay-unknown", f"unknown {what} '{name}'", path, hint)

    def _too_soon(self, converter: Converter, name: str, siem: str, change: Any) -> list[Problem]:
        """A silence that ends before the records may have arrived."""
        if not isinstance(change, Mapping) or "silent_after" not in change or name not in converter.sources:
            return []
        moved = _relocate(converter.sources[name].stored[siem], change)
        if moved.silent_after > moved.delay:
            return []
        message = "a source can't be silent before its records may have arrived"
        hint = f"write more than the delay, {duration_text(moved.delay)}"
        return [self.document.problem("overlay-value", message, ("sources", name, siem, "silent_after"), hint)]

    def problems(self, converter: Converter) -> list[Problem]:
        """Return problems for unknown sources, missing files and invalid values."""
        _, found = load_allow_lists(converter.mappings)
        for name, targets in self.data.get("sources", {}).items():
            if name not in converter.sources:
                found.append(self._unknown("source", name, converter.sources, ("sources", name)))
            for siem, change in targets.items():
                place = _place(siem, change)
                if place and (fault := place[0].find_fault(place[1])):
                    path = ("sources", name, siem, place[0].key)
                    found.append(self.document.problem("overlay-location", fault, path))
                found += self._too_soon(converter, name, siem, change)
        for position, filters in enumerate(self.filters):
            if not filters.exists():
                message = f"file or folder not found: '{filters}'"
                found.append(self.document.problem("overlay-unknown", message, ("filters", position)))
        for name, change in self.rules.items():
            if "timespan" in change:
                try:
                    parse_timespan(change["timespan"])
                except ValueError as error:
                    found.append(self.document.problem("overlay-value", str(error), ("rules", name, "timespan")))
        return found


def load_overlay(path: Path, converter: Converter) -> Overlay:
    """Load an overlay. Raises SigmagenError with all its problems, except for names of rules and allow lists."""
    loaded = load_documents(path)
    if loaded.problems:
        raise SigmagenError(loaded.problems)
    first, *others = loaded.documents
    if others:
        raise SigmagenError(others[0].problem("several-documents", "an overlay must be a single YAML document"))
    problems = check_schema(first, find_schema("overlay", converter.mappings), "overlay-form")
    if problems:
        raise SigmagenError(problems)
    overlay = Overlay(first, first.data)
    if problems := overlay.problems(converter):
        raise SigmagenError(problems)
    return overlay


def _relocate(stored: StoredSource, change: Mapping[str, str]) -> StoredSource:
    if not change:
        return stored
    place = _place(stored.name, change)
    location = place[0].enclose(place[1]) if place else stored.location
    delay = parse_duration(change["delay"]) if "delay" in change else stored.delay
    silent_after = parse_duration(change["silent_after"]) if "silent_after" in change else stored.silent_after
    return replace(stored, location=location, delay=delay, silent_after=silent_after)


def _place(siem: str, change: object) -> tuple[Location, str] | None:
    """Return the location format of a SIEM and the new location, if a change has one."""
    location = registry.get(siem).location if siem in registry.siems() else None
    if location is None or not isinstance(change, Mapping) or not change.get(location.key):
        return None
    return location, change[location.key]


def _number(threshold: Any) -> int | float:
    """Return the number of a threshold, which may be a mapping with a reason and notes from tuning."""
    value: int | float = threshold["value"] if isinstance(threshold, Mapping) else threshold
    return value


def collect_names(loaded: LoadedRules) -> set[str]:
    """Return the names and ids in all files, including broken ones."""
    documents = [document.data for file in loaded.sources for document in file.documents]
    found = [data.get(key) for data in documents if isinstance(data, dict) for key in ("name", "id")]
    return {name for name in found if isinstance(name, str)}


def _placeholders(loaded: LoadedRules) -> set[str]:
    """Return the names of the allow lists that rules and filters use, including broken ones."""
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
                    found.update(find_placeholders(value))
    return found


class _Changer:
    """Copies rules with their changes. A rule that two correlations share is copied once."""

    def __init__(self, overlay: Overlay) -> None:
        self._overlay = overlay
        self._changed: dict[int, BaseRule | Correlation] = {}

    def file(self, file: RuleFile) -> RuleFile:
        """Return the changed file, without excluded rules."""
        subjects = [rule for rule in file.subjects if self._overlay.of(rule).get("include", True)]
        return replace(file, documents=tuple(map(self.rule, file.documents)), subjects=tuple(map(self.rule, subjects)))

    def rule(self, rule: BaseRule | Correlation) -> BaseRule | Correlation:
        """Return the changed rule, or the same object if nothing changes."""
        if isinstance(rule, BaseRule):
            return rule
        if id(rule) not in self._changed:
            self._changed[id(rule)] = self._correlation(rule)
        return self._changed[id(rule)]

    def _correlation(self, rule: Correlation) -> Correlation:
        change = self._overlay.of(rule)
        threshold, timespan, changes = rule.threshold, rule.timespan, []
        if "threshold" in change and threshold is not None:
            changes.append(f"threshold {_number(change['threshold'])} instead of {threshold.value}")
            threshold = replace(threshold, value=_number(change["threshold"]))
        if "timespan" in change:
            timespan = parse_timespan(change["timespan"])
            changes.append(f"timespan {format_timespan(timespan)} instead of {format_timespan(rule.timespan)}")
        rules = tuple(map(self.rule, rule.rules))
        if not changes and all(new is old for new, old in zip(rules, rule.rules, strict=True)):
            return rule
        note = f" (Tuned for this tenant: {', '.join(changes)}.)" if changes else ""
        return replace(rule, rules=rules, threshold=threshold, timespan=timespan, description=rule.description + note)
