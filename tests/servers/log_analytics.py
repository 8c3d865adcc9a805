"""A stand-in for the Log Analytics query API (`POST /v1/workspaces/{id}/query`), KQL run by duckdb-kql.

It proves what is sent and how answers are read, and that a query with its tables inside finds what it should; not how
Log Analytics itself understands KQL.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import duckdb
import duckdb_kql

from tests.servers.stand_in import Reply, Request

WORKSPACE = "00000000-0000-0000-0000-000000000000"
PATH = f"/v1/workspaces/{WORKSPACE}/query"


def answer(request: Request) -> Reply:
    """Run the query: no tables exist but those that it brings along."""
    if (request.method, request.path) != ("POST", PATH):
        return Reply(404, error("PathNotFoundError", "The requested path does not exist"))
    text = json.loads(request.body)["query"]
    if text == "print answer = 1":
        return reply({"answer": "long"}, [[1]])
    columns, rows = run(text)
    return reply(dict.fromkeys(columns, "dynamic"), [[shown(value) for value in row] for row in rows])


def run(text: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Columns and rows of KQL that brings its tables along."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        result = connection.execute(str(duckdb_kql.to_sql(text, schema={})))
        return [column[0] for column in result.description or ()], result.fetchall()


def shown(value: Any) -> Any:
    """A value as the API's JSON has it."""
    return value.replace(tzinfo=UTC).isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value


def reply(columns: dict[str, str], rows: list[list[Any]]) -> Reply:
    """A whole result."""
    named = [{"name": name, "type": kind} for name, kind in columns.items()]
    body = {"tables": [{"name": "PrimaryResult", "columns": named, "rows": rows}]}
    return Reply(200, json.dumps(body).encode(), {"Content-Type": "application/json"})


def error(code: str, message: str, *inner: str) -> bytes:
    """An error's body, with errors inside of it."""
    body: dict[str, Any] = {"code": code, "message": message}
    at = body
    for text in inner:
        at["innererror"] = {"code": code, "message": text}
        at = at["innererror"]
    return json.dumps({"error": body}).encode()
