"""Who a call is to AWS: accounts, ARNs and access keys. Shared by all sources that AWS writes."""

from __future__ import annotations

from sigmagen.sources.call import Call, digest

DEFAULT_ACCOUNT = "111122223333"
REGION = "us-east-1"


def account_of(organization: str | None) -> str:
    """The AWS account: the organization where it is an account number, else the one of the fixtures."""
    number = organization is not None and organization.isascii() and organization.isdigit() and len(organization) == 12
    return organization if number and organization else DEFAULT_ACCOUNT


def is_assumed_role(principal: str) -> bool:
    """Whether the principal is an assumed role, without a session."""
    return principal.startswith("arn:") and ":assumed-role/" in principal


def session_arn(call: Call) -> str:
    """Who AWS says the caller is: an IAM user, or one of many sessions of an assumed role."""
    if is_assumed_role(call.principal):
        return f"{call.principal}/session-{int(digest(call.id)[:6], 16) % 1000}"
    return principal_arn(call)


def principal_arn(call: Call) -> str:
    """The stable part of the caller's ARN: without the session."""
    if call.principal.startswith("arn:"):
        return call.principal
    return f"arn:aws:iam::{account_of(call.organization)}:user/{call.principal}"


def role_arn(principal: str) -> str:
    """The IAM role behind an assumed role: arn:aws:sts::A:assumed-role/R is arn:aws:iam::A:role/R."""
    return principal.replace(":sts:", ":iam:", 1).replace(":assumed-role/", ":role/", 1)


def access_key_id(api_key: str) -> str:
    """An AWS access key id: the key itself where it is one, else one in the style of AWS's documentation."""
    if api_key.startswith(("AKIA", "ASIA")):
        return api_key
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    number = int(digest(api_key)[:12], 16)
    return "AKIAEXAMPLE" + "".join(letters[number >> 5 * place & 31] for place in range(9))
