"""Which source logs which operation, and that a mapping reads what the renderer writes of it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from sigmagen.bundled import mappings_folder
from sigmagen.mapping import fingerprint
from sigmagen.sources import render
from sigmagen.sources.call import (
    API_ACTION,
    BATCH,
    CHAT,
    EMBEDDINGS,
    FINE_TUNE,
    IMAGE_GENERATION,
    OPERATIONS,
    PREDICTION,
    STORAGE_READ,
    TEXT_COMPLETION,
    Call,
)
from tests import views

ANSWERED = {CHAT, TEXT_COMPLETION, EMBEDDINGS}
LOGGED = {
    "access_log": ANSWERED | {PREDICTION},
    "anthropic_compliance": set(),
    "apim": ANSWERED | {IMAGE_GENERATION},
    "azure_ml": ANSWERED | {PREDICTION},
    "azure_openai": ANSWERED,
    "bedrock_invocation": ANSWERED,
    "canonical": ANSWERED | {PREDICTION, STORAGE_READ},
    "cloudtrail": ANSWERED | {IMAGE_GENERATION, BATCH, FINE_TUNE, STORAGE_READ},
    "databricks": ANSWERED | {PREDICTION},
    "envoy": ANSWERED,
    "kong": ANSWERED,
    "langfuse": ANSWERED,
    "litellm": ANSWERED | {IMAGE_GENERATION},
    "openai_audit": set(),
    "openai_completions": {CHAT},
    "otel_genai": ANSWERED,
    "sagemaker_capture": {PREDICTION},
    "storage_blob": {STORAGE_READ},
    "vertex_audit": {CHAT, PREDICTION},
}
"""The operations whose records are published, by source."""


def rendered(source: str, **attributes: Any) -> Any:
    defaults: dict[str, Any] = {"time": 1_786_440_000_123, "id": "c-1", "principal": "ann"}
    return render(source, Call(**(defaults | attributes)))


@pytest.mark.parametrize("source", LOGGED)
def test_each_source_logs_the_operations_that_are_published_of_it(source: str) -> None:
    assert {operation for operation in OPERATIONS if rendered(source, operation=operation)} == LOGGED[source]


@pytest.mark.parametrize("siem", ["duckdb", "splunk", "sentinel"])
@pytest.mark.parametrize("source", ["apim", "bedrock_invocation", "litellm"])
@pytest.mark.parametrize(
    "attributes",
    [
        {"operation": TEXT_COMPLETION, "parameters": {"max_tokens": 16}},
        {"operation": EMBEDDINGS, "output_tokens": 0},
        {"operation": EMBEDDINGS, "inputs": 3, "output_tokens": 0},
    ],
    ids=["completion", "one text", "three texts"],
)
def test_a_mapping_reads_the_prompt_of_calls_without_a_conversation(
    siem: str, source: str, attributes: dict[str, Any]
) -> None:
    if source == "apim" and attributes.get("inputs"):
        pytest.skip("the body has a list of texts, of which the mapping takes none")
    record = rendered(source, prompt="Once upon a time 7", **attributes)
    (event,) = views.derived(siem, source, [record], ["gen_ai.prompt.hash", "event.outcome"]).values()
    assert event == {"gen_ai.prompt.hash": fingerprint.prompt_hash("Once upon a time 7"), "event.outcome": "success"}


def test_bedrock_embeds_several_texts_by_cohere_and_one_by_titan() -> None:
    several = rendered("bedrock_invocation", operation=EMBEDDINGS, inputs=2, prompt="b", output_tokens=0)
    assert several["input"]["inputBodyJson"] == {"texts": ["b [1]", "b"], "input_type": "search_document"}
    one = rendered("bedrock_invocation", operation=EMBEDDINGS, prompt="b", output_tokens=0)
    assert one["input"]["inputBodyJson"] == {"inputText": "b"}
    assert "outputTokenCount" not in one["output"]


def test_a_completion_has_a_text_and_no_message() -> None:
    for source, path in (("litellm", "response"), ("apim", "properties")):
        record = rendered(source, operation=TEXT_COMPLETION)
        answer = record[path] if source == "litellm" else json.loads(record[path]["backendResponseBody"])
        assert answer["choices"] == [{"index": 0, "finish_reason": "stop", "text": "ok"}]
    request = rendered("apim", operation=TEXT_COMPLETION, prompt="once")
    assert json.loads(request["properties"]["backendRequestBody"])["prompt"] == "once"
    assert request["properties"]["operationId"] == "Completions_Create"


def test_cloudtrail_names_jobs_and_reads_of_storage() -> None:
    job = rendered("cloudtrail", operation=FINE_TUNE)
    assert (job["eventSource"], job["eventName"]) == ("bedrock.amazonaws.com", "CreateModelCustomizationJob")
    read = rendered("cloudtrail", operation=STORAGE_READ, object="weights/m/model.safetensors")
    assert (read["eventSource"], read["eventName"], read["eventCategory"]) == ("s3.amazonaws.com", "GetObject", "Data")
    assert read["requestParameters"]["bucketName"] == "weights"
    assert read["requestParameters"]["key"] == "m/model.safetensors"
    assert (read["managementEvent"], read["readOnly"]) == (False, True)


def test_a_prediction_has_a_hash_of_its_features_and_no_tokens() -> None:
    one = rendered("canonical", operation=PREDICTION, features=(1.0, 2.0), scores=(0.9, 0.1))
    other = rendered("canonical", operation=PREDICTION, features=(1.0, 2.5), scores=(0.9, 0.1))
    assert one["gen_ai.input.hash"] != other["gen_ai.input.hash"]
    assert not [field for field in one if "usage" in field or "prompt" in field]


def test_the_schema_of_test_files_takes_the_same_operations() -> None:
    schema = json.loads((mappings_folder() / "schema" / "test.schema.json").read_text("utf-8"))
    operation = schema["$defs"]["call"]["properties"]["operation"]
    assert operation["pattern"] == operation["items"]["pattern"] == f"^({'|'.join(OPERATIONS)}|{API_ACTION.pattern})$"
    assert all(re.search(operation["pattern"], name) for name in (*OPERATIONS, "Converse", "s3/PutObject"))


def test_only_stored_completions_lack_failed_calls() -> None:
    logged = [source for source in LOGGED if CHAT in LOGGED[source]]
    lacking = {source for source in logged if not rendered(source, outcome="failure", status=429)}
    assert lacking == {"openai_completions"}


@pytest.mark.parametrize("siem", ["duckdb", "splunk", "sentinel"])
@pytest.mark.parametrize("source", ["apim", "litellm"])
def test_a_mapping_reads_the_end_user_that_the_caller_names(siem: str, source: str) -> None:
    records = [rendered(source, end_user=user) for user in ("u-1", None)]
    events = [views.derived(siem, source, [record], ["enduser.pseudo.id"]) for record in records]
    assert [[*found.values()] for found in events] == [[{"enduser.pseudo.id": "u-1"}], [{}]]


@pytest.mark.parametrize("siem", ["duckdb", "splunk", "sentinel"])
def test_the_safety_identifier_comes_before_the_user(siem: str) -> None:
    record = rendered("apim", end_user="u-1", parameters={"safety_identifier": "s-1"})
    (event,) = views.derived(siem, "apim", [record], ["enduser.pseudo.id"]).values()
    assert event == {"enduser.pseudo.id": "s-1"}


def test_a_read_of_an_object_is_a_storage_event() -> None:
    read = rendered(
        "canonical", operation=STORAGE_READ, object="weights/v1/model.bin", object_bytes=4096, as_number=64500
    )
    assert read["event.action"] == "read"
    assert (read["storage.bucket.name"], read["storage.object.key"]) == ("weights", "v1/model.bin")
    assert (read["storage.object.bytes"], read["source.as.number"]) == (4096, 64500)
    assert "gen_ai.request.model" not in read
