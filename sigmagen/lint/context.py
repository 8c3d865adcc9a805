"""The input of the checks: all documents of all files, and the data of the mappings folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from sigmagen.lint.catalogue import Check, load_catalogue
from sigmagen.mapping.source import Source, load_sources
from sigmagen.mapping.taxonomy import Taxonomy, load_taxonomy
from sigmagen.problems import Problem, SigmagenError
from sigmagen.rules.load import LoadedRules
from sigmagen.rules.yaml import Document, KeyPath, YamlFile, load_documents


@dataclass(frozen=True, slots=True)
class RuleDocument:
    """One document of a rule file. A `subject` alerts itself: no correlation of its file refers to it."""

    file: YamlFile
    document: Document
    data: dict[str, Any]
    subject: bool

    @property
    def is_correlation(self) -> bool:
        """Whether the document is a correlation, not a base rule."""
        return "correlation" in self.data

    def body(self) -> dict[str, Any]:
        """Return the mapping under `correlation`; empty if there is none."""
        value = self.data.get("correlation")
        return value if isinstance(value, dict) else {}


class Context:
    """The checked rules, and data from the mappings folder that is loaded when first needed."""

    def __init__(self, loaded: LoadedRules, mappings: Path) -> None:
        self.loaded = loaded
        self.mappings = mappings
        self.catalogue: Mapping[str, Check] = load_catalogue(mappings)
        self.absent: list[Problem] = []
        self._frameworks: dict[str, dict[str, str] | None] = {}

    def problem(
        self, code: str, document: Document, message: str, path: KeyPath = (), hint: str | None = None
    ) -> Problem:
        """Return a problem at `path` with its severity from the catalogue."""
        return document.problem(code, message, path, hint, self.catalogue[code].severity)

    def file_problem(self, code: str, file: Path, message: str, hint: str | None = None) -> Problem:
        """Return a problem of a whole file."""
        return Problem(code, message, self.catalogue[code].severity, str(file), None, None, hint)

    @cached_property
    def documents(self) -> tuple[RuleDocument, ...]:
        """All rules and correlations, including those of broken files."""
        return tuple(document for document in self._mappings if "filter" not in document.data)

    @cached_property
    def filters(self) -> tuple[RuleDocument, ...]:
        """All filters."""
        return tuple(document for document in self._mappings if "filter" in document.data)

    @cached_property
    def _mappings(self) -> tuple[RuleDocument, ...]:
        return tuple(document for file in self.loaded.sources for document in _documents(file))

    def data(self, *parts: str) -> dict[str, Any] | None:
        """Load a file of the mappings folder. Returns None, with one warning, if it does not exist."""
        path = self.mappings.joinpath(*parts)
        loaded = load_documents(path) if path.exists() else None
        data = loaded.documents[0].data if loaded and loaded.documents else None
        if isinstance(data, dict):
            return data
        hint = "checks that need it were skipped"
        self.absent.append(self.file_problem("data-absent", path, f"{'/'.join(parts)} not found", hint))
        return None

    @cached_property
    def taxonomy(self) -> Taxonomy | None:
        """The canonical fields; None if the file does not exist, or is invalid, which is reported with the mappings."""
        if self.data("taxonomy.yml") is None:
            return None
        with suppress(SigmagenError):
            return load_taxonomy(self.mappings)
        return None

    @cached_property
    def sources(self) -> Mapping[str, Source]:
        """The sources by name; none if a mapping is invalid, which is reported with the mappings."""
        with suppress(SigmagenError):
            return load_sources(self.mappings)
        return {}

    def framework(self, name: str) -> dict[str, str] | None:
        """Return the ids of a framework file with their names; None if the file does not exist."""
        if name not in self._frameworks:
            self._frameworks[name] = _mapping(self.data("frameworks", f"{name}.yml"), "ids")
        return self._frameworks[name]


def _mapping(data: dict[str, Any] | None, key: str) -> dict[str, Any] | None:
    value = data.get(key) if data else None
    return value if isinstance(value, dict) else None


def _documents(file: YamlFile) -> Iterator[RuleDocument]:
    mappings = [document for document in file.documents if isinstance(document.data, dict)]
    referred: set[str] = set()
    for document in mappings:
        body = document.data.get("correlation")
        if isinstance(body, dict) and body.get("generate") is not True and document.data.get("generate") is not True:
            referred |= {text.lower() for text in list_texts(body.get("rules"))}
    for document in mappings:
        keys = {str(document.data.get(key)).lower() for key in ("name", "id") if document.data.get(key)}
        yield RuleDocument(file, document, document.data, not keys & referred)


def list_texts(value: object) -> list[str]:
    """Return the texts in a list; a single text is a list of one. Other values are ignored."""
    values = value if isinstance(value, list) else [value]
    return [text for text in values if isinstance(text, str)]
