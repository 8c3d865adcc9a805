"""What each SIEM keeps of a row of an inference table: no vendor ships them, so jobs and tables are ours."""

from __future__ import annotations

from sigmagen.sources.records import Record, Rows, document, events, milliseconds, present


def splunk(record: Record) -> Rows:
    """The row as JSON; Splunk extracts fields when it searches."""
    return events(record)


def elastic(record: Record) -> Rows:
    """What a job puts under `databricks`."""
    return document({"@timestamp": _time(record), **{f"databricks.{key}": value for key, value in record.items()}})


def sentinel(record: Record) -> Rows:
    """The columns of the inference table; no value is no column."""
    return {"DatabricksInference_CL": [present({"TimeGenerated": _time(record), **record})]}


def _time(record: Record) -> str:
    return milliseconds(record["request_time"])
