"""Splunk: deploys saved searches, macros, sourcetypes and event types through the REST API of a search head.

The API does not accept files: the dashboard with its lookup and the story for Enterprise Security are only in the
app's .tgz. The API of a search head does not reach indexers and forwarders: install the add-on there.
https://help.splunk.com/en/splunk-enterprise/rest-api-reference
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sigmagen.deploy.deployment import Body, ConflictError, Found, Item, ObjectSet, find_differences, make_deploy_error
from sigmagen.net.client import Client
from sigmagen.net.settings import (
    SPLUNK_CA_FILE,
    SPLUNK_TOKEN,
    SPLUNK_URL,
    read_file_setting,
    read_secret,
    read_setting,
    require,
)
from sigmagen.packages.splunk.app import AUTHOR
from sigmagen.packages.splunk.conf import parse
from sigmagen.packages.splunk.macros import PREFIX, list_macros
from sigmagen.packages.splunk.savedsearches import APP
from sigmagen.packages.splunk.searches import TITLE
from sigmagen.problems import EXIT_FINDINGS, Problem, SigmagenError

CONFLICT = 409
_APPS = "/services/apps/local"
_JSON = {"output_mode": "json"}
_OURS = (f"{TITLE} - ", PREFIX, f"eventtype={PREFIX}")
_SHARING = "eai:sharing"
"""The key for an object's sharing, which Splunk stores separately from its settings."""


@dataclass(frozen=True)
class Endpoint:
    """The REST endpoint for the stanzas of a .conf file, and their sharing."""

    conf: str
    kind: str
    path: str
    sharing: str = "global"


ENDPOINTS = (
    Endpoint("macros", "macro", "configs/conf-macros"),
    Endpoint("props", "sourcetype", "configs/conf-props"),
    Endpoint("eventtypes", "event type", "saved/eventtypes", "app"),
    Endpoint("tags", "tag", "configs/conf-tags", "app"),
    Endpoint("savedsearches", "saved search", "saved/searches"),
)


@contextmanager
def parts(folder: Path) -> Iterator[list[ObjectSet]]:
    """The parts of a package in a folder, the app first.

    Raises SigmagenError if a file or setting is missing, or if a foreign app has the same name.
    """
    files = _files(folder)
    require([SPLUNK_URL, SPLUNK_TOKEN])
    url, token = read_setting(SPLUNK_URL) or "", read_secret(SPLUNK_TOKEN) or ""
    headers = {"Authorization": f"Bearer {token}", "User-Agent": "sigmagen"}
    authority = read_file_setting(SPLUNK_CA_FILE)
    client = Client(url, headers, [token], "Splunk", ca_file=authority, failure=make_deploy_error)
    try:
        yield [_app(client, files), *(_part(client, endpoint, files) for endpoint in ENDPOINTS)]
    finally:
        client.close()


def _files(folder: Path) -> dict[str, str]:
    """Return the text of the package's files."""
    archives = sorted(folder.glob(f"{APP}-*.tgz"))
    if len(archives) != 1:
        reason = "no app found" if not archives else "several versions of the app found"
        hint = "`sigmagen package splunk -o DIR` writes a package; keep one version in the folder"
        raise SigmagenError(Problem("not-a-package", reason, file=str(folder), hint=hint))
    try:
        with tarfile.open(fileobj=io.BytesIO(archives[0].read_bytes())) as tar:
            found = {member.name: tar.extractfile(member) for member in tar.getmembers() if member.isfile()}
            return {name.partition("/")[2]: stream.read().decode() for name, stream in found.items() if stream}
    except (OSError, tarfile.TarError, ValueError) as error:
        raise SigmagenError(Problem("not-a-package", f"can't be read: {error}", file=str(archives[0]))) from None


def _conf(files: dict[str, str], name: str) -> dict[str, dict[str, str]]:
    try:
        return parse(files.get(f"default/{name}.conf", ""))
    except ValueError as error:
        raise SigmagenError(Problem("not-a-package", str(error), file=f"{name}.conf")) from None


def _app(client: Client, files: dict[str, str]) -> ObjectSet:
    conf = _conf(files, "app")
    body = {
        "label": conf["ui"]["label"],
        "version": conf["id"]["version"],
        "description": conf["launcher"]["description"],
        "author": AUTHOR,
    }
    return ObjectSet(App(client), [Item(APP, conf["ui"]["label"], body)])


def _part(client: Client, endpoint: Endpoint, files: dict[str, str]) -> ObjectSet:
    overlaid: dict[str, Any] = json.loads(files.get("overlay.json", "{}"))
    decided = {f"{PREFIX}{name}" for name, place in overlaid.get("sources", {}).items() if "splunk" in place}
    decided |= {macro for name in overlaid.get("allow_lists", {}) for macro in list_macros(name)}

    def users(item: Item) -> set[str]:
        """Return the settings that users decide: enabled searches, and locations unless the overlay sets them."""
        if endpoint.conf == "macros":
            return set() if item.key in decided else {"definition"}
        return {"disabled"} if item.body.get("disabled") != "0" else set()

    items = [
        Item(name, name, {**settings, _SHARING: endpoint.sharing})
        for name, settings in _conf(files, endpoint.conf).items()
    ]
    return ObjectSet(Stanzas(client, endpoint, users), items)


class App:
    """The app itself. It is ours if it has our author."""

    kind = "app"

    def __init__(self, client: Client) -> None:
        self.client = client

    def found(self, keys: Collection[str]) -> dict[str, Found]:
        answer = self.client.get(f"{_APPS}/{APP}", **_JSON)
        if answer is None:
            return {}
        body = answer.json()["entry"][0]["content"]
        if body.get("author") != AUTHOR:
            message = f"an app {APP} that sigmagen did not create exists; nothing was changed"
            raise SigmagenError(Problem("deploy-foreign", message, hint="remove it in Splunk"), EXIT_FINDINGS)
        return {APP: Found(APP, str(body.get("label")), body, True)}

    def differences(self, item: Item, found: Found) -> list[str]:
        return find_differences(item.body, found.body)

    def create(self, item: Item) -> None:
        form = {"name": APP, "template": "barebones", "visible": 1, **item.body}
        answer = self.client.send("POST", _APPS, params=_JSON, form=form, accepted=(CONFLICT,))
        if answer.status == CONFLICT:
            raise ConflictError(APP)

    def update(self, item: Item, found: Found) -> None:
        self.client.send("POST", f"{_APPS}/{APP}", params=_JSON, form=item.body)

    def delete(self, found: Found) -> None:
        """Never called: the app is in every package, so it is never obsolete."""


class Stanzas:
    """The stanzas of one .conf file in our app. Ours are all sourcetypes, and stanzas that follow our naming."""

    def __init__(self, client: Client, endpoint: Endpoint, users: Callable[[Item], set[str]]) -> None:
        self.client = client
        self.kind = endpoint.kind
        self._users = users
        self._path = f"/servicesNS/nobody/{APP}/{endpoint.path}"

    def found(self, keys: Collection[str]) -> dict[str, Found]:
        answer = self.client.get(self._path, **_JSON, count=0)
        there = {}
        for entry in answer.json()["entry"] if answer else []:
            name, acl = entry["name"], entry["acl"]
            # The list also has stanzas that other apps share.
            if acl["app"] != APP:
                continue
            ours = name.startswith(_OURS) or self.kind == "sourcetype" or name in keys
            body = {key: _text(value) for key, value in entry["content"].items()}
            there[name] = Found(name, name, {**body, _SHARING: acl["sharing"]}, ours)
        return there

    def differences(self, item: Item, found: Found) -> list[str]:
        return find_differences(item.body, found.body, self._users(item))

    def create(self, item: Item) -> None:
        form = {"name": item.key, **_settings(item.body)}
        answer = self.client.send("POST", self._path, params=_JSON, form=form, accepted=(CONFLICT,))
        if answer.status == CONFLICT:
            raise ConflictError(item.key)
        self._share(item)

    def update(self, item: Item, found: Found) -> None:
        users = self._users(item)
        form = {name: value for name, value in _settings(item.body).items() if name not in users}
        self.client.send("POST", self._named(item.key), params=_JSON, form=form)
        if found.body.get(_SHARING) != item.body[_SHARING]:
            self._share(item)

    def delete(self, found: Found) -> None:
        self.client.send("DELETE", self._named(found.key), params=_JSON, accepted=(404,))

    def _share(self, item: Item) -> None:
        form = {
            "owner": "nobody",
            "sharing": item.body[_SHARING],
            "perms.read": "*",
            "perms.write": "admin,sc_admin",
        }
        self.client.send("POST", f"{self._named(item.key)}/acl", params=_JSON, form=form)

    def _named(self, name: str) -> str:
        return f"{self._path}/{quote(name, safe='')}"


def _settings(body: Body) -> Body:
    return {name: value for name, value in body.items() if name != _SHARING}


def _text(value: Any) -> str:
    """Return a setting as in the file: booleans are 0 and 1."""
    return str(int(value)) if isinstance(value, bool) else "" if value is None else str(value)
