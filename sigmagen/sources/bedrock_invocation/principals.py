"""What the invocation log calls principals and accounts: ARNs and account numbers."""

from __future__ import annotations

from collections.abc import Sequence

from sigmagen.sources.aws import account_of, principal_arn
from sigmagen.sources.call import Call, caller


def named(field: str, value: str, calls: Sequence[Call]) -> str:
    """The field's value in a record for what a test file calls it."""
    if field == "user.id":
        return principal_arn(caller(value, calls))
    return account_of(value) if field in ("organization.id", "cloud.account.id") else value
