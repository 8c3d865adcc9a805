"""A stand-in for a Splunk search head: `search/v2/jobs/export` as documented, the search run by our interpreter.

It proves what is sent and how answers are read, not how Splunk itself understands a search.
"""

from __future__ import annotations

import json
from typing import Any

from sigmagen.engines import spl
from tests.servers.stand_in import Reply, Request

PATH = "/services/search/v2/jobs/export"


def answer(request: Request) -> Reply:
    """Run the search; everything is text in Splunk's JSON, and lists where a field has several values."""
    if (request.method, request.path) != ("POST", PATH):
        return Reply(404, messages("ERROR", "Not Found"))
    form = request.form
    context = spl.Context([], float(form["earliest_time"]), float(form["latest_time"]))
    try:
        rows = spl.parse(form["search"]).run(context)
    except spl.SplError as error:
        return Reply(400, messages("FATAL", f"Error in 'SearchParser': {error}"))
    return Reply(200, exported([{name: shown(value) for name, value in row.items()} for row in rows]))


def shown(value: Any) -> Any:
    """A value as Splunk's JSON has it."""
    return [str(part) for part in value] if isinstance(value, list | tuple) else str(value)


def exported(rows: list[dict[str, Any]]) -> bytes:
    """Rows as `export` streams them: the last one is marked, and where there is none, a line says so."""
    lines: list[dict[str, Any]] = [{"preview": False, "offset": n, "result": row} for n, row in enumerate(rows)]
    lines = lines or [{"preview": False}]
    lines[-1]["lastrow"] = True
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def messages(kind: str, text: str) -> bytes:
    """An error's body."""
    return json.dumps({"messages": [{"type": kind, "text": text}]}).encode()
