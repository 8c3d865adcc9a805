"""What Entra calls a principal: an object id. A bucket is a container with its storage account."""

from __future__ import annotations

from collections.abc import Sequence

from sigmagen.sources.azure import object_id
from sigmagen.sources.call import Call

ACCOUNT = "modelstore"


def named(field: str, value: str, calls: Sequence[Call]) -> str:
    """The field's value in a record for what a test file calls it."""
    if field in ("user.id", "identity.requester.objectId"):
        return object_id(value)
    return f"{ACCOUNT}/{value}" if field == "storage.bucket.name" else value
