"""A stand-in for a Splunk search head: apps, saved searches and .conf stanzas, as its REST API has them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.servers.stand_in import Reply, Request

TOKEN = "ey-secret-of-tests"
_OBJECTS = re.compile(r"/servicesNS/nobody/([\w-]+)/(saved/searches|configs/conf-\w+)(?:/([^/]+))?")
_NOT_ARGUMENTS = {"enableSched", "counttype", "relation", "quantity"}

Content = dict[str, Any]


@dataclass
class SearchHead:
    """What is kept: apps, and (endpoint, name) -> app and settings."""

    apps: set[str] = field(default_factory=lambda: {"search"})
    objects: dict[tuple[str, str], tuple[str, Content]] = field(default_factory=dict)
    writes: int = 0

    def answer(self, request: Request) -> Reply:
        """The answer to a request, as Splunk's documentation has it."""
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return said(401, "call not properly authenticated")
        parts = urlsplit(request.path)
        self.writes += request.method != "GET"
        if parts.path.startswith("/services/apps/local"):
            return self._apps(request, unquote(parts.path.removeprefix("/services/apps/local").lstrip("/")))
        if match := _OBJECTS.fullmatch(parts.path):
            app, endpoint, name = match[1], match[2], unquote(match[3]) if match[3] else None
            if app not in self.apps:
                return said(404, f"Application does not exist: {app}")
            if request.method == "GET":
                return self._list(endpoint)
            return self._write(request, app, endpoint, name)
        return said(404, "Not Found")

    def _apps(self, request: Request, name: str) -> Reply:
        if request.method == "GET":
            return (
                entries([(name, "system", {})]) if name in self.apps else said(404, f"Could not find object id={name}")
            )
        name = request.form["name"]
        if name in self.apps:
            return said(409, f"App {name} already exists")
        self.apps.add(name)
        return entries([(name, "system", {})], 201)

    def _list(self, endpoint: str) -> Reply:
        found = [(name, app, body) for (kind, name), (app, body) in self.objects.items() if kind == endpoint]
        return entries(found)

    def _write(self, request: Request, app: str, endpoint: str, name: str | None) -> Reply:
        settings = {key: value for key, value in request.form.items() if key not in ("name", "output_mode")}
        if endpoint == "saved/searches" and (unknown := _NOT_ARGUMENTS & settings.keys()):
            return said(400, f"Argument {sorted(unknown)} is not supported by this handler.")
        if name is None:
            key = (endpoint, request.form["name"])
            if key in self.objects:
                return said(409, f"Unable to create: an object with name={key[1]} already exists")
            self.objects[key] = (app, stored(settings))
            return entries([(key[1], app, settings)], 201)
        key = (endpoint, name)
        if key not in self.objects:
            return said(404, f"Could not find object id={name}")
        if request.method == "DELETE":
            del self.objects[key]
            return entries([])
        self.objects[key] = (app, {**self.objects[key][1], **stored(settings)})
        return entries([(name, app, settings)])


def stored(settings: Content) -> Content:
    """Splunk's JSON has flags and numbers where it knows them."""
    flags = {"disabled", "is_scheduled", "is_visible", "realtime_schedule"}
    return {key: value == "1" if key in flags else value for key, value in settings.items()}


def entries(found: list[tuple[str, str, Content]], status: int = 200) -> Reply:
    """A feed of objects."""
    entry = [{"name": name, "acl": {"app": app, "owner": "nobody"}, "content": body} for name, app, body in found]
    return Reply(status, json.dumps({"entry": entry, "messages": []}).encode())


def said(status: int, text: str) -> Reply:
    """An error."""
    return Reply(status, json.dumps({"messages": [{"type": "ERROR", "text": text}]}).encode())
