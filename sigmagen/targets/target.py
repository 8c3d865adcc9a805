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
    """What is wrong with a place. It goes into queries as it is, so it must not end or change them."""
    enclose: Callable[[str], str] = str
    """A place in a form that more terms may follow."""


def _no_fault(name: str, untyped: bool) -> str | None:
    return None


def _dotted(segments: Segments) -> str | None:
    """Names joined by dots; a position in a list has no name."""
    return ".".join(map(str, segments)) if all(isinstance(segment, str) for segment in segments) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A query language. Classes and functions are given as `module:name`, and are loaded when they are used."""

    name: str
    """What `-t` and mappings call it."""
    product: str
    language: str
    suffix: str
    """The suffix of query files, without the dot."""
    order: int
    """Its place in lists."""
    printer: str
    """The class that prints plans, a `sigmagen.targets.printer.Printer`."""
    engine: str | None = None
    """The function that opens an engine; see `sigmagen.engines.opening`. None for a target that nothing verifies."""
    comment: tuple[str, str] | None = None
    """What begins and ends a comment of one line."""

    siem: str = ""
    """The SIEM that keeps the events, by the name of its first target; by default the target itself."""
    time_column: str = "timestamp"
    location: Location | None = None
    """How mappings say where the SIEM keeps a source. Without it, a source is a table of native records of its name,
    with the columns `timestamp` and `record`, unless there is a `typed_table`."""
    typed_table: str | None = None
    """The table of canonical events, a typed column for each field. Other sources are brought into it first."""
    limits: Limits | None = None
    """What the scheduler allows, if no file in `mappings/targets` says it."""

    keeps_native_records: bool = False
    """Whether the SIEM stores each record as the source wrote it."""
    flat_names: bool = False
    """Whether the dots of a stored field belong to its name, and don't separate the parts of a path."""
    common_schema: str | None = None
    """The file of mappings with the fields of the SIEM's common schema: their types, and which hold several values."""
    decodes_records: bool = False
    """Whether a query must decode a record that is stored as JSON text before it can read a field."""
    missing_is_empty: bool = False
    """Whether a text that is missing can't be distinguished from one that is empty."""

    find_name_fault: Callable[[str, bool], str | None] = _no_fault
    """Why a field of a rule can't have a name here. The second argument: nothing is known of the stored columns."""
    column_name: Callable[[Segments], str | None] = _dotted
    """The stored name of a field, for renaming fields in a pySigma pipeline; None if it is only part of a value."""
    pysigma_backend: str | None = None
    """The identifier of pySigma's own backend for the product."""

    lacks_correlations: str | None = None
    """Why the language has no correlations."""
    range_warnings: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Code and text of the warning about queries that depend on the time range that they run over, by mode."""
    sub_search_warning: str | None = None
    copies_warning: tuple[int, str] | None = None
    """How many rows may be made of each event without a warning, and its text, with a place for the number."""

    @property
    def stored_in(self) -> str:
        """The SIEM whose stored sources it reads."""
        return self.siem or self.name

    @property
    def is_siem(self) -> bool:
        """Whether it is the first language of a SIEM: mappings say where the SIEM keeps a source."""
        return self.location is not None

    def find_location_fault(self, place: str) -> str | None:
        """What is wrong with the place of a source's records. A target without mappings takes any."""
        return self.location.find_fault(place) if self.location else None

    def enclose_location(self, place: str) -> str:
        """The place of a source's records in a form that more terms may follow."""
        return self.location.enclose(place) if self.location else place

    def load_printer(self) -> Any:
        """The printer class."""
        return load(self.printer)


def load(reference: str) -> Any:
    """The object that `module:name` refers to. Raises ImportError or AttributeError."""
    module, _, name = reference.partition(":")
    return getattr(import_module(module), name)
