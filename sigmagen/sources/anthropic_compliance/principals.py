"""What Anthropic calls a user: an id, besides the address."""

from __future__ import annotations

from collections.abc import Sequence

from sigmagen.sources.call import Call


def named(field: str, value: str, calls: Sequence[Call]) -> str:
    """The field's value in a record for what a test file calls it."""
    if field in ("user.id", "actor.user_id"):
        return user_id(value)
    if field in ("user.email", "actor.email_address"):
        return email(value)
    return value


def user_id(principal: str) -> str:
    """The id of a user: the principal's name where it has the form of one."""
    return principal if principal.startswith("user_") else f"user_{principal}"


def email(principal: str) -> str:
    """The address of a user: the principal's name where it is one."""
    return principal if "@" in principal else f"{principal}@example.com"
