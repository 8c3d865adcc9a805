"""A stand-in for Azure Resource Manager: those requests of its documented APIs that a deployment makes.

It keeps what it is given, adds what Azure adds, lists page by page, and refuses what Azure would: a wrong token or API
version, a rule without what is required, a write over a later change.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.servers import kibana
from tests.servers.stand_in import listening

TOKEN = "ZXlKMGVYQWk-secret-of-tests"
GROUP = "/subscriptions/00000000-0000-4000-8000-000000000000/resourceGroups/soc"
WORKSPACE = f"{GROUP}/providers/Microsoft.OperationalInsights/workspaces/siem-workspace"

VERSIONS = {
    "alertRules": "2025-09-01",
    "watchlists": "2025-09-01",
    "savedSearches": "2020-08-01",
    "workbooks": "2022-04-01",
}
REQUIRED = {
    "alertRules": {
        "displayName",
        "enabled",
        "query",
        "queryFrequency",
        "queryPeriod",
        "severity",
        "suppressionDuration",
        "suppressionEnabled",
        "triggerOperator",
        "triggerThreshold",
    },
    "watchlists": {"displayName", "provider", "itemsSearchKey", "rawContent", "contentType"},
    "savedSearches": {"category", "displayName", "query"},
    "workbooks": {"displayName", "serializedData", "category", "sourceId"},
}
PAGE = 3

Json = dict[str, Any]
Answer = tuple[int, Any]


@dataclass
class State(kibana.State):
    """Resources by type and name."""

    resources: dict[str, dict[str, Json]] = field(default_factory=lambda: {kind: {} for kind in VERSIONS})
    changes: int = 0
    next_host: str | None = None

    def kept(self) -> Json:
        """What matters of it: everything but what the server adds."""
        return {
            kind: {name: {key: value for key, value in body.items() if key != "etag"} for name, body in there.items()}
            for kind, there in self.resources.items()
        }


class Handler(kibana.Handler):
    """One request."""

    state: State

    def _refusal(self, method: str, path: str) -> Answer | None:
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return 401, {"error": {"code": "InvalidAuthenticationToken", "message": "unauthorized"}}
        return None

    def _route(self, method: str, path: str, query: dict[str, str], body: bytes) -> Answer:
        if path == WORKSPACE and method == "GET":
            return 200, {"id": WORKSPACE, "location": "westeurope"}
        insights = f"{WORKSPACE}/providers/Microsoft.SecurityInsights/"
        places = {
            "alertRules": insights,
            "watchlists": insights,
            "savedSearches": f"{WORKSPACE}/",
            "workbooks": f"{GROUP}/providers/Microsoft.Insights/",
        }
        for kind, place in places.items():
            if match := re.fullmatch(rf"{re.escape(place)}{kind}(?:/([\w.-]+))?", path):
                if query.get("api-version") != VERSIONS[kind]:
                    return 400, {"error": {"code": "InvalidApiVersion", "message": f"no such version of {kind}"}}
                if match[1] is None:
                    return self._list(kind, path, query)
                return self._one(method, kind, match[1], json.loads(body) if body else {})
        return 404, {"error": {"code": "NotFound", "message": f"no route {method} {path}"}}

    def _list(self, kind: str, path: str, query: dict[str, str]) -> Answer:
        entries = [{"name": name, **body} for name, body in self.state.resources[kind].items()]
        start = int(query.get("$skipToken", "0"))
        answer: Json = {"value": entries[start : start + PAGE]}
        if start + PAGE < len(entries):
            host = self.state.next_host or f"http://{self.headers['Host']}"
            answer["nextLink"] = f"{host}{path}?api-version={query['api-version']}&$skipToken={start + PAGE}"
        return 200, answer

    def _one(self, method: str, kind: str, name: str, body: Json) -> Answer:
        there = self.state.resources[kind]
        if method == "GET":
            return (200, {"name": name, **there[name]}) if name in there else (404, {"error": {"code": "NotFound"}})
        if method == "DELETE":
            return (200, {}) if there.pop(name, None) else (204, {})
        properties = body.get("properties", {})
        missing = REQUIRED[kind] - set(properties)
        if missing or (kind == "alertRules" and body.get("kind") != "Scheduled"):
            return 400, {"error": {"code": "BadRequest", "message": f"missing: {', '.join(sorted(missing))}"}}
        if any(str(value).startswith("[") for value in (properties["displayName"], properties.get("query", ""))):
            return 400, {"error": {"code": "BadRequest", "message": "an expression is left"}}
        # A workbook is overwritten without a word.
        if name in there and kind != "workbooks" and body.get("etag") not in ("*", there[name]["etag"]):
            return 409, {"error": {"code": "Conflict", "message": "the resource has changed"}}
        self.state.changes += 1
        added = {"lastModifiedUtc": "2026-01-01T00:00:00Z"} if kind == "alertRules" else {}
        stored = {**body, "properties": {**properties, **added}, "etag": f'"{self.state.changes}"'}
        if kind == "alertRules":
            stored["properties"]["tactics"] = list(reversed(properties["tactics"]))
        existed = name in there
        there[name] = stored
        return (200 if existed else 201), {"name": name, **stored}


@contextmanager
def standing_in() -> Iterator[tuple[str, State]]:
    """The address of a server of its own, and what it keeps."""
    state = State()
    with listening(type("Bound", (Handler,), {"state": state, "lock": threading.Lock()}), kept_alive=True) as url:
        yield url, state
