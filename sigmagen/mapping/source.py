"""Source mappings: `mappings/sources/<source>.yml`, one log source and where each SIEM keeps it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from sigmagen.durations import MINUTE, parse_duration
from sigmagen.folders import not_a_file
from sigmagen.mapping.checks import check_source
from sigmagen.mapping.documents import load_checked
from sigmagen.mapping.taxonomy import known_fields
from sigmagen.problems import Problem, SigmagenError
from sigmagen.rules.model import LogSource
from sigmagen.targets import registry


@dataclass(frozen=True)
class JoinedTable:
    """A second table that carries part of a call, joined on a correlation id."""

    table: str
    on: str
    where: Any
    columns: Mapping[str, str]
    schema: Mapping[str, str]
    slack: int


@dataclass(frozen=True)
class StoredSource:
    """A source as one SIEM stores it.

    `location` is the table, index pattern or search; `columns` its stored columns and their types; `native` says where
    a native path went; `fields` are expressions for canonical fields over the stored record; `stored_native` means
    that the stored record has the native paths (inside the JSON text column `record`, if it has one).
    """

    name: str
    location: str
    time: str
    delay: int
    columns: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)
    native: Mapping[str, Any] = field(default_factory=dict)
    stored_native: bool = False
    record: str | None = None
    where: Any = None
    join: JoinedTable | None = None
    duplicates: bool = False
    unavailable: Mapping[str, str] = field(default_factory=dict)
    narrowed: Mapping[str, str] = field(default_factory=dict)
    experimental: str | None = None
    presumes: str = ""
    untyped: bool = False
    """Nothing is known of the stored columns: a value is read as what it is compared with."""
    searched: tuple[str, ...] = ()
    """Where an untyped source is searched for a value without a field."""
    several: frozenset[str] = frozenset()
    """Stored columns of which a record may hold several values."""
    props: Mapping[str, Mapping[str, str | int]] = field(default_factory=dict)
    """Splunk's settings for sourcetypes that nobody else defines, by sourcetype."""
    calculated: Mapping[str, str] = field(default_factory=dict)
    """Fields that a Splunk add-on sets when a search runs, and the eval expression of each."""


@dataclass(frozen=True)
class LogsourceEntry:
    """A Sigma logsource that a source can feed, and which of its records do."""

    logsource: LogSource
    where: Any = None


@dataclass(frozen=True)
class Source:
    """One log source, or several read `together` by a rule that correlates across them."""

    name: str
    title: str
    recognise: Mapping[str, Any]
    logsources: tuple[LogsourceEntry, ...]
    time: Any
    event_id: str
    fields: Mapping[str, Any]
    native_fields: Mapping[str, str]
    stored: Mapping[str, StoredSource]
    canonical: bool = False
    duplicates: bool = False
    """Whether queries keep one event of each id: only where the provider makes the id, and a caller can't choose it."""
    defaults: Mapping[str, str] = field(default_factory=dict)
    """What a rule reads where a record has no value of a field."""
    together: tuple[tuple[LogSource, Source], ...] = ()
    trusted_proxies: int = 1
    """How many proxies of one's own a call passes that is logged with its X-Forwarded-For."""

    @property
    def parts(self) -> tuple[Source, ...]:
        """The sources that are read, each once: this one, or those that it stands for."""
        return tuple({part.name: part for _, part in self.together}.values()) or (self,)

    def part_for(self, logsource: LogSource) -> Source | None:
        """The source that feeds a logsource, if one does."""
        if self.together:
            return dict(self.together).get(logsource)
        return self if self.entry_for(logsource) else None

    def entry_for(self, logsource: LogSource) -> LogsourceEntry | None:
        """The entry that a rule's logsource asks for, if this source can feed it. An entry without parts feeds all."""
        return next((entry for entry in self.logsources if entry.logsource in (logsource, LogSource())), None)


def together(chosen: Sequence[tuple[LogSource, Source]]) -> Source:
    """The sources that one rule reads side by side, each for a logsource, as one."""
    parts = tuple({part.name: part for _, part in chosen}.values())
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    stored = {
        name: replace(each, delay=max(part.stored[name].delay for part in parts))
        for name, each in first.stored.items()
        if all(name in part.stored for part in parts)
    }
    names, titles = "+".join(part.name for part in parts), " and ".join(part.title for part in parts)
    return replace(first, name=names, title=titles, logsources=(), stored=stored, together=tuple(chosen))


def relocated(source: Source, siem: str, place: Callable[[Source], str]) -> Source:
    """The source with its records elsewhere in a SIEM: `place` says where, for each part of it."""

    def moved(part: Source) -> Source:
        return replace(part, stored={**part.stored, siem: replace(part.stored[siem], location=place(part))})

    if not source.together:
        return moved(source)
    return together([(logsource, moved(part)) for logsource, part in source.together])


def _stored_source(name: str, data: dict[str, Any], source: dict[str, Any], canonical: bool) -> StoredSource:
    joined = data.get("join")
    return StoredSource(
        name=name,
        location=data.get("table") or data.get("index") or data.get("search") or "",
        time=registry.get(name).time_column,
        delay=parse_duration(data["delay"]),
        columns=data.get("columns", {}),
        fields=data.get("fields", {}),
        native=data.get("native", {}),
        stored_native=registry.get(name).keeps_native_records or canonical or data.get("stored") == "native",
        record=data.get("record"),
        where=data.get("where"),
        join=None
        if joined is None
        else JoinedTable(
            joined["table"],
            joined["on"],
            joined["where"],
            joined["columns"],
            joined["schema"],
            parse_duration(joined["slack"]),
        ),
        duplicates=data.get("duplicates", source.get("duplicates", False)),
        unavailable=data.get("unavailable", {}),
        narrowed=data.get("narrowed", {}),
        experimental=data.get("experimental"),
        presumes=" ".join(data.get("presumes", "").split()),
        several=frozenset(data.get("several", ())),
        props=data.get("props", {}),
        calculated=data.get("calculated", {}),
    )


def parse_source(name: str, data: dict[str, Any]) -> Source:
    """A source from its YAML data, which has been checked."""
    canonical = bool(data.get("canonical"))
    stored = {siem: _stored_source(siem, part, data, canonical) for siem, part in data["targets"].items()}
    for local in registry.local():
        target = registry.get(local)
        if target.typed_table and not canonical:
            continue
        stored[local] = StoredSource(
            name=local,
            location=target.typed_table or name,
            time=target.time_column,
            delay=5 * MINUTE,
            stored_native=True,
            record=None if target.typed_table else "record",
        )
    return Source(
        name=name,
        title=data["title"],
        recognise=data["recognise"],
        logsources=tuple(
            LogsourceEntry(
                LogSource(entry.get("category"), entry.get("product"), entry.get("service")), entry.get("where")
            )
            for entry in data["logsources"]
        ),
        time=data["time"],
        event_id=data["event_id"],
        fields=data.get("fields", {}),
        native_fields=data.get("native_fields", {}),
        stored=stored,
        canonical=canonical,
        duplicates=bool(data.get("duplicates")),
        defaults=data.get("defaults", {}),
        trusted_proxies=int(data.get("trusted_proxies", 1)),
    )


def source_files(mappings: Path) -> tuple[list[Path], list[Problem]]:
    """The files of source mappings in a folder, and a warning for each name there that is not a file."""
    folder = mappings / "sources"
    found = {path: not_a_file(str(path), str(folder)) for path in sorted(folder.glob("*.yml"))}
    return [path for path, left_out in found.items() if not left_out], [item for item in found.values() if item]


@lru_cache(maxsize=4)
def load_sources(mappings: Path) -> dict[str, Source]:
    """All sources of a mappings folder by name. Raises SigmagenError with everything that is wrong with them."""
    known = known_fields(mappings)
    sources: dict[str, Source] = {}
    problems: list[Problem] = []
    for path in source_files(mappings)[0]:
        try:
            data = load_checked(path, "source", mappings, lambda document: check_source(document, known))
            sources[path.stem] = parse_source(path.stem, data)
        except SigmagenError as error:
            problems.extend(error.problems)
    if problems:
        raise SigmagenError(problems)
    if not sources:
        raise SigmagenError(
            Problem(
                "no-mappings",
                "no source mappings here",
                file=str(mappings / "sources"),
                hint="give --mappings a folder with sources/*.yml",
            )
        )
    return sources
