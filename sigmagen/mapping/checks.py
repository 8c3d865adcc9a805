"""Checks of sources, taxonomy and pivots beyond their schema: expressions and references to names."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from sigmagen.durations import parse_duration
from sigmagen.mapping.documents import make_value_problem
from sigmagen.mapping.signatures import check_expression, find_paths, is_path
from sigmagen.problems import Problem
from sigmagen.rules.yaml import Document, KeyPath

PHASE, BUCKET = "phase", "bucket"
"""Columns besides fields that rows of a pivot can be grouped by."""


def check_source(document: Document, known: Collection[str] | None) -> Iterator[Problem]:
    """Yield the problems of a source that matches its schema. `known` are the canonical fields, None if unreadable."""
    data = document.data
    if data.get("canonical") and not isinstance(data["time"], str):
        yield make_value_problem(document, "the time of canonical events must be a field", ("time",))
    for path in data["recognise"]:
        yield from _path(document, path, ("recognise", path))
    for path in data.get("native_fields", {}):
        yield from _path(document, path, ("native_fields", path))
    yield from _path(document, data["event_id"], ("event_id",))
    for path, expression in _expressions(data):
        yield from check_expression(document, path, expression)
    for siem, target in data["targets"].items():
        if "silent_after" in target and parse_duration(target["silent_after"]) <= parse_duration(target["delay"]):
            message = "a source can't be silent before its records may have arrived"
            hint = f"write more than the delay, {target['delay']}"
            yield make_value_problem(document, message, ("targets", siem, "silent_after"), hint)
        join = target.get("join", {})
        for column in join.get("columns", {}):
            if column not in join["schema"]:
                message = f"column '{column}' is not in the schema of '{join['table']}'"
                yield make_value_problem(document, message, ("targets", siem, "join", "columns", column))
    for path in _named_fields(data) if known is not None else ():
        yield from _known_field(document, str(path[-1]), known or (), path)


def check_taxonomy(document: Document) -> Iterator[Problem]:
    """Yield the problems of derived fields: expressions, references to other fields, and cycles."""
    fields = document.data["fields"]
    read: dict[str, list[str]] = {}
    for name, entry in fields.items():
        path: KeyPath = ("fields", name, "derive")
        found = list(check_expression(document, path, entry["derive"])) if "derive" in entry else []
        yield from found
        if found or "derive" not in entry:
            continue
        read[name] = list(find_paths(entry["derive"]))
        for other in read[name]:
            yield from _known_field(document, other, fields, path)
    for name in read:
        if _reaches(read, name, name):
            yield make_value_problem(document, f"'{name}' is derived from itself", ("fields", name, "derive"))


def check_pivots(document: Document, known: Collection[str] | None) -> Iterator[Problem]:
    """Yield the problems of pivots that match their schema: unknown names and duplicate ids."""
    data = document.data
    seen: set[str] = set()
    for source, where in data.get("control_plane", {}).items():
        yield from check_expression(document, ("control_plane", source), where)
    for position, pivot in enumerate(data["pivots"]):
        path: KeyPath = ("pivots", position)
        if pivot["id"] in seen:
            yield make_value_problem(document, f"two pivots have the id '{pivot['id']}'", (*path, "id"))
        seen.add(pivot["id"])
        for key, names in (("section", data["sections"]), ("range", data["ranges"])):
            if pivot[key] not in names:
                message = f"unknown {key} '{pivot[key]}'"
                yield make_value_problem(document, message, (*path, key), f"available: {', '.join(names)}")
        yield from _pivot_columns(document, path, pivot)
        for field, place in _pivot_fields(path, pivot) if known is not None else ():
            yield from _known_field(document, field, known or (), place)


def _expressions(data: Mapping[str, Any]) -> Iterator[tuple[KeyPath, Any]]:
    """Yield the expressions of a source with their paths."""
    yield ("time",), data["time"]
    for name, expression in data.get("fields", {}).items():
        yield ("fields", name), expression
    for position, entry in enumerate(data["logsources"]):
        if "where" in entry:
            yield ("logsources", position, "where"), entry["where"]
    for siem, target in data["targets"].items():
        for part in ("fields", "native"):
            for name, expression in target.get(part, {}).items():
                yield ("targets", siem, part, name), expression
        for condition in ("where", "of_source"):
            if condition in target:
                yield ("targets", siem, condition), target[condition]
        if "join" in target:
            yield ("targets", siem, "join", "where"), target["join"]["where"]


def _named_fields(data: Mapping[str, Any]) -> Iterator[KeyPath]:
    """Yield the paths of the canonical fields that a source uses as keys."""
    yield from (("fields", name) for name in data.get("fields", {}))
    native = data.get("native_fields", {})
    for siem, target in data["targets"].items():
        yield from (("targets", siem, "fields", name) for name in target.get("fields", {}))
        yield from (("targets", siem, "unavailable", name) for name in target.get("unavailable", {}))
        paths = target.get("native", {})
        for name in target.get("narrowed", {}):
            if name not in native and name not in paths:
                yield ("targets", siem, "narrowed", name)


def _pivot_columns(document: Document, path: KeyPath, pivot: Mapping[str, Any]) -> Iterator[Problem]:
    """Check the columns that other parts of the pivot refer to."""
    columns = pivot.get("columns", {})
    made = [*columns, *pivot.get("by", ()), *pivot.get("show", ()), *pivot.get("text", ())]
    for position, key in enumerate(pivot["sort"]):
        if key.removeprefix("-") not in made:
            yield make_value_problem(document, f"unknown column '{key.removeprefix('-')}'", (*path, "sort", position))
    for name in pivot.get("keep", {}):
        if name not in columns:
            yield make_value_problem(document, f"unknown column '{name}'", (*path, "keep", name))
    for name, spec in columns.items():
        for part in spec.get("mean", ()):
            if part not in columns or "mean" in columns[part]:
                yield make_value_problem(
                    document, f"'{part}' is not a column of numbers", (*path, "columns", name, "mean")
                )


def _pivot_fields(path: KeyPath, pivot: Mapping[str, Any]) -> Iterator[tuple[str, KeyPath]]:
    """Yield the fields of a pivot with their paths."""
    for key in ("needs", "by", "show", "text"):
        for position, name in enumerate(pivot.get(key, ())):
            if key != "by" or name not in (PHASE, BUCKET):
                yield name, (*path, key, position)
    yield from ((name, (*path, "where", name)) for name in pivot.get("where", {}))
    for column, spec in pivot.get("columns", {}).items():
        place: KeyPath = (*path, "columns", column)
        for function in ("min", "max", "sum", "distinct", "values"):
            if function in spec:
                yield spec[function], (*place, function)
        if isinstance(spec.get("count"), Mapping):
            yield from ((name, (*place, "count", name)) for name in spec["count"])


def _known_field(document: Document, name: str, known: Collection[str], path: KeyPath) -> Iterator[Problem]:
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean '{near[0]}'?" if near else "the fields are in taxonomy.yml"
        yield make_value_problem(document, f"unknown field '{name}'", path, hint)


def _path(document: Document, text: str, path: KeyPath) -> Iterator[Problem]:
    if not is_path(text):
        yield make_value_problem(document, f"{text!r} is not a path", path)


def _reaches(read: Mapping[str, list[str]], start: str, wanted: str) -> bool:
    """Return whether a field is derived from another one, directly or indirectly."""
    seen: set[str] = set()
    waiting = list(read[start])
    while waiting:
        name = waiting.pop()
        if name == wanted:
            return True
        if name not in seen:
            seen.add(name)
            waiting += read.get(name, ())
    return False
