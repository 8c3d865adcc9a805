"""The personas, scenarios, crowd and traces of `mappings/traffic`, with the values of one world.

A number stands in a *figure*: `{value: 52000, source: ...}` where it was published, the same in both worlds, or
`{design: 2, judgement: 3, source: assumed}` where somebody had to choose it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal

from sigmagen.mapping.documents import load_checked, make_value_problem
from sigmagen.problems import EXIT_USAGE, Problem, SigmagenError
from sigmagen.rules.yaml import Document, KeyPath

World = Literal["design", "judgement"]
WORLDS: tuple[World, ...] = ("design", "judgement")
"""Thresholds are chosen in the first, and their published score is of the second."""

ASSUMED = "assumed"
FOLDER = "traffic"
FILES = {"personas": "traffic", "scenarios": "traffic", "crowd": "traffic-crowd", "traces": "traffic-traces"}
"""Files of the folder, each with the name of its schema."""


@dataclass(frozen=True)
class Figure:
    """A number or a list of numbers of an entry, in one world, and where it is from."""

    name: str
    value: Any
    source: str

    def as_dict(self) -> dict[str, Any]:
        """The documented JSON shape."""
        return {"name": self.name, "value": self.value, "source": self.source}


@dataclass(frozen=True)
class Entry:
    """A persona or a scenario with the values of one world. `settings` has figures replaced by their values."""

    name: str
    title: str
    source: str
    settings: Mapping[str, Any]
    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class Catalogue:
    """All that traffic is made of, in one world."""

    world: World
    personas: Mapping[str, Entry]
    scenarios: Mapping[str, Entry]
    crowd: Mapping[str, Any]
    traces: Mapping[str, Any]

    def chosen(self, names: tuple[str, ...]) -> list[Entry]:
        """The scenarios of these names; a name without its last parts stands for all that begin with it.

        Raises SigmagenError for a name that no scenario has.
        """
        found: dict[str, Entry] = {}
        for name in names:
            matches = [entry for other, entry in self.scenarios.items() if f"{other}-".startswith(f"{name}-")]
            if not matches:
                raise SigmagenError(_unknown(name, self.scenarios), EXIT_USAGE)
            found |= {entry.name: entry for entry in matches}
        return list(found.values())


def _unknown(name: str, known: Mapping[str, Entry]) -> Problem:
    from difflib import get_close_matches

    near = get_close_matches(name, known, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else "`sigmagen simulate --list` shows all scenarios"
    return Problem("unknown-scenario", f"unknown scenario {name!r}", hint=hint)


def load(mappings: Path, world: World) -> Catalogue:
    """Read the folder `traffic` of the mappings for one world. Raises SigmagenError with all problems."""
    data: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, schema in FILES.items():
        path = mappings / FOLDER / f"{name}.yml"
        try:
            data[name] = load_checked(path, schema, mappings, check)
        except SigmagenError as error:
            problems += error.problems
    if problems:
        raise SigmagenError(problems)
    personas = dict(_entries(data["personas"]["personas"], world))
    return Catalogue(
        world,
        personas,
        dict(_entries(data["scenarios"]["scenarios"], world)),
        resolved(data["crowd"], world),
        data["traces"]["traces"],
    )


def _entries(data: Mapping[str, Any], world: World) -> Iterator[tuple[str, Entry]]:
    for name, entry in data.items():
        over = entry.get("over", {})
        for values in product(*(item["values"] for item in over.values())):
            chosen = dict(zip(over, values, strict=True))
            full = "-".join([name, *(_part(value) for value in values)])
            settings = {key: value for key, value in entry.items() if key not in ("title", "source", "over")}
            figures = [Figure(key, value, over[key]["source"]) for key, value in chosen.items()]
            figures += figures_of(settings, world)
            title = entry["title"].format(**{key: _part(value) for key, value in chosen.items()})
            made = resolved(settings, world) | chosen
            yield full, Entry(full, title, entry["source"], made, tuple(figures))


def _part(value: Any) -> str:
    return f"{round(100 * value)}" if isinstance(value, float) else str(value)


def is_figure(data: Any) -> bool:
    """Whether a part of a file is a figure."""
    return isinstance(data, Mapping) and "source" in data and ("value" in data or "design" in data)


def resolved(data: Any, world: World) -> Any:
    """The data with each figure replaced by its value in the world."""
    if is_figure(data):
        return data["value"] if "value" in data else data[world]
    if isinstance(data, Mapping):
        return {key: resolved(value, world) for key, value in data.items()}
    if isinstance(data, list):
        return [resolved(value, world) for value in data]
    return data


def figures_of(data: Any, world: World, name: str = "") -> Iterator[Figure]:
    """The figures in a part of a file, each with the dotted name of its place."""
    if is_figure(data):
        yield Figure(name, resolved(data, world), data["source"])
    elif isinstance(data, Mapping | list):
        pairs = data.items() if isinstance(data, Mapping) else enumerate(data, 1)
        for key, value in pairs:
            yield from figures_of(value, world, f"{name}.{key}" if name else str(key))


def check(document: Document) -> Iterator[Problem]:
    """Yield the figures that are assumed and the same in both worlds, or that differ although they were published."""
    yield from _check(document, document.data, ())


def _check(document: Document, data: Any, path: KeyPath) -> Iterator[Problem]:
    if is_figure(data):
        assumed = data["source"].startswith(ASSUMED)
        if assumed and ("value" in data or data["design"] == data["judgement"]):
            message = "an assumed figure must differ between the worlds"
            yield make_value_problem(document, message, path, "write {design: ..., judgement: ..., source: assumed}")
        elif not assumed and "design" in data:
            message = "a figure with a source has one value"
            yield make_value_problem(document, message, path, "write {value: ..., source: ...}, or `source: assumed`")
    elif isinstance(data, Mapping):
        for key, value in data.items():
            yield from _check(document, value, (*path, key))
    elif isinstance(data, list):
        for position, value in enumerate(data):
            yield from _check(document, value, (*path, position))
