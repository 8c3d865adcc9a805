"""The levels of a correlation."""

from __future__ import annotations

from collections.abc import Iterator

from sigmagen.rules.model import Correlation


def levels(rule: Correlation) -> Iterator[Correlation]:
    """A correlation and those below it."""
    yield rule
    for part in rule.rules:
        if isinstance(part, Correlation):
            yield from levels(part)
