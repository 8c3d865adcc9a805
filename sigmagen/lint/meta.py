"""Checks of metadata: names, ids, titles, descriptions, dates and references."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from urllib.parse import urlsplit
from uuid import UUID

from sigmagen.lint.context import Context, RuleDocument, list_texts
from sigmagen.problems import Problem

REQUIRED = (
    "id",
    "status",
    "level",
    "description",
    "author",
    "date",
    "references",
    "falsepositives",
    "license",
)
TITLE_LENGTH = range(10, 121)
DESCRIPTION_LENGTH = 40
VAGUE = frozenset({"unknown", "none", "unlikely", "n/a", "-", "tbd"})


def check(context: Context) -> Iterator[Problem]:
    """Yield the problems of metadata. Some keys are required only for rules that alert."""
    for document in context.documents:
        yield from _identity(context, document)
        yield from _dates(context, document)
        yield from _values(context, document)
        if document.subject:
            yield from _required(context, document)
            yield from _prose(context, document)
    yield from _unique(context, "id", "id-duplicate")
    yield from _unique(context, "name", "name-duplicate")


def _required(context: Context, document: RuleDocument) -> Iterator[Problem]:
    # Test files refer to a correlation by name.
    wanted = (*REQUIRED, "name") if document.is_correlation else REQUIRED
    for key in wanted:
        if document.data.get(key) not in (None, "", []):
            continue
        yield context.problem("metadata-missing", document.document, f"the rule has no {key}", (key,))


def _identity(context: Context, document: RuleDocument) -> Iterator[Problem]:
    identifier, name = document.data.get("id"), document.data.get("name")
    if isinstance(identifier, str):
        try:
            valid = str(UUID(identifier)) == identifier.lower()
        except ValueError:
            valid = False
        if not valid:
            hint = "generate one: python -c 'import uuid; print(uuid.uuid4())'"
            yield context.problem("id-invalid", document.document, f"'{identifier}' is not a UUID", ("id",), hint)
    if isinstance(name, str) and not re.fullmatch("[a-z][a-z0-9_]*", name):
        message = f"name '{name}' must only contain a-z, 0-9 and _"
        yield context.problem("name-format", document.document, message, ("name",))


def _unique(context: Context, key: str, code: str) -> Iterator[Problem]:
    seen: dict[str, RuleDocument] = {}
    for document in context.documents:
        value = document.data.get(key)
        if not isinstance(value, str):
            continue
        first = seen.setdefault(value.lower(), document)
        # Duplicates in one file are reported when loading.
        if first.file is not document.file:
            place = f"{first.document.file}:{first.document.line((key,))}"
            yield context.problem(code, document.document, f"{key} '{value}' is also used in {place}", (key,))


def _dates(context: Context, document: RuleDocument) -> Iterator[Problem]:
    found = {}
    for key in ("date", "modified"):
        value = document.data.get(key)
        if value is None:
            continue
        try:
            if not isinstance(value, str) or len(value) != 10:
                raise ValueError
            found[key] = date.fromisoformat(value)
        except ValueError:
            yield context.problem("date-invalid", document.document, f"{key} {value!r} is not YYYY-MM-DD", (key,))
    if len(found) == 2 and found["modified"] < found["date"]:
        message = f"modified {found['modified']} is before date {found['date']}"
        yield context.problem("date-invalid", document.document, message, ("modified",))


def _values(context: Context, document: RuleDocument) -> Iterator[Problem]:
    references = document.data.get("references")
    for position, reference in enumerate(references if isinstance(references, list) else []):
        if isinstance(reference, str) and not _web_address(reference):
            path = ("references", position)
            message = f"'{reference}' is not an http or https URL"
            yield context.problem("reference-invalid", document.document, message, path)


def _web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and "." in parts.netloc and not re.search(r"\s", text)


def _prose(context: Context, document: RuleDocument) -> Iterator[Problem]:
    title, description = document.data.get("title"), document.data.get("description")
    if isinstance(title, str) and (len(title) not in TITLE_LENGTH or title.endswith(".")):
        message = f"the title has {len(title)} characters{' and ends with a full stop' if title.endswith('.') else ''}"
        yield context.problem("title-length", document.document, message, ("title",))
    if isinstance(description, str) and 0 < len(description.strip()) < DESCRIPTION_LENGTH:
        yield context.problem("description-short", document.document, "the description is too short", ("description",))
    for position, text in enumerate(list_texts(document.data.get("falsepositives"))):
        if text.strip(" .").lower() in VAGUE:
            path = ("falsepositives", position)
            yield context.problem("falsepositives-vague", document.document, f"'{text}' is too vague", path)
