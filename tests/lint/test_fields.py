"""Checks of field names."""

from __future__ import annotations

import pytest

from tests.rules.conftest import Lint

NATIVE = "logsource: {product: aws, service: cloudtrail}"
CANONICAL = "logsource: {category: ai_inference}"


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("    event.outcome: success", "    event.outcom: success", 7),
        ("    event.outcome: success", "    - event.outcome: success\n    - x.y|contains: [a, b]", 8),
        ("    event.outcome: success", "    account.payment.hash: abc", 7),
        ("[user.id, gen_ai.request.model]", "[user.id, gen_ai.request.modle]", 33),
    ],
)
def test_an_unknown_field_has_its_line(lint_of: Lint, sound: str, old: str, new: str, line: int) -> None:
    assert old in sound
    problems = lint_of(sound.replace(old, new))
    assert [(problem.code, problem.line) for problem in problems] == [("unknown-field", line)]


def test_counted_field_exists_and_summed_field_is_numeric(lint_of: Lint, sound: str) -> None:
    counted = sound.replace("event_count", "value_count").replace("{gte: 50}", "{gte: 50, field: gen_ai.prompt.hsh}")
    assert [(problem.code, problem.line) for problem in lint_of(counted)] == [("unknown-field", 35)]
    summed = sound.replace("event_count", "value_sum").replace("{gte: 50}", "{gte: 50, field: user.id}")
    assert [(problem.code, problem.line) for problem in lint_of(summed)] == [("field-not-numeric", 35)]
    assert not lint_of(summed.replace("field: user.id", "field: gen_ai.usage.output_tokens"))


def test_native_log_source_has_fields_of_mapping(lint_of: Lint, sound: str) -> None:
    native = sound.replace(CANONICAL, NATIVE).replace("event.outcome: success", "eventName: InvokeModel")
    native = native.replace("user.id", "userIdentity.arn").replace(", gen_ai.request.model", "")
    assert not lint_of(native)
    problems = lint_of(native.replace("    eventName:", "    eventNam:"))
    assert [(problem.code, problem.line, problem.hint) for problem in problems] == [
        ("unknown-field", 7, "nearest: eventName")
    ]


def test_unknown_log_source_is_reported_once(lint_of: Lint, sound: str) -> None:
    problems = lint_of(sound.replace(CANONICAL, "logsource: {product: windows, category: process_creation}"))
    assert [(problem.code, problem.line) for problem in problems] == [("unknown-logsource", 4)]
