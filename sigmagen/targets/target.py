"""What a target is: a query language, and what the product that runs it expects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

Segments = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a scheduler allows, in milliseconds."""

    shortest_interval: int
    longest_lookback: int


@dataclass(frozen=True, slots=True)
class Location:
    """How the place of a source's records is written in a SIEM."""

    key: str
    """What mappings and overlays call it: `search`, `index` or `table`."""
    find_fault: Callable[[str], str | None]
    """Why a place is invalid, or None. It is copied into queries unchanged, so it must not end or alter them."""
    enclose: Callable[[str], str] = str
    """Prepares a place for more terms after it, such as by adding brackets."""


def _no_fault(name: str, untyped: bool) -> str | None:
    return None


def _join_with_dots(segments: Segments) -> str | None:
    """The names joined by dots; None if a segment is a position in a list."""
    return ".".join(map(str, segments)) if all(isinstance(segment, str) for segment in segments) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A query language. Classes and functions are given as `module:name` and loaded on first use."""

    name: str
    """What `-t` and mappings call it."""
    product: str
    language: str
    suffix: str
    """The suffix of query files, without the dot."""
    order: int
    """Its position in lists of targets."""
    printer: str
    """The class that prints plans, a `sigmagen.targets.printer.Printer`."""
    engine: str | None = None
    """The function that opens an engine; see `sigmagen.engines.opening`. None if queries can't be verified."""
    comment: tuple[str, str] | None = None
    """The text before and after a one-line comment."""

    siem: str = ""
    """The SIEM that stores the events, named after its first target; empty means this target."""
    time_column: str = "timestamp"
    location: Location | None = None
    """How mappings say where the SIEM keeps a source. Without it, a source is a table of native records of its name,
    with the columns `timestamp` and `record`, unless there is a `typed_table`."""
    typed_table: str | None = None
    """The table of canonical events, a typed column for each field. Other sources are brought into it first."""
    limits: Limits | None = None
    """The scheduler's limits, if `mappings/targets` has no file for the target."""

    keeps_native_records: bool = False
    """Whether the SIEM stores each record as the source wrote it."""
    flat_names: bool = False
    """Whether a dot in a stored field is part of its name, and not a path separator."""
    common_schema: str | None = None
    """The mapping file of the SIEM's common schema: the types of its fields, and which are multi-valued."""
    decodes_records: bool = False
    """Whether a query must decode a record that is stored as JSON text before it can read a field."""
    missing_is_empty: bool = False
    """Whether a missing text can't be distinguished from an empty one."""

    find_name_fault: Callable[[str, bool], str | None] = _no_fault
    """Why a field name is invalid, or None. The second argument says whether the stored columns are unknown."""
    column_name: Callable[[Segments], str | None] = _join_with_dots
    """The stored name of a field, for renaming fields in a pySigma pipeline; None if it is only part of a value."""
    pysigma_backend: str | None = None
    """The identifier of pySigma's own backend for the product."""
    pipeline_backends: frozenset[str] = frozenset()
    """The backends of pySigma whose pipelines process rules for the product."""
    pipeline_location: str = ""
    """The key under which the state of such a pipeline has the place of the events."""
    aliases: tuple[str, ...] = ()
    """Other names for `-t`."""

    lacks_correlations: str | None = None
    """Why the language doesn't support correlations, or None."""
    range_warnings: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """By mode, the code and text of the warning about queries that depend on the time range they run over."""
    sub_search_warning: str | None = None
    copies_warning: tuple[int, str] | None = None
    """The most copies of an event that need no warning, and the warning's text with a placeholder `{copies}`."""

    @property
    def stored_in(self) -> str:
        """The SIEM whose stored sources it reads."""
        return self.siem or self.name

    @property
    def is_siem(self) -> bool:
        """Whether it is the first language of a SIEM, so that mappings say where the SIEM keeps each source."""
        return self.location is not None

    def find_location_fault(self, place: str) -> str | None:
        """Why the place of a source's records is invalid, or None. A target without mappings accepts any."""
        return self.location.find_fault(place) if self.location else None

    def enclose_location(self, place: str) -> str:
        """The place of a source's records, prepared for more terms after it."""
        return self.location.enclose(place) if self.location else place

    def load_printer(self) -> Any:
        """The printer class."""
        return load(self.printer)


def load(reference: str) -> Any:
    """The object that `module:name` refers to. Raises ImportError or AttributeError."""
    module, _, name = reference.partition(":")
    return getattr(import_module(module), name)
