"""What each SIEM keeps of an observation: no vendor has an integration for it, so shippers and tables are ours."""

from __future__ import annotations

from sigmagen.sources.records import Record, Rows, document, events, from_epoch, present

_RESERVED = {"id": "observation_id", "type": "observation_type"}
"""Names that a column of Log Analytics can't have."""


def splunk(record: Record) -> Rows:
    """The raw JSON; Splunk extracts fields when it searches."""
    return events(record)


def elastic(record: Record) -> Rows:
    """What a shipper puts under `langfuse`."""
    return document({"@timestamp": _time(record), **{f"langfuse.{key}": value for key, value in record.items()}})


def sentinel(record: Record) -> Rows:
    """The fields as columns."""
    row = {_RESERVED.get(key, key): value for key, value in record.items()}
    return {"LangfuseObservations_CL": [present({"TimeGenerated": _time(record), **row})]}


def _time(record: Record) -> str:
    return from_epoch(record["start_time"])
