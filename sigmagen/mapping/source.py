"""Source mappings: `mappings/sources/<source>.yml`, a log source and how each SIEM stores it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, reduce
from pathlib import Path
from typing import Any

from sigmagen.durations import DAY, MINUTE, parse_duration
from sigmagen.folders import check_regular_file
from sigmagen.mapping.checks import check_source
from sigmagen.mapping.documents import load_checked
from sigmagen.mapping.taxonomy import known_fields
from sigmagen.problems import Problem, SigmagenError
from sigmagen.rules.model import LogSource
from sigmagen.targets import registry


@dataclass(frozen=True)
class JoinedTable:
    """A second table with a part of each call, joined on a correlation id."""

    table: str
    on: str
    where: Any
    columns: Mapping[str, str]
    schema: Mapping[str, str]
    slack: int


@dataclass(frozen=True)
class Forwarded:
    """A column of addresses that gets a whole X-Forwarded-For header where a product has a setting on."""

    column: str
    by: str
    setting: str


@dataclass(frozen=True)
class StoredSource:
    """A source as one SIEM stores it.

    `location` is the table, index pattern or search. `columns` are the stored columns and their types. `native` maps
    native paths to stored ones. `fields` are expressions for canonical fields over the stored record. `stored_native`
    means that the stored record has the native paths (inside the JSON text column `record`, if there is one).
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
    of_source: Any = None
    """Which rows are the source's, in a place that holds other logs, too."""
    join: JoinedTable | None = None
    duplicates: bool = False
    unavailable: Mapping[str, str] = field(default_factory=dict)
    narrowed: Mapping[str, str] = field(default_factory=dict)
    silent_after: int = DAY
    """How long no record may arrive before the source counts as silent, in milliseconds: a day, so that a night without
    calls does not alert."""
    experimental: str | None = None
    presumes: str = ""
    untyped: bool = False
    """The stored columns are unknown: a value is read as the type that it is compared with."""
    searched: tuple[str, ...] = ()
    """The columns of an untyped source that are searched for a value without a field."""
    several: frozenset[str] = frozenset()
    """Stored columns that may have several values."""
    props: Mapping[str, Mapping[str, str | int]] = field(default_factory=dict)
    """Splunk's settings for sourcetypes that nobody else defines, by sourcetype."""
    forwarded: Forwarded | None = None
    calculated: Mapping[str, str] = field(default_factory=dict)
    """Search-time fields of a Splunk add-on with their eval expressions."""


@dataclass(frozen=True)
class LogsourceEntry:
    """A Sigma logsource of a source, and the condition for its records."""

    logsource: LogSource
    where: Any = None


@dataclass(frozen=True)
class Source:
    """A log source, or several combined by `combine_sources` for a rule that correlates across them."""

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
    """Whether queries keep one event per id. Only safe if the provider creates the id and callers can't choose it."""
    defaults: Mapping[str, str] = field(default_factory=dict)
    """Default values for fields that are missing in a record."""
    together: tuple[tuple[LogSource, Source], ...] = ()
    trusted_proxies: int = 1
    """The number of trusted proxies that a call with X-Forwarded-For passes."""

    @property
    def parts(self) -> tuple[Source, ...]:
        """The distinct sources that are read: this one, or the combined ones."""
        return tuple({part.name: part for _, part in self.together}.values()) or (self,)

    def part_for(self, logsource: LogSource) -> Source | None:
        """Return the part that has a logsource, if any."""
        if self.together:
            return dict(self.together).get(logsource)
        return self if self.entry_for(logsource) else None

    def entry_for(self, logsource: LogSource) -> LogsourceEntry | None:
        """Return the entry for a rule's logsource, if the source has one. An entry without parts matches all."""
        return next((entry for entry in self.logsources if entry.logsource in (logsource, LogSource())), None)

    def entry_for_any_category(self) -> LogsourceEntry | None:
        """Return an entry for the records of all categories, if the source has a category."""
        entries = [entry for entry in self.logsources if entry.logsource.category]
        return either_of(entries) if entries else None


def either_of(entries: Sequence[LogsourceEntry]) -> LogsourceEntry:
    """Return an entry for the records of any of the entries, of which there is at least one."""
    conditions = [entry.where for entry in entries]
    if None in conditions:
        return replace(entries[0], where=None)
    return replace(entries[0], where=reduce(lambda one, other: {"either": [one, other]}, conditions))


def combine_sources(chosen: Sequence[tuple[LogSource, Source]]) -> Source:
    """Combine the sources that a rule reads, each for one logsource, into one."""
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


def relocate(source: Source, siem: str, place: Callable[[Source], str]) -> Source:
    """Return the source with other locations in a SIEM: `place` returns the location of each part that it keeps."""

    def moved(part: Source) -> Source:
        if siem not in part.stored:
            return part
        return replace(part, stored={**part.stored, siem: replace(part.stored[siem], location=place(part))})

    if not source.together:
        return moved(source)
    return combine_sources([(logsource, moved(part)) for logsource, part in source.together])


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
        of_source=data.get("of_source"),
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
        silent_after=parse_duration(data["silent_after"]) if "silent_after" in data else DAY,
        experimental=data.get("experimental"),
        presumes=" ".join(data.get("presumes", "").split()),
        several=frozenset(data.get("several", ())),
        props=data.get("props", {}),
        forwarded=Forwarded(**data["forwarded"]) if "forwarded" in data else None,
        calculated=data.get("calculated", {}),
    )


def parse_source(name: str, data: dict[str, Any]) -> Source:
    """Parse a source from validated YAML data."""
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


def find_source_files(mappings: Path) -> tuple[list[Path], list[Problem]]:
    """Return the source mapping files in a folder, and a warning for each path that is not a regular file."""
    folder = mappings / "sources"
    found = {path: check_regular_file(str(path), str(folder)) for path in sorted(folder.glob("*.yml"))}
    return [path for path, left_out in found.items() if not left_out], [item for item in found.values() if item]


@lru_cache(maxsize=4)
def load_sources(mappings: Path) -> dict[str, Source]:
    """Load all sources of a mappings folder by name. Raises SigmagenError with all their problems."""
    known = known_fields(mappings)
    sources: dict[str, Source] = {}
    problems: list[Problem] = []
    for path in find_source_files(mappings)[0]:
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
                "no source mappings found",
                file=str(mappings / "sources"),
                hint="use --mappings with a folder that contains sources/*.yml",
            )
        )
    return sources
