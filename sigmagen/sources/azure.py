"""Who a call is to Azure. Shared by all sources that Azure Monitor writes."""

from __future__ import annotations

from uuid import UUID

from sigmagen.sources.call import uuid_of

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"


def object_id(principal: str) -> str:
    """The Entra object id of a principal: its name where that is a UUID."""
    try:
        return str(UUID(principal))
    except ValueError:
        return uuid_of(principal, "object")
