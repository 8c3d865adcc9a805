"""What a payload calls a key: its SHA-256."""

from __future__ import annotations

from collections.abc import Sequence

from sigmagen.sources.call import Call
from sigmagen.sources.litellm.render import key_hash


def named(field: str, value: str, calls: Sequence[Call]) -> str:
    """The field's value in a record for what a test file calls it."""
    return key_hash(value) if field == "gen_ai.api_key.id" else value
