"""Resolving references between documents by name or id, first in the same file, then in all loaded files."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field

from sigmagen.problems import Problem
from sigmagen.rules.correlation import BrokenDraft, Draft, Reference
from sigmagen.rules.filters import Filter
from sigmagen.rules.model import BaseRule, Correlation
from sigmagen.rules.processing import ProcessingError
from sigmagen.rules.renaming import rename_fields
from sigmagen.rules.yaml import Document, YamlFile

# Correlations of correlations. No known SIEM supports more levels.
MAX_LEVELS = 16


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One document of a file; `rule` is None if it could not be parsed."""

    document: Document
    rule: BaseRule | Draft | BrokenDraft | None

    @property
    def keys(self) -> tuple[str, ...]:
        """The names by which others may refer to this document."""
        if not isinstance(self.document.data, dict):
            return ()
        name, identifier = self.document.data.get("name"), self.document.data.get("id")
        keys = [name] if isinstance(name, str) else []
        return (*keys, identifier.lower()) if isinstance(identifier, str) else tuple(keys)

    @property
    def title(self) -> str:
        """The name of this document in messages."""
        return next(iter(self.keys), f"the document at line {self.document.line()}")


@dataclass(slots=True)
class FileDraft:
    """One file with unresolved references."""

    yaml: YamlFile
    entries: list[Entry] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    filters: list[Filter] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether the whole file could be parsed, so that a missing name is really missing."""
        return not self.yaml.problems


class Resolver:
    """Turns drafts into correlations. Every unresolved reference becomes a problem of its file."""

    def __init__(self, files: Iterable[FileDraft]) -> None:
        self._files = list(files)
        self._everywhere: dict[str, list[tuple[FileDraft, Entry]]] = {}
        self._local: dict[int, dict[str, Entry]] = {}
        self._resolved: dict[int, BaseRule | Correlation | None] = {}
        for file in self._files:
            self._index(file)

    def _index(self, file: FileDraft) -> None:
        local: dict[str, Entry] = {}
        for entry in file.entries:
            for key in entry.keys:
                if key in local:
                    path = ("name",) if entry.document.data.get("name") == key else ("id",)
                    message = f"'{key}' is also the {path[0]} of the document at line {local[key].document.line()}"
                    file.problems.append(entry.document.problem("duplicate-name", message, path))
                    continue
                local[key] = entry
                self._everywhere.setdefault(key, []).append((file, entry))
        self._local[id(file)] = local

    def resolve(self, file: FileDraft, entry: Entry) -> BaseRule | Correlation | None:
        """Return the document with all referenced rules, or None if one of them is broken."""
        return self._resolve(file, entry, ())

    def targets(self, file: FileDraft, entry: Entry) -> list[Entry]:
        """Return the existing documents that a correlation refers to."""
        references = entry.rule.references if isinstance(entry.rule, Draft) else ()
        found = (self._find(file, reference.text) for reference in references)
        return [place[1] for place in found if isinstance(place, tuple)]

    def _resolve(self, file: FileDraft, entry: Entry, above: tuple[Entry, ...]) -> BaseRule | Correlation | None:
        if isinstance(entry.rule, BaseRule) or entry.rule is None:
            return entry.rule
        if id(entry) in self._resolved:
            return self._resolved[id(entry)]
        rules = [self._follow(file, entry, reference, (*above, entry)) for reference in entry.rule.references]
        found = tuple(rule for rule in rules if rule is not None)
        result = None
        if isinstance(entry.rule, Draft) and len(found) == len(rules):
            result = self._processed(file, entry, Correlation(rules=found, **entry.rule.attributes))
        self._resolved[id(entry)] = result
        return result

    def _processed(self, file: FileDraft, entry: Entry, rule: Correlation) -> Correlation | None:
        """Return the correlation with the field names of its processed rules, or None with a problem."""
        try:
            return rename_fields(rule)
        except ProcessingError as error:
            file.problems.append(entry.document.problem("pipeline-rejected", str(error), ("correlation",)))
            return None

    def _follow(
        self, file: FileDraft, entry: Entry, reference: Reference, above: tuple[Entry, ...]
    ) -> BaseRule | Correlation | None:
        place = self._find(file, reference.text)
        if place is None:
            if file.complete:
                file.problems.append(self._unknown(file, entry, reference))
            return None
        if isinstance(place, list):
            names = ", ".join(other.document.file for _, other in place)
            message = f"rule '{reference.text}' is in several files: {names}"
            file.problems.append(entry.document.problem("ambiguous-reference", message, reference.path))
            return None
        target_file, target = place
        if target in above:
            names = " -> ".join(item.title for item in (*above[above.index(target) :], target))
            hint = "a correlation can't depend on itself"
            file.problems.append(
                entry.document.problem(
                    "reference-cycle", f"the rules refer to each other: {names}", reference.path, hint
                )
            )
            return None
        if len(above) >= MAX_LEVELS and not isinstance(target.rule, BaseRule):
            message = f"more than {MAX_LEVELS} levels of correlations"
            file.problems.append(entry.document.problem("reference-depth", message, reference.path))
            return None
        return self._resolve(target_file, target, above)

    def _find(self, file: FileDraft, text: str) -> tuple[FileDraft, Entry] | list[tuple[FileDraft, Entry]] | None:
        """Return the documents that match a reference: one, several if it is ambiguous, or none."""
        for key in (text, text.lower()):
            if entry := self._local[id(file)].get(key):
                return file, entry
            if places := self._everywhere.get(key):
                return places[0] if len(places) == 1 else places
        return None

    def _unknown(self, file: FileDraft, entry: Entry, reference: Reference) -> Problem:
        near = difflib.get_close_matches(reference.text, self._everywhere, 3)
        local = [key for other in file.entries if other is not entry for key in other.keys[:1]]
        known = ", ".join(near or local) or "none; give the referenced rule a name"
        hint = f"{'nearest' if near else 'rules of this file'}: {known}"
        return entry.document.problem("unknown-rule", f"unknown rule '{reference.text}'", reference.path, hint)
