"""What each SIEM keeps of the toy gateway's record."""

from __future__ import annotations

from sigmagen.sources.records import Record, Rows, document, events


def splunk(record: Record) -> Rows:
    """The raw JSON."""
    return events(record)


def elastic(record: Record) -> Rows:
    """The object under `toy`."""
    return document({"@timestamp": record["ts"], "toy": record})


def sentinel(record: Record) -> Rows:
    """Its keys as columns."""
    return {"ToyGateway_CL": [{"TimeGenerated": record["ts"], **record}]}
