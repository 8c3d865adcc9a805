"""Microsoft Sentinel: deploys each resource of the package by its id, through Azure Resource Manager.

https://learn.microsoft.com/rest/api/securityinsights/alert-rules
https://learn.microsoft.com/rest/api/loganalytics/saved-searches
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

from sigmagen.deploy.deployment import Body, ConflictError, Found, Item, ObjectSet, find_differences, make_deploy_error
from sigmagen.net.client import Client, Response
from sigmagen.net.secrets import hide
from sigmagen.net.settings import (
    SENTINEL_RESOURCE_ID,
    SENTINEL_TOKEN,
    SENTINEL_URL,
    read_resource_id,
    read_secret,
    read_setting,
    require,
)
from sigmagen.packages.sentinel.arm import INSIGHTS_API, SEARCHES_API, WORKBOOKS_API, evaluated
from sigmagen.packages.sentinel.formatting import marker
from sigmagen.problems import EXIT_USAGE, Problem, SigmagenError

AZURE = "https://management.azure.com"
WORKSPACES_API = "2022-10-01"
_MOST_PAGES = 1_000
CONFLICTS = (409, 412)
"""Azure's statuses for a write that conflicts with another version."""

_WORKSPACE = re.compile(
    r"(/subscriptions/[\w-]+/resourceGroups/[\w.()-]+)"
    r"/providers/Microsoft\.OperationalInsights/workspaces/[A-Za-z0-9-]{4,63}",
    re.IGNORECASE,
)
_NAME = re.compile(r"\[concat\(parameters\('workspace'\), '/(?:Microsoft\.SecurityInsights/)?([\w.-]+)'\)\]|([\w-]+)")
# Settings that an older package may have set and the new one doesn't have.
_OPTIONS = ("entityMappings", "customDetails", "alertDetailsOverride")


@contextmanager
def parts(folder: Path) -> Iterator[list[ObjectSet]]:
    """The parts of a package in a folder, in the order in which they need one another.

    Watchlists are included only if the rules read them. Raises SigmagenError if a file or setting is missing.
    """
    workspace = _workspace()
    rules = [_item(path) for path in _files(folder, "repositories/*/analytics-rules/*.json")]
    if not rules:
        hint = "`sigmagen package sentinel -o DIR` writes a package"
        raise SigmagenError(Problem("not-a-package", "no analytics rules found", file=str(folder), hint=hint))
    kinds = ("parsers", "readiness", "investigation", "hunting-queries")
    searches = [_item(path) for kind in kinds for path in _files(folder, f"repositories/*/{kind}/*.json")]
    workbooks = [_item(path) for path in _files(folder, "repositories/workbooks/*.json")]
    reading = any("_GetWatchlist" in rule.body["properties"]["query"] for rule in rules)
    lists = _items(folder / "arm" / "watchlists.json") if reading else []
    client = _client()
    try:
        yield [
            ObjectSet(Watchlists(client, workspace), lists),
            ObjectSet(SavedSearches(client, workspace), searches),
            ObjectSet(Workbooks(client, workspace), workbooks),
            ObjectSet(Rules(client, workspace), rules),
        ]
    finally:
        client.close()


def _client() -> Client:
    token = read_secret(SENTINEL_TOKEN) or ""
    headers = {"Accept": "application/json", "User-Agent": "sigmagen", "Authorization": f"Bearer {token}"}
    return Client(read_setting(SENTINEL_URL) or AZURE, headers, [token], "Azure", failure=make_deploy_error)


def _workspace() -> str:
    """Return the workspace's resource id. Raises SigmagenError with all missing settings."""
    found, _ = read_resource_id()
    require([SENTINEL_TOKEN] if found else [SENTINEL_RESOURCE_ID, SENTINEL_TOKEN])
    if found is None or not _WORKSPACE.fullmatch(found):
        message = f"{SENTINEL_RESOURCE_ID} is not the resource id of a Log Analytics workspace"
        hint = "`az monitor log-analytics workspace show -g GROUP -n NAME --query id -o tsv` prints it"
        raise SigmagenError(Problem("no-workspace", message, hint=hint), EXIT_USAGE)
    return found


def _files(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.glob(pattern))


def _item(path: Path) -> Item:
    (found,) = _items(path)
    return found


def _items(path: Path) -> list[Item]:
    """Return the resources of a template, with its expressions evaluated as Azure does."""
    try:
        resources = json.loads(path.read_text(encoding="utf-8"))["resources"]
        return [_resource(resource) for resource in resources]
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = getattr(error, "strerror", None) or repr(error)
        hint = "`sigmagen package sentinel -o DIR` writes a package"
        problem = Problem("not-a-package", f"can't be read: {reason}", file=str(path), hint=hint)
        raise SigmagenError(problem) from None


def _resource(resource: Body) -> Item:
    match = _NAME.fullmatch(resource["name"])
    if match is None:
        raise ValueError(f"unexpected resource name: {resource['name']!r}")
    body = {"properties": evaluated(resource["properties"])}
    body |= {name: resource[name] for name in ("kind", "tags") if name in resource}
    return Item(match[1] or match[2], body["properties"]["displayName"], body)


class Resources:
    """Resources of one type. Ours have a marker with the beginning of their id."""

    kind: str
    api: ClassVar[str]
    path: ClassVar[str]

    def __init__(self, client: Client, workspace: str) -> None:
        self.client = client
        self.workspace = workspace

    def found(self, keys: Collection[str]) -> dict[str, Found]:
        there = {}
        for entry in self._listed():
            name = str(entry["name"])
            key = next((key for key in keys if key.lower() == name.lower()), name)
            ours = self._is_ours(key, entry)
            if ours or key in keys:
                title = entry.get("properties", {}).get("displayName") or name
                there[key] = Found(key, str(title), entry, ours)
        return there

    def differences(self, item: Item, found: Found) -> list[str]:
        return find_differences(item.body["properties"], found.body.get("properties", {}), self._ignored())

    def create(self, item: Item) -> None:
        # Azure's create overwrites existing resources, so check first.
        if self.client.get(self._at(item.key), **self._version()):
            raise ConflictError(item.key)
        if self._put(item.key, self._body(item)).status in CONFLICTS:
            raise ConflictError(item.key)

    def update(self, item: Item, found: Found) -> None:
        # With the version from the plan, Azure rejects overwriting a later change.
        answer = self._put(item.key, {**self._body(item), "etag": found.body.get("etag") or "*"})
        if answer.status not in CONFLICTS:
            return
        # Accept the conflict if the change was ours and its response was lost.
        there = self.found({item.key}).get(item.key)
        if there is None or not there.ours or self.differences(item, there):
            raise self.client.refused("PUT", self._at(item.key), answer)

    def delete(self, found: Found) -> None:
        self.client.send("DELETE", self._at(found.key), params=self._version(), accepted=(404,))

    def _listed(self) -> Iterator[Body]:
        """Yield all resources of the type, page by page."""
        answer = self.client.get(self._collection(), **self._version(), **self._filter())
        for _ in range(_MOST_PAGES):
            if answer is None:
                return
            page = answer.json() or {}
            yield from page.get("value") or ()
            following = page.get("nextLink")
            answer = self.client.get(self._following(following)) if following else None
        raise make_deploy_error(f"Azure, GET {self._collection()}: too many pages")

    def _following(self, link: str) -> str:
        """Return the path of the next page. It must be on this server: no other server may receive the token."""
        parts, base = urlsplit(link), urlsplit(self.client.base)
        if (parts.scheme, parts.netloc) != (base.scheme, base.netloc):
            raise make_deploy_error(f"the next page is on another server: {hide(parts.netloc) or 'no host'}")
        path = parts.path.removeprefix(base.path.rstrip("/"))
        return f"{path}?{parts.query}" if parts.query else path

    def _put(self, key: str, body: Body) -> Response:
        return self.client.send("PUT", self._at(key), params=self._version(), body=body, accepted=CONFLICTS)

    def _body(self, item: Item) -> Body:
        return item.body

    def _collection(self) -> str:
        return f"{self.workspace}/{self.path}"

    def _at(self, key: str) -> str:
        return f"{self._collection()}/{quote(key, safe='')}"

    def _version(self) -> dict[str, str]:
        return {"api-version": self.api}

    def _filter(self) -> dict[str, str]:
        return {}

    def _ignored(self) -> tuple[str, ...]:
        return ()

    def _is_ours(self, key: str, entry: Body) -> bool:
        return f"[{marker(key)}]" in str(entry.get("properties", {}).get("description"))


class Rules(Resources):
    """Analytics rules. Users decide whether a rule is enabled; a package only enables those that the overlay does."""

    kind = "analytics rule"
    api = INSIGHTS_API
    path = "providers/Microsoft.SecurityInsights/alertRules"

    def differences(self, item: Item, found: Found) -> list[str]:
        wanted, there = item.body["properties"], found.body.get("properties", {})
        extra = [name for name in _OPTIONS if there.get(name) and name not in wanted]
        extra += ["enabled"] if wanted["enabled"] and not there.get("enabled") else []
        return sorted({*find_differences(_in_order(wanted), _in_order(there), ("enabled",)), *extra})

    def update(self, item: Item, found: Found) -> None:
        enabled = bool(item.body["properties"]["enabled"] or found.body["properties"].get("enabled"))
        body = {**item.body, "properties": {**item.body["properties"], "enabled": enabled}}
        super().update(Item(item.key, item.title, body), found)


def _in_order(properties: Body) -> Body:
    """Return the properties, with unordered lists sorted."""
    return properties | {name: sorted(properties.get(name) or ()) for name in ("tactics", "techniques")}


class SavedSearches(Resources):
    """Hunting queries, functions and readiness queries."""

    kind = "saved search"
    api = SEARCHES_API
    path = "savedSearches"

    def differences(self, item: Item, found: Found) -> list[str]:
        wanted, there = item.body["properties"], found.body.get("properties", {})
        different = find_differences(wanted, there, ("etag", "tags", "version"))
        return different + (["tags"] if _tags(wanted) != _tags(there) else [])

    def _body(self, item: Item) -> Body:
        """Return the body. A template has the etag in the properties, the API on the top level."""
        properties = {name: value for name, value in item.body["properties"].items() if name != "etag"}
        return {"properties": properties}

    def _is_ours(self, key: str, entry: Body) -> bool:
        return _tags(entry.get("properties", {})).get("createdBy") == marker(key)


def _tags(properties: Body) -> dict[str, str]:
    return {str(tag.get("name")): str(tag.get("value")) for tag in properties.get("tags") or ()}


class Watchlists(Resources):
    """Allow lists. A package only creates a list with its first items; later changes are left to the users."""

    kind = "watchlist"
    api = INSIGHTS_API
    path = "providers/Microsoft.SecurityInsights/watchlists"

    def differences(self, item: Item, found: Found) -> list[str]:
        return []


class Workbooks(Resources):
    """The workbook, in the resource group and region of the workspace."""

    kind = "workbook"
    api = WORKBOOKS_API
    path = "providers/Microsoft.Insights/workbooks"

    def differences(self, item: Item, found: Found) -> list[str]:
        wanted, there = item.body["properties"], found.body.get("properties", {})
        same = _document(wanted.get("serializedData")) == _document(there.get("serializedData"))
        return find_differences(wanted, there, ("sourceId", "serializedData", "version")) + (
            [] if same else ["serializedData"]
        )

    def _body(self, item: Item) -> Body:
        answer = self.client.send("GET", self.workspace, params={"api-version": WORKSPACES_API})
        properties = {**item.body["properties"], "sourceId": self.workspace}
        return {**item.body, "location": answer.json()["location"], "properties": properties}

    def _collection(self) -> str:
        match = _WORKSPACE.fullmatch(self.workspace)
        assert match is not None, "the workspace was checked"
        return f"{match[1]}/{self.path}"

    def _filter(self) -> dict[str, str]:
        return {"category": "sentinel", "canFetchContent": "true"}

    def _is_ours(self, key: str, entry: Body) -> bool:
        return (entry.get("tags") or {}).get("createdBy") == marker(key)


def _document(text: Any) -> Any:
    try:
        return json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None
