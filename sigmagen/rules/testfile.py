"""The test file of a rule, `<stem>.test.yml`: attacks, benign cases and known misses."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from sigmagen.durations import SECOND, parse_duration
from sigmagen.problems import Problem
from sigmagen.rules.schema import check_schema, find_schema
from sigmagen.rules.yaml import Document, KeyPath, load_documents

Kind = Literal["attack", "benign", "miss"]


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """`repeat` calls, `every` milliseconds apart, starting `at` milliseconds into the case (None: after the last)."""

    call: dict[str, Any]
    repeat: int
    every: int
    at: int | None
    line: int


@dataclass(frozen=True, slots=True, eq=False)
class ExpectedAlert:
    """A group that must alert after exactly the first `after` calls of the case, and not before."""

    group: dict[str, Any]
    after: int
    line: int


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One case. `sources` is None unless the case is restricted to some log sources."""

    name: str
    kind: Kind
    why: str
    steps: tuple[Step, ...]
    alerts: tuple[ExpectedAlert, ...]
    sources: tuple[str, ...] | None
    line: int

    @property
    def calls(self) -> int:
        """The number of calls of the case."""
        return sum(step.repeat for step in self.steps)


@dataclass(frozen=True, slots=True, eq=False)
class TestFile:
    """All cases for the correlation `rule`. `defaults` are attributes of every call."""

    __test__: ClassVar[bool] = False  # not a pytest class

    path: Path
    rule: str
    defaults: dict[str, Any]
    cases: tuple[Case, ...]
    line: int


@dataclass(frozen=True, slots=True)
class LoadedTest:
    """A test file, or None with all its problems."""

    test: TestFile | None
    problems: tuple[Problem, ...]
    document: Document | None = None


def get_test_path(rule: Path) -> Path:
    """Return the path of a rule file's test file."""
    return rule.with_name(f"{rule.stem}.test.yml")


def load_test_file(path: Path, mappings_folder: Path | None = None) -> LoadedTest:
    """Load and validate a test file. Never raises: all problems are in the result."""
    if path.exists() and not path.is_file():  # reading a pipe would block
        return LoadedTest(None, (Problem("not-a-file", "this is not a regular file", file=str(path)),))
    loaded = load_documents(path)
    problems = list(loaded.problems)
    if not loaded.documents:
        return LoadedTest(None, tuple(problems))
    document = loaded.documents[0]
    for extra in loaded.documents[1:]:
        problems.append(extra.problem("several-documents", "a test file must be a single YAML document"))
    problems += check_schema(document, find_schema("test", mappings_folder), "test-schema")
    problems += _beyond_schema(document, {(problem.line, problem.column) for problem in problems})
    if problems:
        return LoadedTest(None, tuple(problems), document)
    data = document.data
    cases = tuple(_case(document, case, ("cases", position)) for position, case in enumerate(data["cases"]))
    test = TestFile(path, data["rule"], data.get("defaults", {}), cases, document.line())
    return LoadedTest(test, (), document)


def _case(document: Document, data: dict[str, Any], path: KeyPath) -> Case:
    steps = tuple(_step(step, document.line((*path, "steps", position))) for position, step in enumerate(data["steps"]))
    alerts = tuple(
        ExpectedAlert(alert["group"], alert["after"], document.line((*path, "alerts", position)))
        for position, alert in enumerate(data.get("alerts", []))
    )
    sources = tuple(data["sources"]) if "sources" in data else None
    why = " ".join(data["why"].split())
    return Case(data["name"], data["kind"], why, steps, alerts, sources, document.line(path))


def _step(data: dict[str, Any], line: int) -> Step:
    every = parse_duration(data["every"]) if "every" in data else SECOND
    at = parse_duration(data["at"]) if "at" in data else None
    return Step(data.get("call", {}), data.get("repeat", 1), every, at, line)


def _beyond_schema(document: Document, reported: Collection[tuple[int | None, int | None]]) -> list[Problem]:
    """Check what a schema can't express, for the parts with a valid form. The schema check reports the others."""
    problems: list[Problem] = []
    names: dict[str, int] = {}
    for position, case in enumerate(_items(document.data, "cases")):
        path: KeyPath = ("cases", position)
        name = case.get("name")
        if isinstance(name, str):
            if name in names:
                message = f"case '{name}' already exists at line {names[name]}"
                problems.append(document.problem("test-duplicate-case", message, (*path, "name")))
            names.setdefault(name, document.line(path))
        durations = _durations(document, case, path)
        problems += [problem for problem in durations if (problem.line, problem.column) not in reported]
        problems += _after(document, case, path)
    return problems


def _items(data: object, key: str) -> list[dict[str, Any]]:
    """Return the items of a list, with an empty mapping for invalid ones, so that positions are kept."""
    value = data.get(key) if isinstance(data, dict) else None
    return [item if isinstance(item, dict) else {} for item in value] if isinstance(value, list) else []


def _durations(document: Document, case: dict[str, Any], path: KeyPath) -> list[Problem]:
    problems = []
    for position, step in enumerate(_items(case, "steps")):
        for key in ("every", "at"):
            if isinstance(step.get(key), str):
                try:
                    parse_duration(step[key])
                except ValueError as error:
                    place = (*path, "steps", position, key)
                    problems.append(document.problem("test-duration", str(error), place, "examples: 500ms, 7.2s, 1h"))
    return problems


def _after(document: Document, case: dict[str, Any], path: KeyPath) -> list[Problem]:
    """Report alerts that are expected after more calls than the case has."""
    repeats = [step.get("repeat", 1) for step in _items(case, "steps")]
    if not all(isinstance(repeat, int) and repeat > 0 for repeat in repeats):
        return []
    problems = []
    for position, alert in enumerate(_items(case, "alerts")):
        after = alert.get("after")
        if isinstance(after, int) and after > sum(repeats):
            message = f"the alert is expected after {after} calls, and the case has {sum(repeats)}"
            problems.append(document.problem("test-after", message, (*path, "alerts", position, "after")))
    return problems
