"""What a record calls a key: the id of the consumer's credential."""

from __future__ import annotations

from collections.abc import Sequence

from sigmagen.sources.call import Call
from sigmagen.sources.kong.render import credential_id


def named(field: str, value: str, calls: Sequence[Call]) -> str:
    """The field's value in a record for what a test file calls it."""
    return credential_id(value) if field == "gen_ai.api_key.id" else value
