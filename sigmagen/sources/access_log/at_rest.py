"""What each SIEM keeps of a line: Elastic's integration has the combined format, the others the JSON."""

from __future__ import annotations

from sigmagen.mapping.address import extract_client_address
from sigmagen.sources.records import Record, Rows, document, events, from_epoch, present


def splunk(record: Record) -> Rows:
    """The raw JSON; Splunk extracts fields when it searches."""
    return events(record)


def elastic(record: Record) -> Rows:
    """The document that the integration's pipeline makes of the same request in the combined format.

    https://github.com/elastic/integrations packages/nginx/data_stream/access/elasticsearch/ingest_pipeline/default.yml
    """
    path, _, query = str(record["request_uri"]).partition("?")
    status = int(record["status"])
    user = record.get("remote_user")
    return document(
        {
            "@timestamp": f"{_time(record)[:19]}.000Z",
            "event.outcome": "success" if status < 400 else "failure",
            "http.request.method": record["request_method"],
            "http.response.status_code": status,
            "http.response.body.bytes": int(record.get("body_bytes_sent") or 0),
            "source.address": record["remote_addr"],
            "source.ip": extract_client_address(record["remote_addr"]),
            "url.original": record["request_uri"],
            "url.path": path,
            "url.query": query or None,
            "user.name": None if user in (None, "", "-") else user,
            "user_agent.original": record.get("http_user_agent") or None,
        }
    )


def sentinel(record: Record) -> Rows:
    """The keys as columns, with the types of the table."""
    row = {"TimeGenerated": _time(record), **record}
    return {"NginxAccess_CL": [present(row | {"status": int(record["status"])})]}


def _time(record: Record) -> str:
    """The time of the line, as a mapping reads it."""
    return from_epoch(record.get("msec") or record["time_iso8601"])
