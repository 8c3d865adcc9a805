"""What Entra calls a principal: an object id."""

from __future__ import annotations

from collections.abc import Sequence

from sigmagen.sources.azure import object_id
from sigmagen.sources.call import Call


def named(field: str, value: str, calls: Sequence[Call]) -> str:
    """The field's value in a record for what a test file calls it."""
    return object_id(value) if field in ("user.id", "properties.objectId") else value
