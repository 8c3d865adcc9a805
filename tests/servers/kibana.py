"""A stand-in for Kibana and Elasticsearch: those requests of their documented APIs that a deployment makes.

It keeps what it is given, adds what Kibana adds, and refuses what Kibana would: a request without its headers, a rule
that is there already, a field that the schema doesn't know.
"""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import UUID

from sigmagen.packages.elastic.rules import schema
from tests.servers.stand_in import listening

API_KEY = "c2VjcmV0LW9mLXRlc3Rz"
WRITES = ("POST", "PUT", "DELETE")

Json = dict[str, Any]
Answer = tuple[int, Any]


@dataclass
class State:
    """What is kept, and what was asked. `failures` are answered first, one a request: status and headers."""

    rules: dict[str, Json] = field(default_factory=dict)
    objects: dict[str, Json] = field(default_factory=dict)
    templates: dict[str, dict[str, Json]] = field(default_factory=lambda: {"component": {}, "index": {}})
    requests: list[tuple[str, str]] = field(default_factory=list)
    failures: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    # Ends this process at the n-th request, before or after it was carried out.
    victim: int | None = None
    fatal: int | None = None
    carried_out: bool = False

    def kept(self) -> Json:
        """What matters of it: everything but what the server adds."""
        added = ("id", "created_at", "revision", "version", "immutable", "execution_summary")
        rules = {
            key: {name: value for name, value in rule.items() if name not in added} for key, rule in self.rules.items()
        }
        kept: Json = json.loads(json.dumps({"rules": rules, "objects": self.objects, "templates": self.templates}))
        return kept

    @property
    def writes(self) -> list[str]:
        """The paths of all requests that could change something."""
        reading = ("/_export", "/_find")
        return [path for method, path in self.requests if method in WRITES and not path.endswith(reading)]


class Handler(BaseHTTPRequestHandler):
    """One request. `state` is of the server."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    state: State
    lock: threading.Lock

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def do_PUT(self) -> None:
        self._serve("PUT")

    def do_DELETE(self) -> None:
        self._serve("DELETE")

    def _serve(self, method: str) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        with self.lock:
            self.state.requests.append((method, parts.path))
            dying = self.state.fatal is not None and len(self.state.requests) == self.state.fatal
            if dying and not self.state.carried_out:
                self._kill()
                return
            if self.state.failures:
                status, headers = self.state.failures.pop(0)
                self._answer(status, {"message": f"busy; you sent {self.headers.get('Authorization')}"}, headers)
                return
            answer = self._refusal(method, parts.path) or self._route(method, unquote(parts.path), query, body)
            if dying:
                self._kill()
                return
        self._answer(*answer, {})

    def _kill(self) -> None:
        """End the client as `kill -9` does: it hears nothing any more."""
        if self.state.victim is not None:
            os.kill(self.state.victim, signal.SIGKILL)
        self.close_connection = True

    def _answer(self, status: int, body: Any, headers: dict[str, str]) -> None:
        lines = isinstance(body, list)
        data = b"".join(json.dumps(line).encode() + b"\n" for line in body) if lines else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/ndjson" if lines else "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _refusal(self, method: str, path: str) -> Answer | None:
        if self.headers.get("Authorization") != f"ApiKey {API_KEY}":
            return 401, {"message": "unauthorized"}
        if path.startswith("/api/") and method in WRITES and not self.headers.get("kbn-xsrf"):
            return 400, {"message": "Request must contain a kbn-xsrf header."}
        return None

    def _route(self, method: str, path: str, query: dict[str, str], body: bytes) -> Answer:
        if path == "/api/detection_engine/rules/_find" and method == "GET":
            return self._find(query)
        if path == "/api/detection_engine/rules":
            return self._rules(method, query, json.loads(body) if body else {})
        if path == "/api/saved_objects/_export" and method == "POST":
            types = json.loads(body)["type"]
            return 200, [item for item in self.state.objects.values() if item["type"] in types]
        if path == "/api/saved_objects/_import" and method == "POST":
            return self._import(query, body)
        if (match := re.fullmatch(r"/api/saved_objects/(\w+)/([\w-]+)", path)) and method == "DELETE":
            gone = self.state.objects.pop(f"{match[1]}/{match[2]}", None)
            return (200, {}) if gone else (404, {"message": "not found"})
        if match := re.fullmatch(r"/_(component|index)_template(?:/(.+))?", path):
            return self._template(method, match[1], match[2], query, body)
        return 404, {"message": f"no route {method} {path}"}

    def _find(self, query: dict[str, str]) -> Answer:
        tag = re.fullmatch(r'alert\.attributes\.tags: "([^"]+)"', query["filter"])
        assert tag, query
        found = [rule for rule in self.state.rules.values() if tag[1] in rule["tags"]]
        page, size = int(query["page"]), int(query["per_page"])
        shown = found[(page - 1) * size : page * size]
        return 200, {"page": page, "perPage": size, "total": len(found), "data": shown}

    def _rules(self, method: str, query: dict[str, str], body: Json) -> Answer:
        key = body.get("rule_id") or query.get("rule_id", "")
        there = self.state.rules.get(key)
        if method == "POST" and there:
            return 409, {"message": f'rule_id: "{key}" already exists', "status_code": 409}
        if method != "POST" and there is None:
            return 404, {"message": f'rule_id: "{key}" not found', "status_code": 404}
        if method == "GET":
            return 200, there
        if method == "DELETE":
            return 200, self.state.rules.pop(key)
        known = {name: value for name, value in body.items() if name not in ("actions", "exceptions_list")}
        if errors := [error.message for error in schema().iter_errors(known)]:
            return 400, {"message": f"[request body]: {errors[0]}", "status_code": 400}
        self.state.rules[key] = self._stored(body, there)
        return 200, self.state.rules[key]

    def _stored(self, body: Json, there: Json | None) -> Json:
        fields = [{**item, "ecs": not item["name"].startswith("litellm")} for item in body.get("required_fields", [])]
        number = there["version"] + 1 if there else 1
        kept = {"id": there["id"]} if there else {"id": str(UUID(int=len(self.state.rules) + 1))}
        defaults = {"actions": [], "exceptions_list": [], "immutable": False, "risk_score_mapping": []}
        return {**defaults, **body, **kept, "required_fields": fields, "version": number, "revision": number - 1}

    def _import(self, query: dict[str, str], body: bytes) -> Answer:
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        (part,) = list(BytesParser().parsebytes(head + body).walk())[1:]
        assert str(part.get_filename()).endswith(".ndjson")
        payload = part.get_payload(decode=True)
        assert isinstance(payload, bytes)
        errors = []
        for item in map(json.loads, payload.decode().splitlines()):
            key = f"{item['type']}/{item['id']}"
            error = {"type": item["type"], "id": item["id"], "title": item["attributes"].get("title")}
            if key in self.state.objects and query.get("overwrite") != "true":
                errors.append({**error, "error": {"type": "conflict"}})
            else:
                self.state.objects[key] = {**item, "managed": False}
        return 200, {"success": not errors, "successCount": 0 if errors else 1, "errors": errors}

    def _template(self, method: str, level: str, name: str | None, query: dict[str, str], body: bytes) -> Answer:
        there = self.state.templates[level]
        if method == "GET":
            entries = [{"name": key, f"{level}_template": value} for key, value in there.items()]
            return 200, {f"{level}_templates": entries}
        assert name
        if method == "DELETE":
            used = any(name in index["composed_of"] for index in self.state.templates["index"].values())
            if level == "component" and used:
                return 400, {"error": {"type": "illegal_argument_exception", "reason": "still in use"}}
            return (200, {"acknowledged": True}) if there.pop(name, None) else (404, {"error": {"reason": "missing"}})
        if name in there and query.get("create") == "true":
            return 400, {"error": {"type": "illegal_argument_exception", "reason": "already exists"}}
        data = json.loads(body)
        missing = [part for part in data.get("composed_of", []) if part not in self.state.templates["component"]]
        if missing:
            return 400, {"error": {"type": "invalid_index_template_exception", "reason": f"no {missing}"}}
        there[name] = data
        return 200, {"acknowledged": True}


@contextmanager
def standing_in() -> Iterator[tuple[str, State]]:
    """The address of a server of its own, and what it keeps."""
    state = State()
    with listening(type("Bound", (Handler,), {"state": state, "lock": threading.Lock()}), kept_alive=True) as url:
        yield url, state
