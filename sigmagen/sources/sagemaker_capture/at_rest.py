"""What each SIEM keeps of a captured line: no vendor has an integration for it, so shippers and tables are ours."""

from __future__ import annotations

from sigmagen.sources.records import Record, Rows, document, events, get, milliseconds


def splunk(record: Record) -> Rows:
    """The raw JSON; Splunk extracts fields when it searches."""
    return events(record)


def elastic(record: Record) -> Rows:
    """What a shipper puts under `sagemaker`."""
    fields = {f"sagemaker.{key}": value for key, value in record.items()}
    return document({"@timestamp": _time(record), **fields})


def sentinel(record: Record) -> Rows:
    """The record's keys as columns."""
    return {"SageMakerCapture_CL": [{"TimeGenerated": _time(record), **record}]}


def _time(record: Record) -> str:
    return milliseconds(get(record, "eventMetadata.inferenceTime"))
