"""Loading rule files and folders. All problems of all files are collected; files without problems are loaded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sigmagen.folders import check_regular_file, display_path, walk
from sigmagen.problems import Problem
from sigmagen.rules.correlation import Draft, parse_correlation
from sigmagen.rules.detection import parse_base
from sigmagen.rules.filters import apply_filters, parse_filter
from sigmagen.rules.model import BaseRule, Correlation, RuleFile
from sigmagen.rules.placeholders import AllowLists, load_allow_lists
from sigmagen.rules.processing import Processor
from sigmagen.rules.resolve import Entry, FileDraft, Resolver
from sigmagen.rules.yaml import Document, YamlFile, describe_type, load_documents

SUFFIXES = (".yml", ".yaml")
TEST_SUFFIXES = (".test.yml", ".test.yaml")


@dataclass(frozen=True, slots=True)
class LoadedRules:
    """The files without errors, all problems, and the parsed YAML of every file, including broken ones."""

    files: tuple[RuleFile, ...]
    problems: tuple[Problem, ...]
    sources: tuple[YamlFile, ...] = ()

    @property
    def rules(self) -> tuple[BaseRule | Correlation, ...]:
        """The alerting rules of all files: those that no correlation of their file refers to."""
        return tuple(rule for file in self.files for rule in file.subjects)


def load_rules(
    paths: Sequence[Path] | None,
    *,
    rules_folder: Path,
    mappings_folder: Path,
    allow_lists: AllowLists | None = None,
    processor: Processor | None = None,
) -> LoadedRules:
    """Load rule files and folders (searched recursively, test files left out); without paths, the rules folder.

    `allow_lists` replace those of the same name in the mappings folder. Rules and filters are processed by `processor`.

    Never raises: missing paths, unreadable files and invalid rules are problems with file and line, and everything
    else is loaded.
    """
    found, problems = find_rule_files(list(paths) if paths else [rules_folder])
    loaded = parse_rules(
        map(load_documents, found), mappings_folder=mappings_folder, allow_lists=allow_lists, processor=processor
    )
    return replace(loaded, problems=(*problems, *loaded.problems))


def parse_rules(
    yaml_files: Iterable[YamlFile],
    *,
    mappings_folder: Path,
    allow_lists: AllowLists | None = None,
    processor: Processor | None = None,
) -> LoadedRules:
    """Return the rules of parsed YAML files. Like `load_rules`, never raises."""
    lists, problems = load_allow_lists(mappings_folder)
    lists = {**lists, **(allow_lists or {})}
    drafts = [_draft(file, lists, processor) for file in yaml_files]
    problems += _join_filters(drafts)
    resolver = Resolver(drafts)
    resolved = [(draft, [resolver.resolve(draft, entry) for entry in draft.entries]) for draft in drafts]
    files = []
    for draft, rules in resolved:
        own = (*draft.yaml.problems, *draft.problems)
        problems += sorted(own, key=lambda problem: (problem.line or 0, problem.column or 0))
        documents = tuple(rule for rule in rules if rule is not None)
        if own or len(documents) < len(rules):
            continue
        inner = _referred(draft, resolver)
        subjects = tuple(
            rule for entry, rule in zip(draft.entries, rules, strict=True) if rule and id(entry) not in inner
        )
        if not documents:
            continue  # filters only
        files.append(RuleFile(draft.yaml.path, documents, subjects))
    return LoadedRules(tuple(files), tuple(problems), tuple(draft.yaml for draft in drafts))


def find_rule_files(paths: Sequence[Path]) -> tuple[list[Path], list[Problem]]:
    """Return the distinct rule files at the paths in a stable order, and problems for missing ones."""
    found: dict[Path, Path] = {}
    problems: list[Problem] = []
    for path in paths:
        if path.is_dir():
            files = list(_walk(path, problems))
            if not files:
                hint = "rule files end in .yml"
                problems.append(Problem("no-rules", "no rule file in this folder", file=str(path), hint=hint))
        elif path.name.endswith(TEST_SUFFIXES):
            message = "this is a test file, not a rule file"
            hint = f"pass {path.with_name(path.name.split('.test.')[0] + '.yml')}"
            problems.append(Problem("not-a-rule-file", message, file=str(path), hint=hint))
            continue
        else:
            files = [path]
        for file in files:
            found.setdefault(file.resolve(), file)
    return list(found.values()), problems


def _walk(folder: Path, problems: list[Problem]) -> Iterator[Path]:
    def refused(error: OSError) -> Problem:
        message = f"can't read the folder: {error.strerror or error}"
        return Problem("file-unreadable", message, file=display_path(str(error.filename)))

    for path in walk(str(folder), problems, refused):
        if not path.endswith(SUFFIXES) or path.endswith(TEST_SUFFIXES):
            continue
        if left_out := check_regular_file(path, str(folder)):
            problems.append(left_out)
        else:
            yield Path(path)


def _draft(file: YamlFile, lists: AllowLists, processor: Processor | None) -> FileDraft:
    draft = FileDraft(file)
    for document in draft.yaml.documents:
        if isinstance(document.data, dict) and "filter" in document.data:
            found, problems = parse_filter(document, lists, processor)
            draft.problems += problems
            draft.filters += [found] if found else []
        else:
            draft.entries.append(_entry(document, lists, processor, draft.problems))
    return draft


def _join_filters(drafts: Sequence[FileDraft]) -> list[Problem]:
    """Apply every filter to its base rules; return a warning for each that applies to none."""
    filters = [found for draft in drafts for found in draft.filters]
    rules = [entry.rule for draft in drafts for entry in draft.entries if isinstance(entry.rule, BaseRule)]
    for draft in drafts:
        draft.entries = [
            Entry(
                entry.document, apply_filters(entry.rule, filters) if isinstance(entry.rule, BaseRule) else entry.rule
            )
            for entry in draft.entries
        ]
    return [
        found.document.problem(
            "filter-unused", "the filter applies to none of the loaded rules", ("filter",), None, "warning"
        )
        for found in filters
        if not any(found.applies_to(rule) for rule in rules)
    ]


def _entry(document: Document, lists: AllowLists, processor: Processor | None, problems: list[Problem]) -> Entry:
    data = document.data
    if not isinstance(data, dict):
        problems.append(document.problem("wrong-type", f"a rule must be a mapping, not {describe_type(data)}"))
        return Entry(document, None)
    if "action" in data:
        message = "Sigma rule collections (action:) are not supported"
        problems.append(document.problem("not-supported", message, ("action",)))
        return Entry(document, None)
    if "correlation" in data and "detection" in data:
        hint = "split it with --- into a base rule and a correlation"
        message = "a document can't have both 'detection' and 'correlation'"
        problems.append(document.problem("wrong-type", message, ("correlation",), hint))
        return Entry(document, None)
    rule, found = parse_correlation(document) if "correlation" in data else parse_base(document, lists, processor)
    problems += found
    return Entry(document, rule)


def _referred(draft: FileDraft, resolver: Resolver) -> set[int]:
    """Return the documents that a correlation of this file refers to. They don't alert themselves."""
    return {
        id(target)
        for entry in draft.entries
        if isinstance(entry.rule, Draft) and not entry.rule.generate
        for target in resolver.targets(draft, entry)
    }
