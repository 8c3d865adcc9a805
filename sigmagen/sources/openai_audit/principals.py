"""What OpenAI's audit log calls a user: an id, besides the address of a session's user."""

from __future__ import annotations

from collections.abc import Sequence

from sigmagen.sources.call import Call


def named(field: str, value: str, calls: Sequence[Call]) -> str:
    """The field's value in a record for what a test file calls it."""
    if field in ("user.id", "actor.session.user.id"):
        return user_id(value)
    if field in ("user.email", "actor.session.user.email"):
        return email(value)
    return value


def user_id(principal: str) -> str:
    """The id of a user: the principal's name where it has the form of one."""
    return principal if principal.startswith("user-") else f"user-{principal}"


def email(principal: str) -> str:
    """The address of a user: the principal's name where it is one."""
    return principal if "@" in principal else f"{principal}@example.com"
