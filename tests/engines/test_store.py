"""What each SIEM keeps of a native record."""

from __future__ import annotations

import doctest
import json
from copy import deepcopy
from typing import Any

import pytest

from sigmagen.problems import SigmagenError
from sigmagen.sources import records, source_names, stored_rows
from sigmagen.sources.bedrock_invocation.at_rest import BODY_LIMIT
from sigmagen.targets import registry
from tests.native_logs import converter, logged

ROLE = "arn:aws:sts::111122223333:assumed-role/app"


def native(source: str, **attributes: Any) -> dict[str, Any]:
    defaults: dict[str, Any] = {
        "time": 1_786_440_000_123,
        "id": "case-7",
        "principal": "partner-07",
        "system": "be brief",
    }
    return logged(source, **(defaults | attributes))


def kept(siem: str, source: str, **attributes: Any) -> dict[str, Any]:
    """The first row of the first table."""
    rows = stored_rows(siem, source, native(source, **attributes))
    return next(iter(rows.values()))[0]


def test_the_docstrings_are_right() -> None:
    assert doctest.testmod(records).failed == 0


@pytest.mark.parametrize(
    ("source", "siem"),
    [
        (source.name, siem)
        for source in converter().sources.values()
        for siem in registry.siems()
        if siem in source.stored
    ],
)
@pytest.mark.parametrize("failing", [False, True])
def test_every_siem_of_a_mapping_keeps_plain_json(siem: str, source: str, failing: bool) -> None:
    record = native(source, outcome="failure" if failing else "success", organization=None)
    before = deepcopy(record)
    rows = stored_rows(siem, source, record)
    assert record == before
    assert rows == json.loads(json.dumps(rows))
    assert all(rows.values())
    time = {"splunk": None, "elastic": "@timestamp", "sentinel": "TimeGenerated"}[siem]
    assert all(time is None or row[time].endswith("Z") for table in rows.values() for row in table)


def test_an_unknown_pair_is_refused() -> None:
    with pytest.raises(SigmagenError, match="chronicle"):
        stored_rows("chronicle", "litellm", {})
    with pytest.raises(SigmagenError, match="tyk"):
        stored_rows("elastic", "tyk", {})


@pytest.mark.parametrize("source", [name for name in source_names() if "splunk" in converter().sources[name].stored])
def test_splunk_keeps_the_record(source: str) -> None:
    record = native(source)
    # Google's add-on keeps a Pub/Sub message, with the record under `data`.
    kept = {"data": record, "attributes": {}} if source == "vertex_audit" else record
    assert stored_rows("splunk", source, record) == {"events": [kept]}


def test_elastic_litellm_keeps_what_the_caller_shapes_as_text() -> None:
    document = kept("elastic", "litellm", parameters={"logit_bias": {"50256": -100}}, organization="team-red")
    assert document["@timestamp"] == "2026-08-11T09:20:00.123Z"
    assert json.loads(document["litellm"]["messages"])[0] == {"role": "system", "content": "be brief"}
    assert document["litellm"]["model_parameters"] == '{"logit_bias":{"50256":-100}}'
    assert json.loads(document["litellm"]["response"])["choices"][0]["finish_reason"] == "stop"
    assert document["litellm"]["metadata"]["user_api_key_team_id"] == "team-red"
    assert "user_api_key_org_id" not in document["litellm"]["metadata"]
    assert "error_information" not in document["litellm"]


def test_elastic_bedrock() -> None:
    document = kept("elastic", "bedrock_invocation", parameters={"max_tokens": 16, "temperature": 0.5, "top_p": 1})
    assert document["user"]["id"] == document["gen_ai"]["user"]["id"] == "arn:aws:iam::111122223333:user/partner-07"
    assert document["gen_ai"]["usage"] == {"prompt_tokens": 40, "completion_tokens": 120}
    request = document["gen_ai"]["request"]
    assert (request["max_tokens"], request["temperature"], request["top_p"]) == (16, 0.5, 1)
    assert request["model"] == {"id": "gpt-4o-mini"}
    assert document["event"] == {"action": "InvokeModel", "outcome": "success"}
    assert json.loads(document["gen_ai"]["prompt"])["system"] == "be brief"
    assert document["gen_ai"]["prompt"].startswith('{"anthropic_version":"bedrock-2023-05-31","max_tokens":16,')


def test_elastic_bedrock_does_not_escape_texts() -> None:
    prompt = kept("elastic", "bedrock_invocation", prompt='say "x"')["gen_ai"]["prompt"]
    assert '"text":"say "x"",' in prompt


@pytest.mark.parametrize(("text", "present"), [("x" * 32_000, True), ("x" * BODY_LIMIT, False)])
def test_elastic_bedrock_drops_a_long_body(text: str, present: bool) -> None:
    assert ("prompt" in kept("elastic", "bedrock_invocation", prompt=text)["gen_ai"]) is present


def test_elastic_bedrock_counts_a_body_as_java_does() -> None:
    assert "prompt" not in kept("elastic", "bedrock_invocation", prompt="\N{GRINNING FACE}" * 17_000)["gen_ai"]


def test_elastic_bedrock_failure() -> None:
    document = kept("elastic", "bedrock_invocation", outcome="failure", error="AccessDeniedException", output_tokens=0)
    assert document["event"]["outcome"] == "failure"
    assert document["gen_ai"]["response"] == {"error_code": "AccessDeniedException"}
    assert "completion_tokens" not in document["gen_ai"]["usage"]


def test_elastic_cloudtrail() -> None:
    document = kept("elastic", "cloudtrail", principal=ROLE, console=True)
    trail = document["aws"]["cloudtrail"]
    assert trail["request_parameters"] == "{modelId=gpt-4o-mini}"
    assert trail["session_credential_from_console"] == "true"
    issuer = trail["user_identity"]["session_context"]["session_issuer"]
    assert issuer == {"arn": "arn:aws:iam::111122223333:role/app"}
    assert document["event"] == {"provider": "bedrock.amazonaws.com", "action": "InvokeModel", "outcome": "success"}
    assert document["source"] == {"ip": "203.0.113.77"}


def test_elastic_cloudtrail_control_plane_has_no_parameters() -> None:
    document = kept("elastic", "cloudtrail", operation="GetModelInvocationLoggingConfiguration", outcome="failure")
    assert "request_parameters" not in document["aws"]["cloudtrail"]
    assert document["aws"]["cloudtrail"]["error_code"] == "ValidationException"
    assert document["event"]["outcome"] == "failure"


def test_elastic_apim() -> None:
    document = kept("elastic", "apim")
    gateway = document["azure"]["open_ai"]
    assert gateway["is_request_success"] is True
    assert gateway["properties"]["apim_subscription_id"] == "key-partner-07"
    assert gateway["properties"]["user_id"] == "partner-07"
    assert gateway["properties"]["backend_request_body"]["messages"][1] == {"role": "user", "content": "hello"}
    response = gateway["properties"]["backend_response_body"]
    assert response["usage"] == {"input_tokens": 40, "output_tokens": 120, "total_tokens": 160}
    assert response["choices"] == [{"finish_reason": "stop"}]
    assert document["http"]["response"] == {"status_code": 200}
    assert document["url"]["domain"] == "apim.example.com"


def test_elastic_apim_survives_a_cut_body() -> None:
    properties = kept("elastic", "apim", prompt="x" * 9000)["azure"]["open_ai"]["properties"]
    assert "backend_request_body" not in properties
    assert "backend_response_body" in properties


def test_sentinel_litellm() -> None:
    record = native("litellm")
    row = kept("sentinel", "litellm")
    assert (row["TimeGenerated"], row["litellm_call_id"]) == ("2026-08-11T09:20:00.123Z", "case-7")
    assert "id" not in row
    assert row["messages"] == record["messages"]
    assert "error_str" not in row


def test_sentinel_bedrock_is_one_text() -> None:
    rows = stored_rows("sentinel", "bedrock_invocation", native("bedrock_invocation"))
    assert list(rows) == ["AWSCloudWatch"]
    assert json.loads(rows["AWSCloudWatch"][0]["Message"]) == native("bedrock_invocation")


def test_sentinel_cloudtrail() -> None:
    rows = stored_rows("sentinel", "cloudtrail", native("cloudtrail", principal=ROLE))
    (row,) = rows["AWSCloudTrail"]
    assert row["RequestParameters"] == '{"modelId":"gpt-4o-mini"}'
    assert row["SessionIssuerArn"] == "arn:aws:iam::111122223333:role/app"
    assert row["UserIdentityType"] == "AssumedRole"
    assert "ErrorCode" not in row
    assert row["ReadOnly"] is True


def test_sentinel_apim_has_two_tables() -> None:
    rows = stored_rows("sentinel", "apim", native("apim"))
    assert list(rows) == ["ApiManagementGatewayLogs", "ApiManagementGatewayLlmLog"]
    (gateway,) = rows["ApiManagementGatewayLogs"]
    assert gateway["ApimSubscriptionId"] == "key-partner-07"
    assert json.loads(gateway["BackendRequestBody"])["model"] == "gpt-4o-mini"
    tokens, asked, told = rows["ApiManagementGatewayLlmLog"]
    assert {row["CorrelationId"] for row in (gateway, tokens, asked, told)} == {gateway["CorrelationId"]}
    assert [row["SequenceNumber"] for row in (tokens, asked, told)] == [0, 1, 2]
    assert (tokens["DeploymentName"], tokens["PromptTokens"], tokens["CompletionTokens"]) == ("gpt-4o-mini", 40, 120)
    assert (asked["DeploymentName"], told["DeploymentName"]) == ("", "")
    assert asked["RequestMessages"][1]["content"] == "hello"
    assert told["ResponseMessages"][0]["role"] == "assistant"


def test_sentinel_apim_times_differ_both_ways_by_up_to_two_seconds() -> None:
    offsets = []
    for n in range(200):
        rows = stored_rows("sentinel", "apim", native("apim", id=f"c-{n}"))
        gateway, tokens = rows["ApiManagementGatewayLogs"][0], rows["ApiManagementGatewayLlmLog"][0]
        seconds = [float(row["TimeGenerated"][17:-1]) for row in (gateway, tokens)]
        offsets.append((seconds[1] - seconds[0] + 30) % 60 - 30)
    assert min(offsets) < -1
    assert max(offsets) > 1
    assert all(0.1 <= round(abs(offset), 3) <= 2 for offset in offsets)


def test_sentinel_apim_failure_has_no_token_row() -> None:
    rows = stored_rows("sentinel", "apim", native("apim", outcome="failure", status=429))["ApiManagementGatewayLlmLog"]
    assert [row["SequenceNumber"] for row in rows] == [1]
    assert not [row for row in rows if row["DeploymentName"] or "PromptTokens" in row]


def test_sentinel_apim_keeps_the_tokens_of_a_call_whose_body_was_cut() -> None:
    rows = stored_rows("sentinel", "apim", native("apim", prompt="x" * 9000))["ApiManagementGatewayLlmLog"]
    assert (rows[0]["DeploymentName"], rows[0]["PromptTokens"]) == ("gpt-4o-mini", 40)


def test_sentinel_canonical_columns_have_no_dots() -> None:
    row = kept("sentinel", "canonical")
    assert row["gen_ai_usage_output_tokens"] == 120
    assert row["TimeGenerated"] == "2026-08-11T09:20:00.123Z"
    assert not [column for column in row if "." in column or column.startswith("@")]


def test_elastic_canonical_is_nested() -> None:
    document = kept("elastic", "canonical")
    assert document["gen_ai"]["usage"]["output_tokens"] == 120
    assert document["@timestamp"] == "2026-08-11T09:20:00.123Z"
