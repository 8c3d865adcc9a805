"""What each SIEM keeps of a payload: no vendor has an integration for it, so shippers and tables are ours."""

from __future__ import annotations

from sigmagen.mapping.address import extract_client_address
from sigmagen.sources.records import Record, Rows, document, events, from_epoch, get, present, text

_FIELDS = (
    *("id", "call_type", "status", "model", "model_group", "cache_hit", "requester_ip_address", "end_user"),
    *("prompt_tokens", "completion_tokens", "total_tokens"),
    *(f"metadata.user_api_key_{part}" for part in ("hash", "user_id", "org_id", "team_id")),
    *("error_information.error_code", "error_information.error_class"),
)


def splunk(record: Record) -> Rows:
    """The raw JSON; Splunk extracts fields when it searches."""
    return events(record)


def elastic(record: Record) -> Rows:
    """No integration exists: what a shipper puts under `litellm`, with JSON text where the caller chooses keys."""
    fields: Record = {"@timestamp": from_epoch(record["startTime"])}
    fields |= {f"litellm.{path}": get(record, path) for path in _FIELDS}
    # The ingest step of the package's README.
    fields["litellm.requester_ip_address"] = extract_client_address(record.get("requester_ip_address"))
    fields |= {f"litellm.{key}": text(record.get(key)) for key in ("messages", "model_parameters", "response")}
    return document(fields)


def sentinel(record: Record) -> Rows:
    """The payload's keys as columns, objects as dynamic. `id` is a reserved column name in Log Analytics."""
    row = {"TimeGenerated": from_epoch(record["startTime"]), "litellm_call_id": record.get("id")}
    return {"LiteLLM_CL": [present(row | {key: value for key, value in record.items() if key != "id"})]}
