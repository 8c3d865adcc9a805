"""Source mappings: `mappings/sources/<source>.yml`, one log source and where each SIEM keeps it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from sigmagen.plan.window import DAY, HOUR, MINUTE, SECOND
from sigmagen.problems import Problem, SigmagenError
from sigmagen.rules.model import LogSource
from sigmagen.rules.yaml import load_data

SIEMS = ("splunk", "elastic", "sentinel")
DUCKDB = "duckdb"
TIMES = {"splunk": "_time", "elastic": "@timestamp", "sentinel": "TimeGenerated", DUCKDB: "timestamp"}
"""The column of an event's time."""

_UNITS = {"ms": 1, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}


def milliseconds(text: str) -> int:
    """`15m` as 900000. Raises ValueError for anything but a number and ms, s, m, h or d."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", text)
    if match is None:
        raise ValueError(f"not a duration: {text!r}")
    return round(float(match[1]) * _UNITS[match[2]])


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
class Target:
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
    targets: Mapping[str, Target]
    canonical: bool = False
    together: tuple[tuple[LogSource, Source], ...] = ()

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
        """The entry that a rule's logsource asks for, if this source can feed it."""
        return next((entry for entry in self.logsources if entry.logsource == logsource), None)


def together(chosen: Sequence[tuple[LogSource, Source]]) -> Source:
    """The sources that one rule reads side by side, each for a logsource, as one."""
    parts = tuple({part.name: part for _, part in chosen}.values())
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    targets = {
        name: replace(target, delay=max(part.targets[name].delay for part in parts))
        for name, target in first.targets.items()
    }
    names, titles = "+".join(part.name for part in parts), " and ".join(part.title for part in parts)
    return replace(first, name=names, title=titles, logsources=(), targets=targets, together=tuple(chosen))


def relocated(source: Source, siem: str, place: Callable[[Source], str]) -> Source:
    """The source with its records elsewhere in a SIEM: `place` says where, for each part of it."""

    def moved(part: Source) -> Source:
        return replace(part, targets={**part.targets, siem: replace(part.targets[siem], location=place(part))})

    if not source.together:
        return moved(source)
    return together([(logsource, moved(part)) for logsource, part in source.together])


def _target(name: str, data: dict[str, Any], source: dict[str, Any], canonical: bool) -> Target:
    joined = data.get("join")
    return Target(
        name=name,
        location=data.get("table") or data.get("index") or data.get("search") or "",
        time=TIMES[name],
        delay=milliseconds(data["delay"]),
        columns=data.get("columns", {}),
        fields=data.get("fields", {}),
        native=data.get("native", {}),
        stored_native=name == "splunk" or canonical or data.get("stored") == "native",
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
            milliseconds(joined["slack"]),
        ),
        duplicates=data.get("duplicates", source.get("duplicates", False)),
        unavailable=data.get("unavailable", {}),
        narrowed=data.get("narrowed", {}),
        experimental=data.get("experimental"),
        presumes=" ".join(data.get("presumes", "").split()),
        several=frozenset(data.get("several", ())),
        props=data.get("props", {}),
    )


def parse_source(name: str, data: dict[str, Any]) -> Source:
    """A source from its YAML data. Raises KeyError or ValueError where a part is missing or malformed."""
    canonical = bool(data.get("canonical"))
    targets = {siem: _target(siem, part, data, canonical) for siem, part in data["targets"].items()}
    targets[DUCKDB] = Target(
        name=DUCKDB,
        location=name,
        time=TIMES[DUCKDB],
        delay=5 * MINUTE,
        stored_native=True,
        record="record",
        duplicates=bool(data.get("duplicates")),
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
        targets=targets,
        canonical=canonical,
    )


@lru_cache(maxsize=4)
def load_sources(mappings: Path) -> dict[str, Source]:
    """All sources of a mappings folder by name. Raises SigmagenError naming each file that can't be read."""
    sources: dict[str, Source] = {}
    problems: list[Problem] = []
    for path in sorted((mappings / "sources").glob("*.yml")):
        try:
            sources[path.stem] = parse_source(path.stem, load_data(path))
        except SigmagenError as error:
            problems.extend(error.problems)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            problems.append(
                Problem(
                    "mapping-malformed",
                    f"this source mapping is malformed: {error!r}",
                    file=str(path),
                    hint="compare with canonical.yml",
                )
            )
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
