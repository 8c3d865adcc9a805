"""A hash of everything that decides on the result of a cell: while it stays the same, so does the result."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import orjson

import sigmagen
from sigmagen.convert.converter import Converter, Query

CODE = ("engines", "sources", "proof", "mapping", "logs", "rules", "targets/duckdb")
"""Packages whose source text is part of every hash.

They write, store and read the records and compare the rows. What converts a rule is not among them, because its result,
the text of the query, is hashed itself. Whole packages are taken, so that a new module can't be forgotten.
"""

LIBRARIES = ("duckdb", "duckdb-kql", "elasticsearch", "orjson", "regex", "pysigma")
"""Libraries that read the records or run the queries."""


def fingerprint(converter: Converter, query: Query, reference: Query, test: bytes, engine: str, cases: str) -> str:
    """The hash of a cell, as hexadecimal text.

    `query` is the text under test and `reference` the one that says what is expected; `test` is the content of the
    rule's test file, from which the stored records are made; `engine` names what runs the query, with its version;
    `cases` says which of the test's cases are played.
    """
    parts = {
        "query": [_of_query(query), _of_query(reference)],
        "test": sha256(test).hexdigest(),
        "cases": cases,
        "mappings": {part.name: _of_file(converter.mappings, part.name) for part in query.source.parts},
        "fields": sorted((field.name, field.type, repr(field.derive)) for field in converter.taxonomy.fields.values()),
        "engine": engine,
        "code": _of_code(),
        "libraries": _versions(),
    }
    return sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _of_query(query: Query) -> list[Any]:
    """All of a query that running it and comparing its rows reads."""
    windows = [(window.timespan, window.tick) for window in query.windows]
    schedule = query.schedule and (query.schedule.interval, query.schedule.lookback)
    return [query.rule.name, query.target, query.mode, query.text, query.columns, windows, schedule, query.estimated]


def _of_file(mappings: Path, source: str) -> str:
    """The hash of a source's mapping file; empty for a source without one."""
    path = mappings / "sources" / f"{source}.yml"
    return sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


@cache
def _of_code() -> str:
    return code_hash(Path(sigmagen.__file__).parent / package for package in CODE)


def code_hash(packages: Iterable[Path]) -> str:
    """The hash of the names and texts of all Python files in these folders."""
    found = sha256()
    for package in packages:
        for path in sorted(package.rglob("*.py")):
            found.update(f"{package.name}/{path.relative_to(package).as_posix()}\0".encode())
            found.update(path.read_bytes() + b"\0")
    return found.hexdigest()


@cache
def _versions() -> dict[str, str]:
    """The versions of Python and of the libraries; one that is not installed has none."""
    found = {"python": f"{sys.version_info.major}.{sys.version_info.minor}"}
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            found[library] = ""
    return found
