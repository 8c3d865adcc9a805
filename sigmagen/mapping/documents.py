"""Loading a file of the mappings folder and validating it, by its JSON schema and by further checks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from sigmagen.problems import Problem, SigmagenError
from sigmagen.rules.schema import check_schema, find_schema
from sigmagen.rules.yaml import Document, KeyPath, load_documents

FORM = "mapping-form"
VALUE = "mapping-value"

Check = Callable[[Document], Iterable[Problem]]


def load_checked(path: Path, schema: str, mappings: Path, check: Check | None = None) -> Any:
    """Load a file that must match the schema of this name. `check` runs only if it does.

    Raises SigmagenError with all problems of the file.
    """
    loaded = load_documents(path)
    if loaded.problems:
        raise SigmagenError(loaded.problems)
    document, *others = loaded.documents
    problems = [others[0].problem("several-documents", "the file must have only one YAML document")] if others else []
    problems += check_schema(document, find_schema(schema, mappings), FORM)
    if not problems and check is not None:
        problems += check(document)
    if problems:
        raise SigmagenError(problems)
    return document.data


def make_value_problem(document: Document, message: str, path: KeyPath, hint: str | None = None) -> Problem:
    """Return a problem of a value that matches the schema."""
    return document.problem(VALUE, message, path, hint)


def collect_problems(*loaders: Callable[[], Any]) -> list[Problem]:
    """Call all loaders and return their problems."""
    problems: list[Problem] = []
    for load in loaders:
        try:
            load()
        except SigmagenError as error:
            problems += error.problems
    return list(dict.fromkeys(problems))
