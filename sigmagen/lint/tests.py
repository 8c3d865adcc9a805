"""Checks of test files: each rule file needs one with an attack, a benign case and a known miss."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sigmagen.lint.context import Context
from sigmagen.problems import Problem
from sigmagen.rules.model import BaseRule, Correlation, RuleFile
from sigmagen.rules.testfile import Case, LoadedTest, get_test_path, load_test_file
from sigmagen.rules.yaml import Document, YamlFile

KINDS = ("attack", "benign", "miss")


def _has_only_filters(source: YamlFile) -> bool:
    """Return whether a file contains only filters, which have no tests."""
    data = [document.data for document in source.documents]
    return bool(data) and all(isinstance(part, dict) and "filter" in part for part in data)


def check(context: Context) -> Iterator[Problem]:
    """Yield the problems of test files, including those from loading."""
    rule_files = {file.path: file for file in context.loaded.files}
    paths = [source.path for source in context.loaded.sources if not _has_only_filters(source)]
    for path in paths:
        if not path.exists():
            continue
        if not get_test_path(path).is_file():
            hint = f"add {get_test_path(path).name} in the same folder"
            yield context.file_problem("test-missing", path, "the rule has no test file", hint)
            continue
        loaded = load_test_file(get_test_path(path), context.mappings)
        yield from loaded.problems
        yield from _contents(context, loaded, rule_files.get(path))
    yield from _orphans(context, {path.parent for path in paths})


def _orphans(context: Context, folders: set[Path]) -> Iterator[Problem]:
    for test in sorted(path for folder in folders for path in folder.glob("*.test.yml")):
        stem = test.name.removesuffix(".test.yml")
        if not any(test.with_name(stem + suffix).exists() for suffix in (".yml", ".yaml")):
            yield context.file_problem("test-orphan", test, f"rule file {stem}.yml not found")


def _contents(context: Context, loaded: LoadedTest, file: RuleFile | None) -> Iterator[Problem]:
    if loaded.test is None or loaded.document is None:
        return
    document, test = loaded.document, loaded.test
    kinds = {case.kind for case in test.cases}
    for kind in KINDS:
        if kind not in kinds:
            yield context.problem(
                "test-kind-missing", document, f"the test file has no case of kind {kind}", ("cases",)
            )
    for position, case in enumerate(test.cases):
        for place, source in enumerate(case.sources or ()):
            if context.sources and source not in context.sources:
                hint = f"available: {', '.join(context.sources)}"
                path = ("cases", position, "sources", place)
                yield context.problem("test-source-unknown", document, f"unknown source '{source}'", path, hint)
    if file is None:
        return
    subject = next((rule for rule in file.subjects if rule.name == test.rule), None)
    if subject is None:
        names = ", ".join(rule.name for rule in file.subjects)
        message = f"'{test.rule}' is not an alerting rule of {file.path.name}"
        yield context.problem("test-rule-unknown", document, message, ("rule",), f"available: {names}")
        return
    for position, case in enumerate(test.cases):
        yield from _groups(context, document, subject, case, position)


def _groups(
    context: Context, document: Document, subject: BaseRule | Correlation, case: Case, position: int
) -> Iterator[Problem]:
    if isinstance(subject, BaseRule):
        return
    for place, alert in enumerate(case.alerts):
        if set(alert.group) != set(subject.group_by):
            message = (
                f"the expected alert has {', '.join(alert.group)}, but the rule groups by {', '.join(subject.group_by)}"
            )
            path = ("cases", position, "alerts", place, "group")
            yield context.problem("test-group-mismatch", document, message, path)
