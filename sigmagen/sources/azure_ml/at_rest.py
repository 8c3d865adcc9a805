"""What each SIEM keeps of a row of AmlOnlineEndpointTrafficLog: Log Analytics the row itself, the others an export."""

from __future__ import annotations

from sigmagen.sources.records import Record, Rows, document, events, milliseconds, present

TABLE = "AmlOnlineEndpointTrafficLog"


def splunk(record: Record) -> Rows:
    """The raw JSON of the exported row."""
    return events(record)


def elastic(record: Record) -> Rows:
    """What a shipper puts under `azure_ml`."""
    fields = {f"azure_ml.{key}": value for key, value in record.items() if key not in ("TimeGenerated", "Type")}
    return document({"@timestamp": milliseconds(record["TimeGenerated"]), **fields})


def sentinel(record: Record) -> Rows:
    """The row."""
    row = {**record, "TimeGenerated": milliseconds(record["TimeGenerated"])}
    return {TABLE: [present({key: value for key, value in row.items() if key != "Type"})]}
