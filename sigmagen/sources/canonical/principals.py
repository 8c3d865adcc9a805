"""What a canonical event calls a key: its SHA-256."""

from __future__ import annotations

from collections.abc import Sequence

from sigmagen.sources.call import Call, digest


def named(field: str, value: str, calls: Sequence[Call]) -> str:
    """The field's value in an event for what a test file calls it."""
    return digest(value) if field == "gen_ai.api_key.id" else value
