"""Checks of ATLAS, OWASP and ATT&CK ids against the releases in the mappings folder."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from sigmagen.lint.context import Context, RuleDocument, list_texts
from sigmagen.problems import Problem

# Key under `frameworks` -> file of ids.
FILES = {"atlas": "atlas", "owasp_llm": "owasp"}
NAMESPACES = frozenset({"attack", "car", "cve", "d3fend", "detection", "stp", "tlp"})
_TECHNIQUE = re.compile(r"attack\.(t[0-9]{4}(?:\.[0-9]{3})?|[sg][0-9]{4})", re.IGNORECASE)


def check(context: Context) -> Iterator[Problem]:
    """Yield the problems of `frameworks` and `tags`."""
    for document in context.documents:
        yield from _tags(context, document)
        value = document.data.get("frameworks")
        frameworks = value if isinstance(value, dict) else {}
        for name, ids in frameworks.items():
            yield from _ids(context, document, name, ids)
        if document.subject and document.is_correlation and not frameworks.get("atlas"):
            hint = "example: frameworks: {atlas: [AML.T0024.002]}"
            message = "the rule has no ATLAS technique"
            yield context.problem("framework-missing", document.document, message, ("frameworks",), hint)


def _ids(context: Context, document: RuleDocument, name: str, ids: object) -> Iterator[Problem]:
    if name not in FILES:
        hint = f"available: {', '.join(FILES)}"
        message = f"unknown framework '{name}'"
        yield context.problem("framework-unknown-name", document.document, message, ("frameworks", name), hint)
        return
    known = context.framework(FILES[name])
    if known is None:
        return
    for position, identifier in enumerate(list_texts(ids)):
        if identifier not in known:
            near = difflib.get_close_matches(identifier, known, 3)
            nearest = f"nearest: {', '.join(f'{key} {known[key]}' for key in near)}" if near else None
            message = f"'{identifier}' is not in the {name} release of the mappings"
            path = ("frameworks", name, position)
            yield context.problem("framework-unknown-id", document.document, message, path, nearest)


def _tags(context: Context, document: RuleDocument) -> Iterator[Problem]:
    for position, tag in enumerate(list_texts(document.data.get("tags"))):
        path = ("tags", position)
        namespace = tag.partition(".")[0]
        if namespace not in NAMESPACES:
            message = f"tag '{tag}' is not in a namespace of Sigma"
            hint = f"ATLAS and OWASP ids belong under frameworks; available namespaces: {', '.join(sorted(NAMESPACES))}"
            yield context.problem("tag-namespace", document.document, message, path, hint)
        elif match := _TECHNIQUE.fullmatch(tag):
            identifier = match[1].upper()
            techniques = context.framework("attack") if identifier.startswith("T") else None
            if techniques is not None and identifier not in techniques:
                message = f"technique {identifier} is not in the ATT&CK ids of the mappings"
                hint = "add it to frameworks/attack.yml with its name if it exists"
                yield context.problem("framework-unknown-id", document.document, message, path, hint)
