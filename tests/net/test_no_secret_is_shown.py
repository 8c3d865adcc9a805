"""Every command that talks to a server, against one that echoes, redirects and answers nonsense.

Whatever it sends, no command shows a secret, sends one elsewhere, or ends in an internal error.
"""

from __future__ import annotations

import base64
import html
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from azure.core.credentials import AccessToken
from click.testing import CliRunner

from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.cli.main import cli
from sigmagen.convert.converter import Converter
from sigmagen.net.settings import SETTINGS
from sigmagen.packages.elastic.formatting import marker
from sigmagen.packages.sentinel.formatting import marker as azure_marker
from sigmagen.packages.splunk.savedsearches import APP
from sigmagen.rules.load import load_rules
from tests.native_logs import example
from tests.servers import splunk
from tests.servers.stand_in import Reply, Request, StandIn, serve

# A process of its own shows what Elasticsearch's client warns of.
pytestmark = pytest.mark.filterwarnings("ignore::elasticsearch.ElasticsearchWarning")

ROOT = Path(__file__).parents[2]
RULE = rules_folder() / "sybil" / "one_egress_many_organizations.yml"
RESOURCE_ID = "/subscriptions/0/resourceGroups/soc/providers/Microsoft.OperationalInsights/workspaces/siem-workspace"
JSON = {"Content-Type": "application/json", "X-Elastic-Product": "Elasticsearch"}

API_KEY = base64.b64encode(b"key-id-of-tests:secret-of/an+api-key").decode()
KIBANA_KEY = base64.b64encode(b"kibana-id:secret of & kibana<key>").decode()
PASSWORD = 'pass/w"ord+1'
TOKEN = "eyJhbGciOiJub25lIn0.splunk-token/of+tests="
AZURE_TOKEN = "eyJ0eXAiOiJKV1QifQ.azure-token-of-tests"
MANAGEMENT_TOKEN = "eyJ0eXAiOiJKV1QifQ.management-token-of-tests"
SECRETS = (
    API_KEY,
    "secret-of/an+api-key",
    KIBANA_KEY,
    "secret of & kibana<key>",
    PASSWORD,
    base64.b64encode(f"ann:{PASSWORD}".encode()).decode(),
    TOKEN,
    AZURE_TOKEN,
    MANAGEMENT_TOKEN,
)

Answer = Callable[[Request], Reply]


def echoed(asked: Request) -> str:
    """What was sent, in each form in which a server may send it back."""
    sent = asked.headers.get("Authorization", "")
    scheme, _, value = sent.partition(" ")
    forms = [sent, value, quote(value, safe=""), base64.b64encode(sent.encode()).decode(), html.escape(sent)]
    forms += [json.dumps(value)[1:-1], value.encode().hex(), asked.path]
    if scheme in ("Basic", "ApiKey"):
        decoded = base64.b64decode(value).decode()
        forms += [decoded, decoded.partition(":")[2], quote(decoded, safe="")]
    return " ".join(forms)


def errors(asked: Request) -> Any:
    """An error's body as any of the APIs writes it."""
    said = echoed(asked)
    error = {"type": said, "reason": said, "code": said, "message": said, "root_cause": []}
    return {"error": error, "message": said, "messages": [{"type": "FATAL", "text": said}]}


def as_json(status: int, make: Callable[[Request], Any]) -> Answer:
    return lambda asked: Reply(status, json.dumps(make(asked)).encode(), JSON)


def as_text(status: int, kind: str) -> Answer:
    return lambda asked: Reply(status, f"<html>{echoed(asked)}".encode(), {**JSON, "Content-Type": kind})


def in_headers(asked: Request) -> Reply:
    said = echoed(asked)
    return Reply(200, b"{}", {**JSON, "Warning": f'299 Elasticsearch-8 "{said}"', "Retry-After": said})


def redirected(asked: Request) -> Reply:
    return Reply(302, b"", {"Location": f"http://{quote(echoed(asked), safe='')}.example.com/{echoed(asked)}"})


NONSENSE: dict[str, Answer] = {
    "echo-400": as_json(400, errors),
    "echo-401": as_json(401, errors),
    "echo-403": as_json(403, errors),
    "echo-500": as_json(500, errors),
    "echo-503": as_json(503, errors),
    "echo-200": as_json(200, lambda asked: {echoed(asked): {"mappings": {"_meta": {}}}}),
    "errors-200": as_json(200, errors),
    "list": as_json(200, lambda asked: [echoed(asked)]),
    "text": as_json(200, echoed),
    "number": as_json(200, lambda asked: 5),
    "null-fields": as_json(200, lambda asked: dict.fromkeys(("items", "value", "entry", "data", "tables", "values"))),
    "wrong-types": as_json(
        200, lambda asked: {key: [5, "x"] for key in ("items", "value", "entry", "data", "tables", "index_templates")}
    ),
    "html-200": as_text(200, "text/html"),
    "html-502": as_text(502, "text/html"),
    "wrong-type": as_text(200, "application/octet-stream"),
    "in-headers": in_headers,
    "redirect": redirected,
    "https-to-http": lambda asked: Reply(307, b"", {"Location": "http://192.0.2.1:9/"}),
    "loop": lambda asked: Reply(308, b"", {"Location": asked.path}),
    "empty": lambda asked: Reply(200, b"", JSON),
    "no-content": lambda asked: Reply(204, b"", JSON),
    "truncated": lambda asked: Reply(200, b'{"items": [', JSON),
    "cut-off": lambda asked: Reply(200, b"{}", JSON, announced=500),
    "not-utf-8": lambda asked: Reply(200, b'{"items": "\xff\xfe"}', JSON),
    "deep": lambda asked: Reply(200, b'{"items":' + b"[" * 100_000 + b"]" * 100_000 + b"}", JSON),
    "huge-numbers": as_json(200, lambda asked: {"total": 1e300, "data": [{}], "items": [10**400]}),
    "no-http": lambda asked: Reply(raw=b"nonsense " + echoed(asked).encode() + b"\r\n\r\n"),
    "many-headers": lambda asked: Reply(200, b"{}", {f"X-{number}": echoed(asked)[:500] for number in range(200)}),
    "hangs-up": lambda asked: Reply(hangs_up=True),
}


@pytest.fixture(scope="module")
def columns() -> dict[str, list[str]]:
    """The columns of the rule's query by SIEM."""
    converter = Converter.load(mappings_folder())
    file = load_rules([RULE], rules_folder=rules_folder(), mappings_folder=mappings_folder()).files[0]
    source = converter.source("canonical")
    return {
        siem: [*converter.convert(file.subjects[-1], source, siem).columns, "window_start", "window_end", "value"]
        for siem in ("splunk", "elastic", "sentinel")
    }


def plausible(columns: dict[str, list[str]]) -> Answer:
    """Answers in the documented form, with what was sent wherever a text may stand."""

    def row(siem: str, said: str) -> list[Any]:
        known = {"window_start": 1786440000, "window_end": 1786443600, "value": 12}
        return [known.get(name, said) for name in columns[siem]]

    def answer(asked: Request) -> Reply:
        said, path = echoed(asked), asked.path.partition("?")[0]
        if path.endswith("/jobs/export"):
            return Reply(200, splunk.exported([dict(zip(columns["splunk"], row("splunk", said), strict=True))]))
        if path == "/_query":
            return reply({"columns": [{"name": name} for name in columns["elastic"]], "values": [row("elastic", said)]})
        if path == "/_bulk":
            actions = [json.loads(line) for line in asked.body.splitlines()[::2]]
            refused = {"status": 400, "error": {"reason": said}}
            fine = {"status": 201}
            operation = next(iter(actions[0]))
            made = refused if operation == "create" else fine
            return reply({"items": [{operation: {"_id": action[operation]["_id"], **made}} for action in actions]})
        if path == "/api/detection_engine/rules" or path.startswith("/services/apps/"):
            return Reply(404, b"{}", JSON)
        if path.endswith("/query"):
            named = [{"name": name, "type": "dynamic"} for name in columns["sentinel"]]
            return reply({"tables": [{"name": "t", "columns": named, "rows": [row("sentinel", said)]}]})
        if path.endswith("/_export"):
            attributes = {"title": said, "description": f"[{marker('obsolete')}]"}
            return reply({"type": "search", "id": "obsolete", "attributes": attributes})
        if path.endswith("/_find"):
            rule = {"rule_id": "obsolete", "name": said, "tags": [marker("obsolete")]}
            return reply({"total": 1, "data": [rule]})
        if path.startswith("/servicesNS/"):
            acl = {"app": APP, "sharing": "app"}
            return reply({"entry": [{"name": f"sigmagen_{said}", "content": {}, "acl": acl}]})
        if "/providers/" in path:
            properties = {"displayName": said, "description": f"[{azure_marker('obsolete')}]"}
            return reply({"value": [{"name": "obsolete", "properties": properties}]})
        nothing: dict[str, Any] = {"indices": [], "data_streams": [], "index_templates": [], "component_templates": []}
        return reply({} if path.startswith("/sigmagen-verify") else nothing)

    def reply(body: Any) -> Reply:
        return Reply(200, json.dumps(body).encode(), JSON)

    return answer


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package of one rule for each SIEM."""
    folder = tmp_path_factory.mktemp("packages")
    for siem in ("elastic", "splunk", "sentinel"):
        made = CliRunner().invoke(cli, ["package", siem, str(RULE), "-s", "litellm", "-o", str(folder / siem)])
        assert made.exit_code == 0, made.output
    return folder


class Credential:
    """An identity that is signed in to Azure."""

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        return AccessToken(AZURE_TOKEN, 4102444800)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[StandIn]:
    """The server, which all settings name, with a secret in each that has one."""
    with serve(lambda asked: Reply(500)) as stand_in:
        for name, value in settings(stand_in.url).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("time.sleep", lambda seconds: None)
        monkeypatch.setattr("sigmagen.net.azure.DefaultAzureCredential", Credential)
        monkeypatch.chdir(tmp_path)
        yield stand_in


def settings(url: str) -> dict[str, str]:
    return {
        "SIGMAGEN_ELASTICSEARCH_URL": url,
        "SIGMAGEN_ELASTICSEARCH_API_KEY": API_KEY,
        "SIGMAGEN_KIBANA_URL": url,
        "SIGMAGEN_KIBANA_API_KEY": KIBANA_KEY,
        "SIGMAGEN_SPLUNK_URL": url,
        "SIGMAGEN_SPLUNK_TOKEN": TOKEN,
        "SIGMAGEN_SENTINEL_WORKSPACE": "00000000-0000-0000-0000-000000000000",
        "SIGMAGEN_SENTINEL_ENDPOINT": url,
        "SIGMAGEN_SENTINEL_RESOURCE_ID": RESOURCE_ID,
        "SIGMAGEN_SENTINEL_TOKEN": MANAGEMENT_TOKEN,
        "SIGMAGEN_SENTINEL_URL": url,
    }


def commands(url: str, packages: Path) -> dict[str, list[str]]:
    """Every command that talks to a server."""
    verify = ["verify", str(RULE), "-s", "canonical", "--junit", "cells.xml"]
    found = {f"verify {target}": [*verify, "-t", target] for target in ("elastic", "splunk", "sentinel")}
    log = str(example("litellm"))
    found["normalize"] = ["normalize", log, "--to", url, "--rejects", "rejects.ndjson"]
    for siem in ("elastic", "splunk", "sentinel"):
        found[f"deploy {siem}"] = ["deploy", siem, "--package", str(packages / siem)]
    return found


NAMES = list(commands("", Path()))


def leaks(text: str) -> list[str]:
    """The secrets in a text, also as base64 and percent-encoded."""
    forms = {
        form
        for value in SECRETS
        for form in (
            value,
            quote(value, safe=""),
            quote(value),
            base64.b64encode(value.encode()).decode().rstrip("="),
            json.dumps(value)[1:-1],
            html.escape(value),
        )
    }
    return [form for form in forms if form in text]


def run(arguments: list[str]) -> str:
    """Everything that a command shows and writes. It may not end in an internal error."""
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code in (0, 1, 2, 3), result.output
    assert "Traceback" not in result.output
    written = "".join(path.read_text("utf-8", "replace") for path in Path().iterdir() if path.is_file())
    return result.output + written


@pytest.mark.parametrize("name", NAMES)
def test_invalid_responses_show_no_secret_and_no_internal_error(name: str, server: StandIn, packages: Path) -> None:
    for kind, answer in NONSENSE.items():
        server.answer = answer
        asked = len(server.requests)
        said = run(commands(server.url, packages)[name])
        assert leaks(said) == [], kind
        assert "error[" in said, kind
        assert len(server.requests) > asked, kind


@pytest.mark.parametrize("extra", [[], ["--json"]])
@pytest.mark.parametrize("name", NAMES)
def test_secret_in_server_data_is_hidden(
    name: str, extra: list[str], server: StandIn, packages: Path, columns: dict[str, list[str]]
) -> None:
    server.answer = plausible(columns)
    command = commands(server.url, packages)[name]
    if name.startswith("deploy"):
        command.append("--dry-run")
    said = run(command + (extra if name != "normalize" else []))
    assert leaks(said) == []
    assert "***" in said


@pytest.mark.parametrize("name", ["verify elastic", "normalize", "deploy elastic"])
def test_password_is_hidden(name: str, server: StandIn, packages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIGMAGEN_ELASTICSEARCH_API_KEY")
    monkeypatch.setenv("SIGMAGEN_ELASTICSEARCH_USERNAME", "ann")
    monkeypatch.setenv("SIGMAGEN_ELASTICSEARCH_PASSWORD", PASSWORD)
    for kind in ("echo-400", "echo-200", "in-headers", "redirect"):
        server.answer = NONSENSE[kind]
        assert leaks(run(commands(server.url, packages)[name])) == [], kind
    assert any(request.headers.get("Authorization", "").startswith("Basic ") for request in server.requests)


@pytest.mark.parametrize(
    "address",
    [
        "u:{secret}@127.0.0.1:9200",
        "http:/u:{secret}@h:1",
        "?apikey={secret}",
        "http://u:{secret}@127.0.0.1:9",
        "https://127.0.0.1:9/?apikey={secret}",
        "https://127.0.0.1:9/#{secret}",
        "https://{secret}:x@127.0.0.1:9",
        "//u:{secret}@127.0.0.1",
        "https://[::1{secret}",
        "https://127.0.0.1:{secret}",
        "{secret}",
    ],
)
@pytest.mark.parametrize("name", NAMES)
def test_address_with_secret_is_rejected_without_showing_it(
    name: str, address: str, server: StandIn, packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = address.format(secret="SECPW")
    for known in SETTINGS:
        if known.name.endswith(("_URL", "_ENDPOINT")):
            monkeypatch.setenv(known.name, url)
    said = run(commands(url, packages)[name])
    assert "SECPW" not in said
    assert "error[server-address]" in said
    assert not server.requests


@pytest.mark.parametrize("name", NAMES)
def test_secret_is_not_sent_unencrypted_to_another_machine(
    name: str, server: StandIn, packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for known in SETTINGS:
        if known.name.endswith(("_URL", "_ENDPOINT")):
            monkeypatch.setenv(known.name, "http://siem.example.com:9200")
    said = run(commands("http://siem.example.com:9200", packages)[name])
    assert "without encryption" in said


def constant(reply: Reply) -> Answer:
    return lambda asked: reply


def test_redirect_does_not_send_secret_to_another_server(server: StandIn, packages: Path) -> None:
    with serve(lambda asked: Reply(200, b"{}", JSON)) as elsewhere:
        for status in (301, 302, 303, 307, 308):
            reply = Reply(status, b"", {"Location": elsewhere.url})
            server.answer = constant(reply)
            for command in commands(server.url, packages).values():
                run(command)
        assert elsewhere.requests == []


@pytest.mark.parametrize("name", ["verify elastic", "verify splunk", "normalize", "deploy splunk"])
def test_subprocess_shows_no_secret_on_any_stream(name: str, packages: Path, tmp_path: Path) -> None:
    """Loggers and warnings of libraries, and the traceback of SIGMAGEN_DEBUG, write past the command's own output."""
    with serve(in_headers) as server:
        command = [sys.executable, "-X", "dev", "-m", "sigmagen", *commands(server.url, packages)[name]]
        environment = {**os.environ, **settings(server.url), "SIGMAGEN_DEBUG": "1", "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode in (0, 1, 2, 3), done.stderr
    assert leaks(done.stdout + done.stderr) == []
    assert "Traceback" not in done.stderr
