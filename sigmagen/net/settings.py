"""All environment variables that sigmagen reads.

Secrets can be stored in the system's keyring instead. They are never command-line arguments.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

from sigmagen.problems import EXIT_USAGE, Problem, SigmagenError

SERVICE = "sigmagen"
"""The service name in the keyring."""
DOCUMENT = "docs/settings.md"

ELASTICSEARCH_URL = "SIGMAGEN_ELASTICSEARCH_URL"
ELASTICSEARCH_API_KEY = "SIGMAGEN_ELASTICSEARCH_API_KEY"
ELASTICSEARCH_USERNAME = "SIGMAGEN_ELASTICSEARCH_USERNAME"
ELASTICSEARCH_PASSWORD = "SIGMAGEN_ELASTICSEARCH_PASSWORD"
ELASTICSEARCH_CA_FILE = "SIGMAGEN_ELASTICSEARCH_CA_FILE"
ELASTICSEARCH_FINGERPRINT = "SIGMAGEN_ELASTICSEARCH_FINGERPRINT"
KIBANA_URL = "SIGMAGEN_KIBANA_URL"
KIBANA_API_KEY = "SIGMAGEN_KIBANA_API_KEY"
KIBANA_CA_FILE = "SIGMAGEN_KIBANA_CA_FILE"
SPLUNK_URL = "SIGMAGEN_SPLUNK_URL"
SPLUNK_TOKEN = "SIGMAGEN_SPLUNK_TOKEN"
SPLUNK_CA_FILE = "SIGMAGEN_SPLUNK_CA_FILE"
SPARK_MASTER = "SIGMAGEN_SPARK_MASTER"
TRINO_URL = "SIGMAGEN_TRINO_URL"
TRINO_USER = "SIGMAGEN_TRINO_USER"
TRINO_PASSWORD = "SIGMAGEN_TRINO_PASSWORD"
DATABRICKS_HOST = "SIGMAGEN_DATABRICKS_HOST"
DATABRICKS_PATH = "SIGMAGEN_DATABRICKS_PATH"
DATABRICKS_TOKEN = "SIGMAGEN_DATABRICKS_TOKEN"
SENTINEL_WORKSPACE = "SIGMAGEN_SENTINEL_WORKSPACE"
SENTINEL_ENDPOINT = "SIGMAGEN_SENTINEL_ENDPOINT"
SENTINEL_RESOURCE_ID = "SIGMAGEN_SENTINEL_RESOURCE_ID"
SENTINEL_TOKEN = "SIGMAGEN_SENTINEL_TOKEN"
SENTINEL_URL = "SIGMAGEN_SENTINEL_URL"
HASH_KEY = "SIGMAGEN_HASH_KEY"


@dataclass(frozen=True, slots=True)
class Setting:
    """An environment variable, the commands that read it, and whether its value is a secret."""

    name: str
    meaning: str
    commands: tuple[str, ...]
    secret: bool = False


_CLUSTER = ("verify", "normalize --to", "deploy elastic")

SETTINGS = (
    Setting(ELASTICSEARCH_URL, "Elasticsearch, 8.19 or later", ("verify", "deploy elastic")),
    Setting(ELASTICSEARCH_API_KEY, "an API key, as Kibana shows it (base64)", _CLUSTER, secret=True),
    Setting(ELASTICSEARCH_USERNAME, "a user name, instead of an API key", _CLUSTER),
    Setting(ELASTICSEARCH_PASSWORD, "the user's password", _CLUSTER, secret=True),
    Setting(ELASTICSEARCH_CA_FILE, "PEM file of a private certificate authority", _CLUSTER),
    Setting(
        ELASTICSEARCH_FINGERPRINT, "SHA-256 of the server's certificate, instead of a certificate authority", _CLUSTER
    ),
    Setting(KIBANA_URL, "Kibana, with `/s/<space>` for a space", ("deploy elastic",)),
    Setting(KIBANA_API_KEY, "an API key (base64)", ("deploy elastic",), secret=True),
    Setting(KIBANA_CA_FILE, "PEM file of a private certificate authority", ("deploy elastic",)),
    Setting(
        SPLUNK_URL, "Splunk's management port, such as `https://splunk.example.com:8089`", ("verify", "deploy splunk")
    ),
    Setting(SPLUNK_TOKEN, "an authentication token (Settings, Tokens)", ("verify", "deploy splunk"), secret=True),
    Setting(SPLUNK_CA_FILE, "PEM file of a private certificate authority", ("verify", "deploy splunk")),
    Setting(SENTINEL_WORKSPACE, "the workspace's id, a GUID (Overview, Workspace ID)", ("verify",)),
    Setting(SENTINEL_ENDPOINT, "the query API of another cloud, such as `https://api.loganalytics.us`", ("verify",)),
    Setting(SENTINEL_RESOURCE_ID, "the workspace's resource id, `/subscriptions/...`", ("deploy sentinel",)),
    Setting(SENTINEL_TOKEN, "a token of `az account get-access-token`", ("deploy sentinel",), secret=True),
    Setting(SENTINEL_URL, "the Resource Manager of another cloud", ("deploy sentinel",)),
    Setting(SPARK_MASTER, "where Spark runs: `local[2]` (if not set), `local-cluster[2,1,1024]`", ("verify", "hunt")),
    Setting(TRINO_URL, "Trino, with its catalog as path: `https://trino.example.com/memory`", ("verify", "hunt")),
    Setting(TRINO_USER, "a user name; `sigmagen` if not set", ("verify", "hunt")),
    Setting(TRINO_PASSWORD, "the user's password", ("verify", "hunt"), secret=True),
    Setting(DATABRICKS_HOST, "the workspace's host, such as `adb-1.2.azuredatabricks.net`", ("hunt",)),
    Setting(DATABRICKS_PATH, "the SQL warehouse's HTTP path (Connection details)", ("hunt",)),
    Setting(DATABRICKS_TOKEN, "an access token", ("hunt",), secret=True),
    Setting(HASH_KEY, "the key of keyed fingerprints, at least 16 bytes", ("normalize --hash-key env",), secret=True),
    Setting("SIGMAGEN_KUSTO_LANGUAGE", "folder of Microsoft's KQL parser", ("check with KQL's own parser",)),
    Setting("SIGMAGEN_DEBUG", "show a traceback for internal errors", ("all",)),
)

OTHER_SECRETS = ("AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PASSWORD", "AZURE_PASSWORD")
"""Secrets that Azure's own library reads."""

_KNOWN = {known.name: known for known in SETTINGS}
_from_keyring: dict[str, str] = {}


def read_setting(name: str) -> str | None:
    """Return the value of a variable; None if it is empty or not set."""
    return os.environ.get(name, "").strip() or None


def read_file_setting(name: str) -> str | None:
    """Return the path in a variable. Raises SigmagenError if the file does not exist."""
    path = read_setting(name)
    if path is not None and not os.path.isfile(path):
        raise SigmagenError(Problem("no-file", f"{name}: file not found: {path}"), EXIT_USAGE)
    return path


def read_secret(name: str) -> str | None:
    """Return a secret from the environment or, if the `keyring` package is installed, from the keyring."""
    if value := read_setting(name):
        return value
    if find_spec("keyring") is None:
        return None
    keyring, errors = import_module("keyring"), import_module("keyring.errors")
    try:
        stored: str | None = keyring.get_password(SERVICE, name)
    except errors.KeyringError:
        return None
    if stored:
        _from_keyring[name] = stored
    return stored


def read_value(name: str) -> str | None:
    """Return the value of a setting, from the keyring too if it is a secret."""
    return read_secret(name) if _KNOWN[name].secret else read_setting(name)


def list_secrets() -> set[str]:
    """Return all secrets in the settings of this process."""
    names = [known.name for known in SETTINGS if known.secret] + list(OTHER_SECRETS)
    return {value for name in names if (value := read_setting(name))} | set(_from_keyring.values())


def require(names: Sequence[str]) -> None:
    """Raise SigmagenError with a problem for each setting that has no value."""
    missing = [_missing(name) for name in names if not read_value(name)]
    if missing:
        raise SigmagenError(missing, EXIT_USAGE)


def _missing(name: str) -> Problem:
    known = _KNOWN[name]
    hint = f"set it in the environment{f', or: keyring set {SERVICE} {name}' if known.secret else ''}; see {DOCUMENT}"
    return Problem("missing-setting", f"{name} is not set: {known.meaning}", hint=hint)


def read_resource_id() -> tuple[str | None, list[Problem]]:
    """Return the workspace's resource id, with a warning if it is set under the name of earlier versions."""
    if value := read_setting(SENTINEL_RESOURCE_ID):
        return value, []
    former = read_setting(SENTINEL_WORKSPACE)
    if former is None or not former.startswith("/"):
        return None, []
    message = (
        f"{SENTINEL_WORKSPACE} contains a resource id; the next version will read it only from {SENTINEL_RESOURCE_ID}"
    )
    hint = f"rename the variable to {SENTINEL_RESOURCE_ID}"
    return former, [Problem("renamed-setting", message, "warning", hint=hint)]


def format_table() -> str:
    """Return all settings as a Markdown table, for docs/settings.md."""
    rows = [
        f"| `{known.name}` | {known.meaning} | {'yes' if known.secret else ''} | {', '.join(known.commands)} |"
        for known in SETTINGS
    ]
    return "\n".join(["| variable | meaning | secret | read by |", "|---|---|---|---|", *rows, ""])
