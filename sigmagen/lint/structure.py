"""Checks by the JSON schema of rules and by pySigma, for problems that no other check reports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sigmagen.lint.context import Context, RuleDocument
from sigmagen.problems import Problem
from sigmagen.rules.correlation_types import EXTENDED_TYPES
from sigmagen.rules.schema import check_schema, find_schema


def check(context: Context, reported: Sequence[Problem]) -> Iterator[Problem]:
    """Yield schema problems at lines without an error, and pySigma's error for files without any."""
    lines = {(problem.file, problem.line) for problem in reported if problem.severity == "error"}
    broken = {file for file, line in lines if line is not None}
    schema = find_schema("rule", context.mappings)
    for document in (*context.documents, *context.filters):
        clean = document.document.file not in broken
        for problem in check_schema(document.document, schema, "rule-schema", "rule-unknown-key"):
            if (problem.file, problem.line) not in lines:
                clean = False
                yield problem
        if clean:
            yield from _official(context, document)


def _as_official(document: RuleDocument) -> dict[str, Any]:
    """Return the document with pySigma's name for the correlation's type."""
    body = document.body()
    named = EXTENDED_TYPES.get(str(body.get("type")))
    return {**document.data, "correlation": {**body, "type": named}} if named else document.data


def _official(context: Context, document: RuleDocument) -> Iterator[Problem]:
    from sigma.correlations import SigmaCorrelationRule
    from sigma.filters import SigmaFilter
    from sigma.rule import SigmaRule

    from sigmagen.rules.encoding import use_encodings

    kind: Any = SigmaCorrelationRule if document.is_correlation else SigmaRule
    kind = SigmaFilter if "filter" in document.data else kind
    try:
        with use_encodings():
            found: list[Exception] = list(kind.from_dict(_as_official(document), collect_errors=True).errors)
    # pySigma raises unspecific exceptions for values of unexpected types.
    except Exception as error:
        found = [error]
    for refusal in found:
        yield context.problem("sigma-parser", document.document, str(refusal) or type(refusal).__name__)
