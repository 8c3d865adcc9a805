"""Splunk: saved searches, macros and event types of the app, through the REST API of a search head.

A search head takes no archive over REST, so what only files can bring (props, the lookup, the dashboard) comes with the
app itself. An app that was installed from its archive is upgraded the same way: its objects are foreign here.

https://help.splunk.com/en/splunk-enterprise/rest-api-reference: saved/searches, configs/conf-{file}, apps/local
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sigmagen.connect import file_setting, setting
from sigmagen.deploy.credentials import required, secret
from sigmagen.deploy.http import Client
from sigmagen.deploy.plan import ConflictError, Found, Item, Part, differing
from sigmagen.engines.splunk_rest import CA_FILE_VARIABLE, TOKEN_VARIABLE, URL_VARIABLE
from sigmagen.packages.splunk.savedsearches import APP
from sigmagen.problems import Problem, SigmagenError

CONFLICT = 409
NOT_FOUND = 404

# What settings of savedsearches.conf are called in saved/searches.
_ARGUMENTS = {
    "enableSched": "is_scheduled",
    "counttype": "alert_type",
    "relation": "alert_comparator",
    "quantity": "alert_threshold",
}
_STANZA = re.compile(r"\[(.+)\]")

Conf = dict[str, dict[str, str]]


@contextmanager
def parts(folder: Path) -> Iterator[list[Part]]:
    """The parts of a package in a folder, what searches use first. Raises SigmagenError."""
    found = confs(folder)
    client = splunk_client()
    try:
        yield [
            Part(Apps(client), [Item(APP, APP, {"label": "Model Extraction"})]),
            Part(Stanzas(client, "macro", "configs/conf-macros"), _items(found["macros"])),
            Part(Stanzas(client, "event type", "configs/conf-eventtypes"), _items(found["eventtypes"])),
            Part(Stanzas(client, "saved search", "saved/searches"), _items(found["savedsearches"], _ARGUMENTS)),
        ]
    finally:
        client.close()


def splunk_client() -> Client:
    """The search head, with the settings of `sigmagen verify`. Raises SigmagenError."""
    url = required(URL_VARIABLE, setting(URL_VARIABLE), "the address of Splunk's REST API")
    token = required(TOKEN_VARIABLE, secret(TOKEN_VARIABLE), "the token for Splunk")
    authority = file_setting(CA_FILE_VARIABLE)
    headers = {"Accept": "application/json", "User-Agent": "sigmagen", "Authorization": f"Bearer {token}"}
    return Client(url, headers, [token], "Splunk", {"ca_certs": authority} if authority else {})


def marker(name: str) -> str:
    """How an object says that we made it: a clone has another name, and is not ours."""
    return f"[sigmagen:{_short_hash(name)}]"


def written(definition: str) -> str:
    """What we wrote as a macro's definition, to tell it from what people wrote there since."""
    return f"[definition:{_short_hash(definition)}]"


def _short_hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:8]


def confs(folder: Path) -> dict[str, Conf]:
    """The .conf files of the app in a folder that `sigmagen package splunk` wrote. Raises SigmagenError."""
    archives = sorted(folder.glob("*.tgz"))
    hint = "`sigmagen package splunk -o DIR` writes a package"
    if len(archives) != 1:
        raise SigmagenError(Problem("not-a-package", f"{len(archives)} apps are here", file=str(folder), hint=hint))
    try:
        with tarfile.open(archives[0]) as archive:
            return {name: conf(_text(archive, name)) for name in ("macros", "eventtypes", "savedsearches")}
    except (tarfile.TarError, OSError, EOFError, KeyError, ValueError) as error:
        problem = Problem("not-a-package", f"can't be read: {error}", file=str(archives[0]), hint=hint)
        raise SigmagenError(problem) from None


def _text(archive: tarfile.TarFile, name: str) -> str:
    member = archive.extractfile(f"{APP}/default/{name}.conf")
    if member is None:
        raise KeyError(f"{name}.conf is no file")
    return member.read().decode()


def conf(text: str) -> Conf:
    """Stanzas and settings of a .conf file; a backslash at a line's end continues a value. Raises ValueError."""
    found: Conf = {}
    stanza: dict[str, str] | None = None
    lines = iter(text.split("\n"))
    for line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        if match := _STANZA.fullmatch(line):
            stanza = found.setdefault(match[1], {})
            continue
        key, equals, value = line.partition("=")
        if stanza is None or not equals:
            raise ValueError(f"not a setting: {line[:60]!r}")
        parts = [value.lstrip()]
        while parts[-1].endswith("\\"):
            parts[-1] = parts[-1][:-1]
            parts.append(next(lines))
        stanza[key.strip()] = "\n".join(parts)
    return found


def _items(stanzas: Conf, arguments: Mapping[str, str] | None = None) -> list[Item]:
    items = []
    for name, settings in stanzas.items():
        body = {(arguments or {}).get(key, key): value for key, value in settings.items()}
        marks = [marker(name), *([written(body["definition"])] if "definition" in body else [])]
        body["description"] = " ".join([body.get("description", ""), *marks]).strip()
        items.append(Item(name, name, body))
    return items


class Apps:
    """The app whose objects these are. One that is there is taken as it is."""

    kind = "app"

    def __init__(self, client: Client) -> None:
        self.client = client

    def found(self, keys: Collection[str]) -> dict[str, Found]:
        there = {}
        for key in keys:
            if self.client.get(f"/services/apps/local/{quote(key, safe='')}", output_mode="json"):
                there[key] = Found(key, key, {}, True)
        return there

    def differences(self, item: Item, found: Found) -> list[str]:
        return []

    def create(self, item: Item) -> None:
        form = {"name": item.key, "label": item.body["label"], "visible": 1, "output_mode": "json"}
        if self.client.send("POST", "/services/apps/local", form=form, accepted=(CONFLICT,)).status == CONFLICT:
            raise ConflictError(item.key)

    def update(self, item: Item, found: Found) -> None:
        raise AssertionError("an app has no differences")

    def delete(self, found: Found) -> None:
        raise AssertionError("an app is never obsolete")


class Stanzas:
    """Stanzas of one .conf file in our app; ours have a marker with their own name in the description."""

    def __init__(self, client: Client, kind: str, endpoint: str) -> None:
        self.client = client
        self.kind = kind
        self._path = f"/servicesNS/nobody/{APP}/{endpoint}"

    def found(self, keys: Collection[str]) -> dict[str, Found]:
        # Without the app, there is nothing in it.
        answer = self.client.get(self._path, output_mode="json", count=0)
        there = {}
        for entry in answer.json()["entry"] if answer else ():
            name, content = entry["name"], entry.get("content") or {}
            # Other apps share their objects; those are in nobody's way.
            if entry.get("acl", {}).get("app") != APP:
                continue
            ours = marker(name) in str(content.get("description"))
            if ours or name in keys:
                there[name] = Found(name, name, content, ours)
        return there

    def differences(self, item: Item, found: Found) -> list[str]:
        return differing(_kept(item, found), _flags(found.body))

    def create(self, item: Item) -> None:
        form = {"name": item.key, "output_mode": "json", **item.body}
        if self.client.send("POST", self._path, form=form, accepted=(CONFLICT,)).status == CONFLICT:
            raise ConflictError(item.key)

    def update(self, item: Item, found: Found) -> None:
        self.client.send("POST", self._of(item.key), form={"output_mode": "json", **_kept(item, found)})

    def delete(self, found: Found) -> None:
        self.client.send("DELETE", self._of(found.key), params={"output_mode": "json"}, accepted=(NOT_FOUND,))

    def _of(self, name: str) -> str:
        return f"{self._path}/{quote(name, safe='')}"


def _kept(item: Item, found: Found) -> dict[str, Any]:
    """What the package says of an object that is there, without what people decide: whether a search is on, unless the
    package turns it on, and a macro's definition, once they have written their own."""
    body = dict(item.body)
    if body.get("disabled") == "1":
        del body["disabled"]
    if "definition" in body and written(str(found.body.get("definition"))) not in str(found.body.get("description")):
        del body["definition"]
    return body


def _flags(content: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with flags as .conf files have them."""
    return {key: int(value) if isinstance(value, bool) else value for key, value in content.items()}
