"""What CloudTrail calls principals, keys and accounts, in canonical and in its own fields."""

from __future__ import annotations

from collections.abc import Sequence

from sigmagen.sources.aws import access_key_id, account_of, is_assumed_role, principal_arn, role_arn
from sigmagen.sources.call import Call, caller


def named(field: str, value: str, calls: Sequence[Call]) -> str:
    """The field's value in an event for what a test file calls it."""
    match field:
        case "user.id":
            return role_arn(value) if is_assumed_role(value) else principal_arn(caller(value, calls))
        case "organization.id":  # of a tenant: no event names an organization, so each principal is one
            return principal_arn(next((call for call in calls if call.organization == value), caller(value, calls)))
        case "userIdentity.arn":
            return principal_arn(caller(value, calls))
        case "userIdentity.sessionContext.sessionIssuer.arn":
            return role_arn(value)
        case "gen_ai.api_key.id" | "userIdentity.accessKeyId":
            return access_key_id(value)
        case "cloud.account.id" | "recipientAccountId":
            return account_of(value)
    return value
