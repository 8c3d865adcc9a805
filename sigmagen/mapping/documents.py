"""Reading a file of the mappings folder: against its JSON schema, then against what a schema can't say."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from sigmagen.problems import Problem, SigmagenError
from sigmagen.rules.schema import check_schema, schema_path
from sigmagen.rules.yaml import Document, KeyPath, load_documents

FORM = "mapping-form"
VALUE = "mapping-value"

Check = Callable[[Document], Iterable[Problem]]


def load_checked(path: Path, schema: str, mappings: Path, check: Check | None = None) -> Any:
    """The data of a file that follows a schema, by the schema's name. `check` looks at it once its form is right.

    Raises SigmagenError with everything that is wrong with the file.
    """
    loaded = load_documents(path)
    if loaded.problems:
        raise SigmagenError(loaded.problems)
    document, *others = loaded.documents
    problems = [others[0].problem("several-documents", "only one YAML document is expected")] if others else []
    problems += check_schema(document, schema_path(schema, mappings), FORM)
    if not problems and check is not None:
        problems += check(document)
    if problems:
        raise SigmagenError(problems)
    return document.data


def value_problem(document: Document, message: str, path: KeyPath, hint: str | None = None) -> Problem:
    """A problem of a value that has the right form."""
    return document.problem(VALUE, message, path, hint)


def collected(*loaders: Callable[[], Any]) -> list[Problem]:
    """The problems of all loaders, each of which is called."""
    problems: list[Problem] = []
    for load in loaders:
        try:
            load()
        except SigmagenError as error:
            problems += error.problems
    return list(dict.fromkeys(problems))
