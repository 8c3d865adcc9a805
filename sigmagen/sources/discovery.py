"""The code of a source, found by the name of its folder; whatever is missing names the file to write."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Protocol, TypeVar, cast

from sigmagen import sources as package
from sigmagen.problems import Problem, SigmagenError
from sigmagen.sources.call import Call
from sigmagen.sources.records import Record, Rows

RENDER, AT_REST, PRINCIPALS, EXAMPLES = "render", "at_rest", "principals", "examples"
RECORDS, CANONICAL = "records.ndjson", "canonical.json"

Result = TypeVar("Result")


class Renderer(Protocol):
    """`render` in `render.py`."""

    def __call__(self, call: Call) -> Record | None:
        """The native record of the call; None where the source doesn't log such a call."""


class AtRest(Protocol):
    """`splunk`, `elastic` and `sentinel` in `at_rest.py`."""

    def __call__(self, record: Record) -> Rows:
        """What the SIEM keeps of a native record, which is left as it is."""


class Naming(Protocol):
    """`named` in `principals.py`, which a source may do without."""

    def __call__(self, field: str, value: str, calls: Sequence[Call]) -> str:
        """What a field holds in the source for the value that a test file gives, one of those `calls` have."""


class MissingCodeError(SigmagenError):
    """A source lacks a piece of code, or has one that is not filled in yet."""

    @property
    def reason(self) -> str:
        """What is missing, and the file to write."""
        problem = self.problems[0]
        return f"{problem.message} ({problem.hint})"


def source_names() -> tuple[str, ...]:
    """The sources that have a folder of code, sorted."""
    return tuple(sorted(found.name for found in pkgutil.iter_modules(package.__path__) if found.ispkg))


def render(source: str, call: Call) -> Record | None:
    """The native record that `source` writes of the call; None where it doesn't log such a call.

    Raises MissingCodeError where the source has no renderer, or one that is not filled in.
    """
    return _run(source, RENDER, lambda: cast(Renderer, _function(source, RENDER, "render"))(call))


def stored_rows(siem: str, source: str, record: Record) -> Rows:
    """The rows that `siem` keeps of a native record of `source`, under the integration that the mapping presumes.

    The record is left as it is. Raises MissingCodeError where the source has no such step, or one not filled in.
    """
    return _run(source, AT_REST, lambda: cast(AtRest, _function(source, AT_REST, siem))(record))


def named(source: str, field: str, value: str, calls: Sequence[Call] = ()) -> str:
    """What `field` holds in the records of `source` for the value of a test file: the same, unless it says so."""
    if _module(source, PRINCIPALS) is None:
        return value
    return _run(source, PRINCIPALS, lambda: cast(Naming, _function(source, PRINCIPALS, "named"))(field, value, calls))


def examples(source: str) -> Path:
    """The folder of the source's example records, each file with its canonical events by hand."""
    return folder(source) / EXAMPLES


def folder(source: str) -> Path:
    """The folder of the source's code, or where it would be."""
    places = [Path(place) / source for place in package.__path__]
    return next((place for place in places if place.is_dir()), places[0])


def missing(source: str, siems: Collection[str]) -> Iterator[Problem]:
    """A warning for each file or function that a source lacks; `siems` are those that keep its records."""
    for module, name in [(RENDER, "render"), *((AT_REST, siem) for siem in siems)]:
        try:
            _function(source, module, name)
        except MissingCodeError as error:
            yield from (replace(problem, severity="warning") for problem in error.problems)
    for file in (RECORDS, CANONICAL):
        if not (examples(source) / file).is_file():
            found = _problem(source, f"{EXAMPLES}/{file}", f"the source {source!r} has no example records with events")
            yield replace(found, severity="warning")


def _run(source: str, module: str, run: Callable[[], Result]) -> Result:
    """The result; NotImplementedError, which a skeleton raises, says what is to fill in."""
    try:
        return run()
    except NotImplementedError as error:
        message = f"the code of the source {source!r} is not filled in: {error}"
        raise MissingCodeError(_problem(source, f"{module}.py", message, fill=True)) from error


def _function(source: str, module: str, name: str) -> Callable[..., object]:
    function = getattr(_module(source, module), name, None)
    if function is None:
        what = "renderer" if module == RENDER else f"at-rest step for {name}"
        raise MissingCodeError(_problem(source, f"{module}.py", f"the source {source!r} has no {what}", name))
    return cast("Callable[..., object]", function)


def _module(source: str, module: str) -> ModuleType | None:
    return _imported(source, module, tuple(package.__path__))


@cache
def _imported(source: str, module: str, _places: tuple[str, ...]) -> ModuleType | None:
    """The module of a source, None where there is none. A fault inside of one is not hidden."""
    if source not in source_names():
        return None
    name = f"{package.__name__}.{source}.{module}"
    return import_module(name) if find_spec(name) else None


def _problem(source: str, file: str, message: str, function: str | None = None, *, fill: bool = False) -> Problem:
    path = _shown(folder(source) / file)
    write = f"`{function}` in {path}" if function else path
    return Problem("source-code", message, file=path, hint=f"{'fill in' if fill else 'write'} {write}")


def _shown(path: Path) -> str:
    """The path from the folder of the project on, where it is inside of it."""
    root = Path(package.__file__).resolve().parents[2]
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
