"""A stand-in for a search head's REST API for apps and what is in them: the documented requests of a deployment.

It keeps what it is given, adds what Splunk adds, and refuses what Splunk would: a wrong token, an object that is there
already, an object of an app that isn't there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.servers.stand_in import Reply, Request

TOKEN = "t0ken-of-tests"
APPS = "/services/apps/local"

Json = dict[str, Any]


@dataclass
class SplunkObjects:
    """What is kept: apps, and by path of the collection each object with its settings and access."""

    apps: dict[str, Json] = field(default_factory=dict)
    objects: dict[str, dict[str, Json]] = field(default_factory=dict)

    def kept(self) -> Json:
        """A copy of everything."""
        found: Json = json.loads(json.dumps({"apps": self.apps, "objects": self.objects}))
        return found

    def answer(self, request: Request) -> Reply:
        """One request."""
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return _said(401, f"call not properly authenticated: {request.headers.get('Authorization')}")
        path = urlsplit(request.path).path
        assert "output_mode=json" in request.path
        if path.startswith(APPS):
            return self._app(request, unquote(path.removeprefix(APPS).strip("/")))
        _, _, owner, app, *rest = path.split("/")
        assert owner == "nobody"
        if app not in self.apps:
            return _said(404, f"Application does not exist: {app}")
        collection, name, access = "/".join(rest[:2]), unquote("/".join(rest[2:3])), rest[3:] == ["acl"]
        return self._object(request, app, self.objects.setdefault(collection, {}), name, access)

    def _app(self, request: Request, name: str) -> Reply:
        if request.method == "GET":
            return _entries([_entry(name, self.apps[name], {})]) if name in self.apps else _said(404, "Could not find")
        form = request.form
        if not name:
            name = form.pop("name")
            if name in self.apps:
                return _said(409, "exists")
            self.apps[name] = {"disabled": False}
        self.apps[name] |= {key: value for key, value in form.items() if key != "template"}
        return _entries([_entry(name, self.apps[name], {})])

    def _object(self, request: Request, app: str, there: dict[str, Json], name: str, access: bool) -> Reply:
        form = request.form
        if request.method == "GET":
            return _entries([_entry(key, value["content"], value["acl"]) for key, value in there.items()])
        if request.method == "DELETE":
            return _entries([]) if there.pop(name, None) else _said(404, "Could not find")
        if not name:
            name = form.pop("name")
            if name in there:
                return _said(409, f"An object with name={name} already exists")
            there[name] = {"content": {"disabled": False}, "acl": {"app": app, "sharing": "app"}}
        if name not in there:
            return _said(404, "Could not find")
        if access:
            there[name]["acl"]["sharing"] = form["sharing"]
        else:
            there[name]["content"] |= form
            there[name]["content"]["disabled"] = str(there[name]["content"]["disabled"]) in ("1", "True")
        return _entries([_entry(name, there[name]["content"], there[name]["acl"])])


def _entry(name: str, content: Json, acl: Json) -> Json:
    return {"name": name, "content": {**content, "eai:acl": None}, "acl": acl}


def _entries(entries: list[Json]) -> Reply:
    return Reply(200, json.dumps({"entry": entries}).encode())


def _said(status: int, text: str) -> Reply:
    return Reply(status, json.dumps({"messages": [{"type": "ERROR", "text": text}]}).encode())
