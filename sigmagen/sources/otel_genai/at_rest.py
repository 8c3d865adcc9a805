"""What each SIEM keeps of a span: shippers and tables are ours."""

from __future__ import annotations

from sigmagen.mapping.address import extract_client_address
from sigmagen.sources.records import Record, Rows, document, events, from_epoch, get, present


def splunk(record: Record) -> Rows:
    """The raw JSON; Splunk extracts fields when it searches."""
    return events(record)


def elastic(record: Record) -> Rows:
    """What a shipper puts under `otel`, a dot in an attribute's name opening an object."""
    fields: Record = {"@timestamp": _time(record), "otel.spanId": record["spanId"]}
    fields["otel.status.code"] = get(record, "status.code")
    fields |= {f"otel.attributes.{name}": value for name, value in record["attributes"].items()}
    fields |= {f"otel.resource.{name}": value for name, value in record.get("resource", {}).items()}
    # The template has `ignore_malformed`: a host name is no address.
    address = extract_client_address(record["attributes"].get("client.address"))
    return document(fields | {"otel.attributes.client.address": address})


def sentinel(record: Record) -> Rows:
    """The span's keys as columns, objects as dynamic."""
    return {"OTelGenAI_CL": [present({"TimeGenerated": _time(record), **record})]}


def _time(record: Record) -> str:
    return from_epoch(int(str(record["startTimeUnixNano"])[:13]) / 1000)
