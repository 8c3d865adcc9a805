"""What each SIEM keeps of a canonical event: the shapes are ours."""

from __future__ import annotations

from sigmagen.sources.records import Record, Rows, document, events, present


def splunk(record: Record) -> Rows:
    """The raw JSON; Splunk extracts fields when it searches."""
    return events(record)


def elastic(record: Record) -> Rows:
    """The fields as nested objects."""
    return document(record)


def sentinel(record: Record) -> Rows:
    """Our own table: column names can't have dots."""
    values = {name.replace(".", "_"): value for name, value in record.items() if name != "@timestamp"}
    return {"AIInference_CL": [present({"TimeGenerated": record["@timestamp"], **values})]}
