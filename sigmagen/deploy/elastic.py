"""Elastic: deploys templates to Elasticsearch, and Discover sessions and detection rules to Kibana."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from sigmagen.deploy import custom_template
from sigmagen.deploy.deployment import Body, ConflictError, Found, Item, ObjectSet, find_differences, make_deploy_error
from sigmagen.net.client import Client
from sigmagen.net.elasticsearch import read_client_options
from sigmagen.net.secrets import encode_basic_token, hide
from sigmagen.net.settings import (
    ELASTICSEARCH_URL,
    KIBANA_API_KEY,
    KIBANA_CA_FILE,
    KIBANA_URL,
    read_file_setting,
    read_secret,
    read_setting,
    require,
)
from sigmagen.packages.elastic import COMPONENT_TEMPLATES, INDEX_TEMPLATES, RULES, SAVED_OBJECTS
from sigmagen.packages.elastic.formatting import marker
from sigmagen.packages.elastic.rules import TAG, checked
from sigmagen.packages.elastic.templates import OWNER
from sigmagen.problems import EXIT_FINDINGS, Problem, SigmagenError

CONFLICT = 409
_HEADERS = {"Accept": "application/json", "User-Agent": "sigmagen"}
_PAGE = 100
_MOST_PAGES = 1_000
_RULES = "/api/detection_engine/rules"
# Settings that users change in Kibana: an update keeps them.
_USERS = ("enabled", "actions", "exceptions_list")
# Settings that an older package may have set and the new one doesn't have.
_OPTIONS = ("alert_suppression", "timestamp_override")


@contextmanager
def parts(folder: Path) -> Iterator[list[ObjectSet]]:
    """The parts of a package in a folder, templates first. Raises SigmagenError: a file or an address is missing."""
    require([ELASTICSEARCH_URL, KIBANA_URL, KIBANA_API_KEY])
    elasticsearch, kibana = elasticsearch_client(), kibana_client()
    try:
        yield [
            ObjectSet(Templates(elasticsearch, "component"), list(_documents(folder / COMPONENT_TEMPLATES))),
            ObjectSet(Templates(elasticsearch, "index"), list(_documents(folder / INDEX_TEMPLATES))),
            ObjectSet(SavedObjects(kibana), [_saved_object(line) for line in _lines(folder / SAVED_OBJECTS)]),
            ObjectSet(Rules(kibana), [_rule(line) for line in _lines(folder / RULES)]),
        ]
    finally:
        elasticsearch.close()
        kibana.close()


def elasticsearch_client() -> Client:
    """Return a client for Elasticsearch with the credentials in the settings. Raises SigmagenError."""
    require([ELASTICSEARCH_URL])
    options = read_client_options()
    credentials, secrets = {}, []
    if "basic_auth" in options:
        user, password = options["basic_auth"]
        credentials = {"Authorization": f"Basic {encode_basic_token(user, password)}"}
        secrets = [password, encode_basic_token(user, password)]
    elif "api_key" in options:
        credentials = {"Authorization": f"ApiKey {options['api_key']}"}
        secrets = [options["api_key"]]
    return Client(
        read_setting(ELASTICSEARCH_URL) or "",
        {**_HEADERS, **credentials},
        secrets,
        "Elasticsearch",
        ca_file=options.get("ca_certs"),
        fingerprint=options.get("ssl_assert_fingerprint"),
        failure=make_deploy_error,
    )


def kibana_client() -> Client:
    """Return a client for Kibana with the API key in the settings. Raises SigmagenError."""
    require([KIBANA_URL, KIBANA_API_KEY])
    key = read_secret(KIBANA_API_KEY) or ""
    own = {"kbn-xsrf": "true", "Elastic-Api-Version": "2023-10-31", "Authorization": f"ApiKey {key}"}
    url, authority = read_setting(KIBANA_URL) or "", read_file_setting(KIBANA_CA_FILE)
    return Client(url, {**_HEADERS, **own}, [key], "Kibana", ca_file=authority, failure=make_deploy_error)


def _lines(file: Path) -> Iterator[Any]:
    try:
        for line in file.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)
    except (OSError, ValueError) as error:
        raise _no_package(file, error) from None


def _documents(folder: Path) -> Iterator[Item]:
    for file in sorted(folder.glob("*.json")):
        try:
            yield Item(file.stem, file.stem, json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise _no_package(file, error) from None


def _no_package(file: Path, error: Exception) -> SigmagenError:
    reason = getattr(error, "strerror", None) or str(error)
    hint = "`sigmagen package elastic -o DIR` writes a package"
    return SigmagenError(Problem("not-a-package", f"can't be read: {reason}", file=str(file), hint=hint))


def _rule(body: Body) -> Item:
    checked(body)
    return Item(body["rule_id"], body["name"], body)


def _saved_object(body: Body) -> Item:
    return Item(f"{body['type']}/{body['id']}", body["attributes"].get("title") or body["attributes"]["name"], body)


class Templates:
    """Component or index templates. Ours have their name in `_meta`, so a copy under another name is not ours."""

    def __init__(self, client: Client, level: Literal["component", "index"]) -> None:
        self.client = client
        self.kind = f"{level} template"
        self._level = level

    def found(self, keys: Collection[str]) -> dict[str, Found]:
        answer = self.client.get(f"/_{self._level}_template")
        entries = answer.json()[f"{self._level}_templates"] if answer else []
        there = {}
        for entry in entries:
            body = entry[f"{self._level}_template"]
            meta = body.get("_meta") or {}
            ours = meta.get("created_by") == OWNER and meta.get("name") == entry["name"]
            if ours or entry["name"] in keys:
                shared = entry["name"].endswith(custom_template.SUFFIX)
                there[entry["name"]] = Found(entry["name"], entry["name"], body, ours, shared=shared)
        return there

    def differences(self, item: Item, found: Found) -> list[str]:
        if found.shared and not found.ours:
            return custom_template.find_missing(item.body, found.body)
        there, wanted = custom_template.list_fields(found.body), custom_template.list_fields(item.body)
        # Other fields of the mapping come from an older package or, in `@custom`, from users.
        extra = custom_template.find_withdrawn(item.body, found.body) if found.shared else there.keys() - wanted.keys()
        return sorted({*find_differences(item.body, found.body), *(["template"] if extra else [])})

    def create(self, item: Item) -> None:
        answer = self.client.send(
            "PUT", self._path(item.key), params={"create": "true"}, body=item.body, accepted=(400,)
        )
        if answer.status == 400:
            # Elasticsearch responds with 400 to existing templates and to invalid ones.
            if item.key in self.found({item.key}):
                raise ConflictError(item.key)
            raise self.client.refused("PUT", self._path(item.key), answer)

    def update(self, item: Item, found: Found) -> None:
        body = item.body
        if found.shared:
            # Read it again: it may have changed since the plan was made.
            now = self.found({item.key}).get(item.key, found)
            body = custom_template.merge_missing(item.body, now.body, ours=now.ours)
        self.client.send("PUT", self._path(item.key), body=body)

    def delete(self, found: Found) -> None:
        self.client.send("DELETE", self._path(found.key), accepted=(404,))

    def _path(self, name: str) -> str:
        return f"/_{self._level}_template/{quote(name, safe='')}"


class SavedObjects:
    """Kibana's saved objects of our types. Ours have a marker with their id in the description."""

    kind = "saved object"
    types = ("tag", "search", "dashboard")

    def __init__(self, client: Client) -> None:
        self.client = client

    def found(self, keys: Collection[str]) -> dict[str, Found]:
        body = {"type": list(self.types), "excludeExportDetails": True}
        answer = self.client.send("POST", "/api/saved_objects/_export", body=body)
        there = {}
        for entry in answer.lines():
            key = f"{entry['type']}/{entry['id']}"
            attributes = entry.get("attributes", {})
            ours = f"[{marker(entry['id'])}]" in str(attributes.get("description"))
            if ours or key in keys:
                title = attributes.get("title") or attributes.get("name") or key
                there[key] = Found(key, str(title), entry, ours)
        return there

    def differences(self, item: Item, found: Found) -> list[str]:
        there = found.body.get("attributes", {})
        if item.body["type"] == "dashboard":
            # Kibana rewrites panels of another version, so the digest in the description is compared.
            return [name for name in ("title", "description") if item.body["attributes"][name] != there.get(name)]
        # Since version 9, a session's attributes are in its first tab.
        tabs = there.get("tabs") or [{}]
        there = {**tabs[0].get("attributes", {}), **there}
        differences = [
            name for name in find_differences(item.body["attributes"], there) if name != "kibanaSavedObjectMeta"
        ]
        if _query(item.body["attributes"]) != _query(there):
            differences.append("query")
        return sorted(differences)

    def create(self, item: Item) -> None:
        self._import(item, overwrite=False)

    def update(self, item: Item, found: Found) -> None:
        self._import(item, overwrite=True)

    def delete(self, found: Found) -> None:
        self.client.send("DELETE", f"/api/saved_objects/{quote(found.key)}", accepted=(404,))

    def _import(self, item: Item, *, overwrite: bool) -> None:
        data = json.dumps(item.body, ensure_ascii=False).encode() + b"\n"
        params = {"overwrite": "true"} if overwrite else {}
        answer = self.client.send(
            "POST", "/api/saved_objects/_import", params=params, file=("objects.ndjson", data)
        ).json()
        if answer.get("success"):
            return
        reasons = {str(error.get("error", {}).get("type", "unknown")) for error in answer.get("errors", [])}
        if "conflict" in reasons:
            raise ConflictError(item.key)
        reason = hide(", ".join(sorted(reasons))) or "no reason given"
        message = f"Kibana rejected the saved object {item.title}: {reason}"
        raise SigmagenError(Problem("deploy-refused", message), EXIT_FINDINGS)


def _query(attributes: Body) -> Any:
    try:
        source = json.loads(attributes.get("kibanaSavedObjectMeta", {}).get("searchSourceJSON") or "{}")
    except ValueError:
        return None
    return source.get("query") if isinstance(source, dict) else None


class Rules:
    """Detection rules. Ours have a tag with the beginning of their id, so a copy with a new id is not ours."""

    kind = "detection rule"

    def __init__(self, client: Client) -> None:
        self.client = client

    def found(self, keys: Collection[str]) -> dict[str, Found]:
        there = {rule["rule_id"]: _found_rule(rule) for rule in self._tagged()}
        # A foreign rule with one of our ids may lack our tag.
        for key in sorted(set(keys) - set(there)):
            if answer := self.client.get(_RULES, rule_id=key):
                there[key] = _found_rule(answer.json())
        return {key: rule for key, rule in there.items() if rule.ours or key in keys}

    def _tagged(self) -> Iterator[Body]:
        page, seen, total = 1, 0, 1
        while seen < total and page <= _MOST_PAGES:
            answer = self.client.send(
                "GET",
                f"{_RULES}/_find",
                params={
                    "page": page,
                    "per_page": _PAGE,
                    "sort_field": "created_at",
                    "sort_order": "asc",
                    "filter": f'alert.attributes.tags: "{TAG}"',
                },
            ).json()
            yield from answer["data"]
            page, seen, total = page + 1, seen + len(answer["data"]), answer["total"] if answer["data"] else 0

    def differences(self, item: Item, found: Found) -> list[str]:
        extra = [name for name in _OPTIONS if found.body.get(name) and name not in item.body]
        # An overlay that enables a rule is a decision of the users as well.
        extra += ["enabled"] if item.body["enabled"] and not found.body.get("enabled") else []
        return sorted({*find_differences(item.body, found.body, ignored=_USERS), *extra})

    def create(self, item: Item) -> None:
        answer = self.client.send("POST", _RULES, body=item.body, accepted=(CONFLICT,))
        if answer.status == CONFLICT:
            raise ConflictError(item.key)

    def update(self, item: Item, found: Found) -> None:
        kept = {name: found.body[name] for name in _USERS if name in found.body}
        kept["enabled"] = bool(item.body["enabled"] or kept.get("enabled"))
        self.client.send("PUT", _RULES, body={**item.body, **kept})

    def delete(self, found: Found) -> None:
        self.client.send("DELETE", _RULES, params={"rule_id": found.key}, accepted=(404,))


def _found_rule(rule: Body) -> Found:
    ours = marker(rule["rule_id"]) in (rule.get("tags") or ())
    return Found(rule["rule_id"], str(rule.get("name")), rule, ours)
