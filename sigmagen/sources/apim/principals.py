"""What API Management calls who owns a subscription: one user, whoever a call says it is for."""

from __future__ import annotations

from collections.abc import Sequence

from sigmagen.sources.call import Call, caller


def named(field: str, value: str, calls: Sequence[Call]) -> str:
    """The field's value in a record for what a test file calls it."""
    if field == "user.id":
        call = caller(value, calls)
        return user_of(call) or call.api_key or ""
    if field == "organization.id":
        call_of = next((call for call in calls if call.organization == value), None)
        return (user_of(call_of) if call_of else None) or value
    return value


def user_of(call: Call) -> str | None:
    """The user that owns a call's subscription in API Management, its one identity above the subscription: the
    organization where a call names one, else the principal."""
    return call.own_organization or (call.principal if call.organization else None)
