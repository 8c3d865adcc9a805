"""What Entra calls a principal: an object id."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sigmagen.sources.call import Call, uuid_of


def named(field: str, value: str, calls: Sequence[Call]) -> str:
    """The field's value in a record for what a test file calls it."""
    return object_id(value) if field in ("user.id", "properties.objectId") else value


def object_id(principal: str) -> str:
    """The object id of a principal: its name where that is a UUID."""
    try:
        return str(UUID(principal))
    except ValueError:
        return uuid_of(principal, "object")
