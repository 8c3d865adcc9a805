"""What each SIEM keeps of a line: no vendor has an integration for it, so shippers and tables are ours."""

from __future__ import annotations

import re

from sigmagen.mapping.address import extract_client_address
from sigmagen.sources.records import Record, Rows, document, events, milliseconds, present

_KEPT = (
    *("x-request-id", "x-envoy-origin-path", "user-agent", "response_code", "user.id", "tenant.id", "session.id"),
    *("gen_ai.provider.name", "gen_ai.request.model", "gen_ai.request.model_override", "gen_ai.response.model"),
    *("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "genai_backend_name", "genai_model_name"),
    *("genai_model_name_override", "genai_tokens_input", "genai_tokens_output"),
    *("tls_ja3_fingerprint", "tls_ja4_fingerprint"),
)


def splunk(record: Record) -> Rows:
    """The raw JSON; Splunk extracts fields when it searches."""
    return events(record)


def elastic(record: Record) -> Rows:
    """No integration exists: what a shipper puts under `envoy`, a dot in a key opening an object."""
    fields: Record = {"@timestamp": milliseconds(record["start_time"])}
    fields |= {f"envoy.{key}": record.get(key) for key in _KEPT}
    # The ingest step of the package's README, and the peer where the header is not logged.
    addresses = record.get("x-forwarded-for") or record.get("downstream_remote_address")
    fields["envoy.x-forwarded-for"] = extract_client_address(addresses)
    return document(fields)


def sentinel(record: Record) -> Rows:
    """The keys as columns, with underscores."""
    row = {re.sub(r"[^A-Za-z0-9]", "_", key).lstrip("_"): value for key, value in record.items()}
    return {"EnvoyAIGateway_CL": [present({"TimeGenerated": milliseconds(record["start_time"]), **row})]}
