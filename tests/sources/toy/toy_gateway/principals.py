"""The toy gateway puts its own name before a principal's."""

from __future__ import annotations

from collections.abc import Sequence

from sigmagen.sources.call import Call


def named(field: str, value: str, calls: Sequence[Call]) -> str:
    """The field's value in a record for what a test file calls it."""
    return f"toy:{value}" if field == "user.id" else value
