"""What a test file calls somebody is what the rendered record says, for every source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from sigmagen.mapping import fingerprint
from sigmagen.problems import SigmagenError
from sigmagen.proof.simulate.identity import canonical_group, canonical_value
from sigmagen.sources import render
from sigmagen.sources.call import Call

BY_HAND = ("apim", "bedrock_invocation", "canonical", "cloudtrail", "litellm")
"""The sources whose records are read here."""

ROLE = "arn:aws:sts::111122223333:assumed-role/app"

CALLS = [
    Call(time=0, id="a", principal="partner-07"),
    Call(time=0, id="b", principal="partner-08", organization="acme", api_key="AKIAEXAMPLE000000000"),
    Call(time=0, id="c", principal="partner-09", organization="444455556666"),
    Call(time=0, id="d", principal=ROLE),
    Call(time=0, id="e", principal="partner-10", organization=None),
]


def held(source: str, call: Call) -> dict[str, str | None]:
    """User, key and organization of the source's record, read by hand."""
    record: Any = render(source, call)
    if source == "canonical":
        return {name: record.get(name) for name in ("user.id", "gen_ai.api_key.id", "organization.id")}
    if source == "litellm":
        who = record["metadata"]
        user, key = who["user_api_key_user_id"], who["user_api_key_hash"]
        organization = who["user_api_key_org_id"] or who["user_api_key_team_id"]
    elif source == "bedrock_invocation":
        user, key, organization = fingerprint.role_of(record["identity"]["arn"]), None, record["accountId"]
    elif source == "cloudtrail":
        who = record["userIdentity"]
        user = who["sessionContext"]["sessionIssuer"]["arn"] if "sessionContext" in who else who["arn"]
        key, organization = who["accessKeyId"], None
    else:
        key, organization = record["properties"]["apimSubscriptionId"], record["properties"].get("userId")
        user = organization or key
    return {"user.id": user, "gen_ai.api_key.id": key, "organization.id": organization}


@pytest.mark.parametrize("source", BY_HAND)
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.principal)
def test_the_translation_is_what_the_record_holds(source: str, call: Call) -> None:
    logical = {
        "user.id": call.principal,
        "gen_ai.api_key.id": call.api_key,
        "organization.id": call.organization,
    }
    for field, value in held(source, call).items():
        name = logical[field]
        if value is not None and name is not None:
            assert canonical_value(source, field, name, CALLS) == value


def test_a_principal_of_no_call_gets_the_defaults() -> None:
    assert canonical_value("bedrock_invocation", "user.id", "x") == "arn:aws:iam::111122223333:user/x"
    assert canonical_value("apim", "user.id", "x") == "x"


def test_native_names_and_models() -> None:
    key = canonical_value("cloudtrail", "userIdentity.accessKeyId", "key-x")
    assert key == canonical_value("cloudtrail", "gen_ai.api_key.id", "key-x")
    assert canonical_value("cloudtrail", "userIdentity.arn", "x").endswith(":user/x")
    issuer = canonical_value("cloudtrail", "userIdentity.sessionContext.sessionIssuer.arn", ROLE)
    assert issuer == "arn:aws:iam::111122223333:role/app"
    assert canonical_value("litellm", "gen_ai.request.model", "GPT-4o") == "gpt-4o"
    assert canonical_value("litellm", "source.ip", "203.0.113.77") == "203.0.113.77"


def test_a_marked_text_becomes_its_hash() -> None:
    group: dict[str, str | Mapping[str, Any]] = {
        "gen_ai.prompt.hash": {"prompt": "item 7"},
        "gen_ai.prompt.template.hash": {"template": "item 7"},
        "gen_ai.prompt.head.hash": {"head": "item 7"},
        "gen_ai.system_instructions.hash": {"system": "be brief"},
        "gen_ai.request.logit_bias.hash": {"logit_bias": {"50256": -100}},
    }
    assert canonical_group("litellm", group) == {
        "gen_ai.prompt.hash": fingerprint.prompt_hash("item 7"),
        "gen_ai.prompt.template.hash": fingerprint.prompt_hash("item 0"),
        "gen_ai.prompt.head.hash": fingerprint.prompt_hash("item 0"),
        "gen_ai.system_instructions.hash": fingerprint.prompt_hash("be brief"),
        "gen_ai.request.logit_bias.hash": fingerprint.prompt_hash("50256:-100"),
    }


@pytest.mark.parametrize("value", [{"text": "x"}, {}, {"prompt": "x", "head": "y"}, {"prompt": ""}])
def test_an_unreadable_marker_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(SigmagenError, match=r"gen_ai\.prompt\.hash"):
        canonical_value("litellm", "gen_ai.prompt.hash", value)
