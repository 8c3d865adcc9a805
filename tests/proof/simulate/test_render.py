"""Native records: the right keys, the right types, always the same."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sigmagen.mapping import fingerprint
from sigmagen.sources import MissingCodeError, render, source_names
from sigmagen.sources.apim.render import BODY_LIMIT
from sigmagen.sources.call import Call

TIME = 1_786_440_000_123
ROLE = "arn:aws:sts::111122223333:assumed-role/app"


def call(**attributes: Any) -> Call:
    defaults: dict[str, Any] = {"time": TIME, "id": "case-7", "principal": "partner-07"}
    return Call(**(defaults | attributes))


NASTY = [
    call(),
    call(prompt='a "b" \\ \N{GRINNING FACE} \u2028 把\n', system="be brief", history=2, prefill="Sure"),
    call(prompt=None, system="be brief"),
    call(prompt="", api_key=None, organization=None, source_ip=None),
    call(outcome="failure", status=429, error="ThrottlingException", output_tokens=0),
    call(principal=ROLE, console=True, organization="444455556666"),
    call(operation="GetModelInvocationLoggingConfiguration", console=True),
    call(operation="embeddings", inputs=3, output_tokens=0),
    call(operation="embeddings", prompt=None),
    call(parameters={"max_tokens": 8, "n": 3, "logprobs": True, "top_logprobs": 5, "logit_bias": {"50256": -100}}),
    call(reasoning_tokens=20, input_tokens=0, cached=True, user_agent=""),
]


def rendered(source: str, **attributes: Any) -> dict[str, Any]:
    record = render(source, call(**attributes))
    assert record is not None
    return record


def types(value: Any) -> set[type]:
    if isinstance(value, dict):
        return {type(key) for key in value} | {kind for item in value.values() for kind in types(item)}
    return {kind for item in value for kind in types(item)} if type(value) is list else {type(value)}


@pytest.mark.parametrize("source", source_names())
@pytest.mark.parametrize("one", NASTY, ids=range(len(NASTY)))
def test_a_record_is_plain_json_and_always_the_same(source: str, one: Call) -> None:
    record = render(source, one)
    assert record == render(source, one)
    if record is not None:
        assert types(record) <= {str, int, float, bool, type(None)}
        assert json.loads(json.dumps(record)) == record


def test_only_cloudtrail_logs_the_control_plane() -> None:
    operation = call(operation="GetModelInvocationLoggingConfiguration")
    calls = ("apim", "azure_openai", "bedrock_invocation", "canonical", "litellm")
    assert [source for source in (*calls, "cloudtrail") if render(source, operation)] == ["cloudtrail"]
    assert all(render(source, call()) for source in calls)


def test_embeddings_are_logged_as_each_source_logs_them() -> None:
    embeds = {"operation": "embeddings", "prompt": "text", "inputs": 3, "output_tokens": 0}
    texts = ["text [1]", "text [2]", "text"]
    record = rendered("litellm", **embeds)
    assert record["call_type"] == "aembedding"
    assert record["messages"] == [{"role": "user", "content": text} for text in texts]
    assert "choices" not in record["response"]
    properties = rendered("apim", **embeds)["properties"]
    assert properties["operationId"] == "Embeddings_Create"
    assert "/embeddings?" in properties["url"]
    assert json.loads(properties["backendRequestBody"])["input"] == texts
    event = rendered("canonical", **embeds)
    assert event["gen_ai.operation.name"] == "embeddings"
    assert event["gen_ai.prompt.hash"] == fingerprint.prompt_hash("text")
    assert "gen_ai.response.finish_reason" not in event
    assert rendered("cloudtrail", **embeds)["eventName"] == "InvokeModel"
    assert rendered("litellm", **{**embeds, "prompt": None})["messages"][2]["content"] == "redacted-by-litellm"


def test_a_source_without_a_renderer_is_refused_with_the_file_to_write() -> None:
    with pytest.raises(MissingCodeError) as caught:
        render("tyk", call())
    assert caught.value.problems[0].hint == "write `render` in sigmagen/sources/tyk/render.py"


def test_litellm() -> None:
    record = rendered("litellm", system="be brief", history=1, prefill="Sure", reasoning_tokens=20)
    assert record["startTime"] == 1786440000.123
    assert [message["role"] for message in record["messages"]] == ["system", "user", "assistant", "user", "assistant"]
    assert record["messages"][3] == {"role": "user", "content": "hello"}
    assert record["response"]["choices"][0]["finish_reason"] == "stop"
    assert record["response"]["usage"]["completion_tokens_details"] == {"reasoning_tokens": 20}
    assert record["metadata"]["user_api_key_user_id"] == "partner-07"
    assert record["metadata"]["user_api_key_hash"] == fingerprint.prompt_hash("key-partner-07")
    assert record["metadata"]["user_api_key_org_id"] == "org-partner-07"
    assert record["requester_ip_address"] == "203.0.113.77"
    assert record["error_information"] is None


def test_litellm_hides_a_redacted_conversation() -> None:
    record = rendered("litellm", prompt=None, system="be brief", history=1)
    assert record["messages"] == [{"role": "user", "content": "redacted-by-litellm"}]


def test_litellm_failure() -> None:
    record = rendered("litellm", outcome="failure", status=429)
    assert record["status"] == "failure"
    assert record["error_information"]["error_code"] == "429"
    assert record["error_information"]["error_class"] == "RateLimitError"
    assert record["prompt_tokens"] == 40


def test_litellm_team_without_organization() -> None:
    metadata = rendered("litellm", organization="team-red")["metadata"]
    assert (metadata["user_api_key_org_id"], metadata["user_api_key_team_id"]) == (None, "team-red")
    metadata = rendered("litellm", organization=None)["metadata"]
    assert (metadata["user_api_key_org_id"], metadata["user_api_key_team_id"]) == (None, None)


def test_bedrock_invocation() -> None:
    record = rendered(
        "bedrock_invocation", system="be brief", parameters={"max_tokens": 16, "logprobs": True, "temperature": 0}
    )
    body = record["input"]["inputBodyJson"]
    assert body["system"] == "be brief"
    assert body["messages"] == [{"role": "user", "content": [{"type": "text", "text": "hello"}]}]
    assert (body["max_tokens"], body["temperature"], "logprobs" in body) == (16, 0, False)
    assert record["identity"]["arn"] == "arn:aws:iam::111122223333:user/partner-07"
    assert record["output"]["outputBodyJson"]["stop_reason"] == "max_tokens"
    assert "errorCode" not in record
    assert record["timestamp"] == "2026-08-11T09:20:00Z"


def test_bedrock_invocation_failure_and_account() -> None:
    record = rendered("bedrock_invocation", outcome="failure", output_tokens=0, organization="444455556666")
    assert record["errorCode"] == "ValidationException"
    assert record["accountId"] == "444455556666"
    assert record["identity"]["arn"] == "arn:aws:iam::444455556666:user/partner-07"
    assert "output" not in record


def test_a_role_has_many_sessions() -> None:
    arns = {rendered("bedrock_invocation", principal=ROLE, id=f"c-{n}")["identity"]["arn"] for n in range(20)}
    assert len(arns) > 10
    assert {fingerprint.role_of(arn) for arn in arns} == {ROLE}


def test_cloudtrail() -> None:
    record = rendered("cloudtrail")
    assert (record["eventSource"], record["eventName"]) == ("bedrock.amazonaws.com", "InvokeModel")
    assert record["requestParameters"] == {"modelId": "gpt-4o-mini"}
    assert record["userIdentity"]["type"] == "IAMUser"
    key = record["userIdentity"]["accessKeyId"]
    assert key.startswith("AKIAEXAMPLE")
    assert len(key) == 20
    assert "errorCode" not in record
    assert "sessionCredentialFromConsole" not in record
    assert rendered("bedrock_invocation")["requestId"] == record["requestID"]


def test_cloudtrail_console_session_of_a_role() -> None:
    record = rendered("cloudtrail", principal=ROLE, console=True, operation="GetModelInvocationLoggingConfiguration")
    assert record["sessionCredentialFromConsole"] == "true"
    assert record["userAgent"].startswith("Mozilla/")
    assert record["requestParameters"] is None
    identity = record["userIdentity"]
    assert identity["type"] == "AssumedRole"
    assert fingerprint.role_of(identity["arn"]) == ROLE
    assert identity["sessionContext"]["sessionIssuer"]["arn"] == "arn:aws:iam::111122223333:role/app"


def test_apim() -> None:
    record = rendered("apim", parameters={"n": 2, "logit_bias": {"1": 5}}, proxies=("192.0.2.9",))
    request = json.loads(record["properties"]["backendRequestBody"])
    response = json.loads(record["properties"]["backendResponseBody"])
    assert request["logit_bias"] == {"1": 5}
    assert request["messages"] == [{"role": "user", "content": "hello"}]
    assert response["usage"]["completion_tokens"] == 120
    assert len(response["choices"]) == 2
    assert record["callerIpAddress"] == "203.0.113.77"
    assert record["properties"]["apimSubscriptionId"] == "key-partner-07"
    assert record["properties"]["userId"] == "partner-07"
    assert record["resultType"] == "Succeeded"


def test_apim_failure_has_no_tokens() -> None:
    record = rendered("apim", outcome="failure", status=429)
    assert (record["isRequestSuccess"], record["resultType"]) == (False, "Failed")
    assert record["properties"]["responseCode"] == 429
    assert json.loads(record["properties"]["backendResponseBody"])["error"]["code"] == "429"


def test_apim_cuts_a_long_body_in_the_middle_of_its_json() -> None:
    body = rendered("apim", prompt="把" * 5000)["properties"]["backendRequestBody"]
    assert BODY_LIMIT - 3 < len(body.encode()) <= BODY_LIMIT
    with pytest.raises(json.JSONDecodeError):
        json.loads(body)


def test_canonical() -> None:
    bias = {"7": 5, "50256": -100}
    prompt = 'item 812 of "list"'
    event = rendered(
        "canonical",
        model="GPT-4o-Mini",
        prompt=prompt,
        system="be brief",
        reasoning_tokens=20,
        parameters={"max_tokens": 4096, "logit_bias": bias, "logprobs": True, "n": 3},
    )
    assert event["@timestamp"] == "2026-08-11T09:20:00.123Z"
    assert event["gen_ai.request.model"] == "gpt-4o-mini"
    assert event["gen_ai.prompt.length"] == len(prompt)
    assert event["gen_ai.prompt.hash"] == fingerprint.prompt_hash(prompt)
    assert event["gen_ai.prompt.template.hash"] == fingerprint.prompt_hash('item 0 of ""')
    assert event["gen_ai.prompt.head.hash"] == fingerprint.prompt_hash('item 0 of ""')
    assert event["gen_ai.system_instructions.hash"] == fingerprint.prompt_hash("be brief")
    assert event["gen_ai.request.logit_bias.hash"] == fingerprint.prompt_hash("50256:-100,7:5")
    assert event["gen_ai.request.logit_bias.present"] is True
    assert event["gen_ai.usage.visible.output_tokens"] == 100
    assert event["gen_ai.usage.output_input_ratio"] == 2.5
    assert event["gen_ai.api_key.id"] == fingerprint.prompt_hash("key-partner-07")
    assert "gen_ai.prompt" not in event
    assert "gen_ai.system_instructions" not in event


def test_canonical_leaves_out_what_is_missing() -> None:
    event = rendered(
        "canonical", prompt=None, system="x", organization=None, api_key=None, source_ip=None, input_tokens=0
    )
    missing = {"organization.id", "gen_ai.api_key.id", "source.ip", "gen_ai.usage.output_input_ratio", "error.type"}
    assert not missing & set(event)
    assert not [field for field in event if field.startswith(("gen_ai.prompt", "gen_ai.system"))]
    assert event["gen_ai.usage.input_tokens"] == 0
    assert event["gen_ai.request.logit_bias.present"] is False
