"""Deploying to Sentinel, on a stand-in that speaks the documented requests of Azure Resource Manager."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.cli.main import cli
from sigmagen.content.detections import collect_content
from sigmagen.convert.converter import Converter
from sigmagen.net import client as http
from sigmagen.net.retry import ATTEMPTS
from sigmagen.packages import sentinel
from sigmagen.rules.load import load_rules
from sigmagen.rules.placeholders import merge_tenant_lists
from tests.deploy.kills import kill_points, killed_at
from tests.servers.azure import PAGE, TOKEN, WORKSPACE, State, standing_in

Json = dict[str, Any]


def package_of(folder: Path, overlaid: Json) -> Path:
    """A package of two rules: small, so that there are few requests, and whole."""
    converter = Converter.load(mappings_folder())
    paths = [rules_folder() / "volume" / "call_count.yml", rules_folder() / "output" / "logit_bias_churn.yml"]
    lists = merge_tenant_lists(mappings_folder(), {})
    loaded = load_rules(paths, rules_folder=rules_folder(), mappings_folder=mappings_folder(), allow_lists=lists)
    sentinel.write(collect_content(converter, loaded.files, "sentinel", ["litellm"]), folder, converter, overlaid)
    return folder


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return package_of(tmp_path_factory.mktemp("package"), {})


@pytest.fixture(scope="module")
def reading_watchlists(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return package_of(tmp_path_factory.mktemp("package"), {"packages": {"sentinel": {"watchlists": True}}})


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[State]:
    """The stand-in, whose address, workspace and token are in the environment. Nothing waits between two tries."""
    with standing_in() as (url, state):
        monkeypatch.setenv("SIGMAGEN_SENTINEL_URL", url)
        monkeypatch.setenv("SIGMAGEN_SENTINEL_RESOURCE_ID", WORKSPACE)
        monkeypatch.setenv("SIGMAGEN_SENTINEL_TOKEN", TOKEN)
        monkeypatch.setattr(http, "FIRST_PAUSE", 0.0)
        yield state


def deploy(package: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["deploy", "sentinel", "--package", str(package), *arguments])


def plan(package: Path, *arguments: str) -> dict[str, list[str]]:
    """The ids of a dry run by action."""
    result = deploy(package, "--dry-run", "--json", *arguments)
    found: dict[str, list[str]] = {}
    for change in json.loads(result.stdout)["changes"]:
        found.setdefault(change["action"], []).append(change["id"])
    return found


def rule_files(package: Path) -> list[Path]:
    return sorted(package.glob("repositories/litellm/analytics-rules/*.json"))


def changed_copy(package: Path, folder: Path, **properties: Any) -> tuple[Path, str]:
    """A copy of the package whose first rule says something else, and that rule's id."""
    newer = Path(shutil.copytree(package, folder / "copy"))
    path = rule_files(newer)[0]
    template = json.loads(path.read_text())
    rule = template["resources"][0]["properties"]
    rule |= properties
    for name in [name for name, value in rule.items() if value is None]:
        del rule[name]
    path.write_text(json.dumps(template))
    return newer, rule["alertRuleTemplateName"]


def test_dry_run_changes_nothing(package: Path, server: State) -> None:
    result = deploy(package, "--dry-run")
    assert result.exit_code == 0, result.output
    assert "plan: 34 create" in result.stdout
    assert server.kept() == State().kept()
    assert not server.writes


def test_deploy_is_idempotent(package: Path, server: State) -> None:
    assert deploy(package).exit_code == 0
    templates = [json.loads(path.read_text()) for path in package.glob("repositories/*/**/*.json")]
    assert sum(len(there) for there in server.resources.values()) == len({json.dumps(item) for item in templates})
    assert len(server.resources["alertRules"]) == len(rule_files(package)) == 3
    assert len(server.resources["savedSearches"]) == 30 > PAGE
    assert not server.resources["watchlists"], "the rules carry the lists in their text"
    for rule in server.resources["alertRules"].values():
        assert rule["properties"]["enabled"] is False
    (workbook,) = server.resources["workbooks"].values()
    assert (workbook["location"], workbook["properties"]["sourceId"]) == ("westeurope", WORKSPACE)
    before = len(server.writes)
    again = deploy(package)
    assert again.exit_code == 0
    assert "34 unchanged" in again.stdout
    assert len(server.writes) == before


def test_rule_update_preserves_enabled_state(package: Path, server: State, tmp_path: Path) -> None:
    deploy(package)
    newer, key = changed_copy(package, tmp_path, query="LiteLLM_CL\n| take 1", customDetails=None)
    server.resources["alertRules"][key]["properties"]["enabled"] = True
    assert plan(newer)["update"] == [key]
    assert deploy(newer).exit_code == 0
    properties = server.resources["alertRules"][key]["properties"]
    assert (properties["query"], properties["enabled"]) == ("LiteLLM_CL\n| take 1", True)
    assert "customDetails" not in properties
    assert set(plan(newer)) == {"unchanged"}


def test_rule_enabled_by_package_is_enabled(package: Path, server: State, tmp_path: Path) -> None:
    deploy(package)
    newer, key = changed_copy(package, tmp_path, enabled=True)
    assert plan(newer)["update"] == [key]
    deploy(newer)
    on = [name for name, rule in server.resources["alertRules"].items() if rule["properties"]["enabled"]]
    assert on == [key]


def test_changed_searches_and_workbooks_are_updated(package: Path, server: State) -> None:
    deploy(package)
    search, item = next(iter(server.resources["savedSearches"].items()))
    item["properties"]["query"] = "Other_CL"
    key, workbook = next(iter(server.resources["workbooks"].items()))
    workbook["properties"]["serializedData"] = "{}"
    assert sorted(plan(package)["update"]) == sorted([search, key])
    assert deploy(package).exit_code == 0
    assert set(plan(package)) == {"unchanged"}


def test_concurrent_change_is_not_overwritten(
    package: Path, server: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(package)
    newer, key = changed_copy(package, tmp_path, query="LiteLLM_CL")
    once = http.Client.once

    def meddled(self: http.Client, method: str, url: str, headers: Any, data: Any) -> Any:
        if method == "PUT":
            server.resources["alertRules"][key]["etag"] = '"of somebody else"'
        return once(self, method, url, headers, data)

    monkeypatch.setattr(http.Client, "once", meddled)
    result = deploy(newer)
    assert result.exit_code == 1
    assert "the resource has changed" in result.stderr
    assert server.resources["alertRules"][key]["properties"]["query"] != "LiteLLM_CL"


@pytest.mark.parametrize("kind", ["alertRules", "savedSearches", "workbooks"])
def test_object_created_after_plan_is_not_overwritten(
    package: Path, server: State, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    deploy(package)
    key = next(iter(server.resources[kind]))
    theirs = {"properties": {"displayName": "theirs"}, "etag": '"theirs"'}
    del server.resources[kind][key]
    once = http.Client.once

    def meddled(self: http.Client, method: str, url: str, headers: Any, data: Any) -> Any:
        if method == "GET" and key in url:
            server.resources[kind][key] = theirs
        return once(self, method, url, headers, data)

    monkeypatch.setattr(http.Client, "once", meddled)
    result = deploy(package)
    assert result.exit_code == 1
    assert "deploy-foreign" in result.stderr
    assert server.resources[kind][key] == theirs


@pytest.mark.parametrize("prune", [False, True])
def test_foreign_objects_are_not_changed(package: Path, server: State, prune: bool) -> None:
    deploy(package)
    for there in server.resources.values():
        for name, body in list(there.items())[:1]:
            # Somebody else's object under an id of ours, and a copy of ours under an id of its own.
            there["11111111-2222-4333-8444-555555555555"] = json.loads(json.dumps(body))
            body["properties"] |= {"description": "theirs", "tags": []}
            body["tags"] = {}
            assert name
    before = json.loads(json.dumps(server.kept()))
    result = deploy(package, *(["--prune"] if prune else []))
    assert result.exit_code == 1
    assert result.stderr.count("deploy-foreign") == 3
    assert server.kept() == before


def test_obsolete_objects_are_deleted_only_with_prune(package: Path, server: State, tmp_path: Path) -> None:
    deploy(package)
    smaller = Path(shutil.copytree(package, tmp_path / "copy"))
    rule_files(smaller)[0].unlink()
    before = server.kept()
    assert len(plan(smaller)["obsolete"]) == 1
    assert deploy(smaller).exit_code == 0
    assert server.kept() == before
    assert deploy(smaller, "--prune").exit_code == 0
    assert len(server.resources["alertRules"]) == 2


def test_redeploy_preserves_user_edited_watchlists(reading_watchlists: Path, server: State) -> None:
    assert deploy(reading_watchlists).exit_code == 0
    (item,) = server.resources["watchlists"].values()
    assert item["properties"]["watchlistAlias"] == "sigmagen_ai_service_principals"
    item["properties"] |= {"rawContent": "theirs", "displayName": "Renamed"}
    first = next(path for path in server.writes if "watchlists" in path or "alertRules" in path)
    assert "watchlists" in first, "a rule that reads a watchlist needs it to be there"
    assert set(plan(reading_watchlists)) == {"unchanged"}


def test_a_link_to_another_server_is_not_followed(package: Path, server: State) -> None:
    deploy(package)
    server.next_host = "http://attacker.example.com"
    result = deploy(package)
    assert result.exit_code == 1
    assert "the next page is on another server: attacker.example.com" in result.stderr
    assert TOKEN not in result.output


def test_busy_server_is_retried_without_showing_secret(package: Path, server: State) -> None:
    server.failures = [(429, {})] * (ATTEMPTS - 1)
    assert deploy(package).exit_code == 0
    server.failures = [(503, {})] * ATTEMPTS
    result = deploy(package)
    assert result.exit_code == 1
    assert "HTTP 503" in result.stderr
    assert TOKEN not in result.output


@pytest.mark.parametrize(
    ("variable", "value", "code"),
    [
        ("SIGMAGEN_SENTINEL_TOKEN", "", "missing-setting"),
        ("SIGMAGEN_SENTINEL_RESOURCE_ID", "", "missing-setting"),
        ("SIGMAGEN_SENTINEL_RESOURCE_ID", "siem-workspace", "no-workspace"),
        ("SIGMAGEN_SENTINEL_RESOURCE_ID", f"{WORKSPACE}/../other", "no-workspace"),
        ("SIGMAGEN_SENTINEL_URL", "http://azure.example.com", "server-address"),
    ],
)
def test_invalid_setting_is_reported(
    package: Path, server: State, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, code: str
) -> None:
    monkeypatch.setenv(variable, value)
    result = deploy(package)
    assert result.exit_code == 3, result.output
    assert code in result.stderr
    assert not server.requests


@pytest.mark.parametrize("content", ["", "{}", '{"resources": [{"name": "[evil()]", "properties": {}}]}'])
def test_folder_without_package_is_rejected(server: State, tmp_path: Path, content: str) -> None:
    if content:
        path = tmp_path / "repositories" / "x" / "analytics-rules" / "rule.json"
        path.parent.mkdir(parents=True)
        path.write_text(content)
    result = deploy(tmp_path)
    assert result.exit_code == 2
    assert "not-a-package" in result.stderr
    assert not server.requests


def test_killed_run_is_resumed(reading_watchlists: Path, server: State, monkeypatch: pytest.MonkeyPatch) -> None:
    assert deploy(reading_watchlists).exit_code == 0
    wanted, requests = json.loads(json.dumps(server.kept())), len(server.requests)
    for point, carried_out in kill_points(requests):
        server.__dict__.update(State().__dict__)
        with killed_at(point, monkeypatch, carried_out=carried_out):
            deploy(reading_watchlists)
        assert deploy(reading_watchlists).exit_code == 0
        assert server.kept() == wanted, (point, carried_out)


def test_lost_response_creates_no_duplicate(
    package: Path, server: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every write is carried out and its answer lost once, so each is sent twice."""
    import urllib3

    once, seen = http.Client.once, set()

    def lossy(self: http.Client, method: str, url: str, headers: Any, data: Any) -> Any:
        answer = once(self, method, url, headers, data)
        if method == "PUT" and (url, data) not in seen:
            seen.add((url, data))
            raise urllib3.exceptions.ProtocolError("lost")
        return answer

    newer, key = changed_copy(package, tmp_path, query="LiteLLM_CL")
    with monkeypatch.context() as patch:
        patch.setattr(http.Client, "once", lossy)
        assert deploy(package).exit_code == 0
        assert deploy(newer).exit_code == 0
    assert len(seen) == 35
    assert server.resources["alertRules"][key]["properties"]["query"] == "LiteLLM_CL"
    assert set(plan(newer)) == {"unchanged"}
