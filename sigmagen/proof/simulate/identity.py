"""What a test file calls somebody, and what the canonical event of a source calls them: a name, an ARN, a hash."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sigmagen.mapping import fingerprint
from sigmagen.problems import Problem, SigmagenError
from sigmagen.sources.call import Call
from sigmagen.sources.litellm import key_hash
from sigmagen.sources.parts import (
    access_key_id,
    apim_user_id,
    aws_account,
    aws_principal,
    is_assumed_role,
    role_arn,
)

_MARKERS: dict[str, Callable[[Any], str | None]] = {
    "prompt": fingerprint.prompt_hash,
    "template": fingerprint.template_hash,
    "head": fingerprint.head_hash,
    "system": fingerprint.system_hash,
    "logit_bias": fingerprint.logit_bias_hash,
    "messages": fingerprint.turn_hash,
}


def canonical_group(
    source: str, group: Mapping[str, str | Mapping[str, Any]], calls: Sequence[Call] = ()
) -> dict[str, str]:
    """The group of an expected alert as the events of `source` name it; `calls` as in canonical_value."""
    return {field: canonical_value(source, field, value, calls) for field, value in group.items()}


def canonical_value(source: str, field: str, value: str | Mapping[str, Any], calls: Sequence[Call] = ()) -> str:
    """What the field (canonical, or native of CloudTrail) holds in `source` for a test file's logical value.

    `value` is a principal, an API key, an organization or a model as a call has it, or, for a hash, a mapping that
    says of what: {prompt: "..."}, template, head, system, logit_bias, or the number of messages of a turn. `calls` are
    those of the case: in AWS and API Management a principal's name takes in its organization. Raises SigmagenError for
    a mapping of another kind.
    """
    if isinstance(value, Mapping):
        return _fingerprint(field, value)
    translate = _FIELDS.get(field)
    return translate(source, str(value), calls) if translate else str(value)


def _fingerprint(field: str, value: Mapping[str, Any]) -> str:
    kinds = ", ".join(_MARKERS)
    if len(value) != 1 or next(iter(value)) not in _MARKERS:
        message = f"{field}: expected a mapping with one of {kinds}, not {dict(value)!r}"
        raise SigmagenError(Problem("group-value", message))
    ((kind, text),) = value.items()
    found = _MARKERS[kind](text)
    if found is None:
        raise SigmagenError(Problem("group-value", f"{field}: an empty {kind} has no hash, so no event has it"))
    return found


def _user(source: str, principal: str, calls: Sequence[Call]) -> str:
    call = next((call for call in calls if call.principal == principal), None)
    call = call or Call(time=0, id="", principal=principal)
    if source == "apim":
        return apim_user_id(call) or call.api_key or ""
    if source == "bedrock_invocation":
        return aws_principal(call)
    if source == "cloudtrail":
        return role_arn(principal) if is_assumed_role(principal) else aws_principal(call)
    return principal


def _arn(source: str, principal: str, calls: Sequence[Call]) -> str:
    return _user("bedrock_invocation", principal, calls)


def _key(source: str, api_key: str, calls: Sequence[Call]) -> str:
    if source == "cloudtrail":
        return access_key_id(api_key)
    return key_hash(api_key) if source in ("litellm", "canonical") else api_key


def _organization(source: str, organization: str, calls: Sequence[Call]) -> str:
    if source == "bedrock_invocation":
        return aws_account(organization)
    if source == "apim":
        call = next((call for call in calls if call.organization == organization), None)
        return (apim_user_id(call) if call else None) or organization
    return organization


_FIELDS: dict[str, Callable[[str, str, Sequence[Call]], str]] = {
    "user.id": _user,
    "gen_ai.api_key.id": _key,
    "organization.id": _organization,
    "cloud.account.id": lambda source, value, calls: aws_account(value),
    "gen_ai.request.model": lambda source, value, calls: value.lower(),
    "userIdentity.arn": _arn,
    "userIdentity.accessKeyId": lambda source, value, calls: access_key_id(value),
    "userIdentity.sessionContext.sessionIssuer.arn": lambda source, value, calls: role_arn(value),
    "recipientAccountId": lambda source, value, calls: aws_account(value),
}
