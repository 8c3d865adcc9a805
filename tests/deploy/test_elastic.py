"""Deploying to Elastic, on a stand-in that speaks the documented requests."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.cli.main import cli
from sigmagen.content.detections import collect_content
from sigmagen.convert.converter import Converter
from sigmagen.deploy.deployment import apply, plan_deployment
from sigmagen.deploy.elastic import elasticsearch_client, parts
from sigmagen.net import client as http
from sigmagen.net.retry import ATTEMPTS
from sigmagen.net.secrets import hide
from sigmagen.packages import elastic
from sigmagen.rules.load import load_rules
from tests.deploy.kills import kill_points, killed_at
from tests.servers.kibana import API_KEY, State, standing_in

ROOT = Path(__file__).parents[2]

Json = dict[str, Any]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package of two rules: small, so that there are few requests, and whole."""
    folder = tmp_path_factory.mktemp("package")
    converter = Converter.load(mappings_folder())
    paths = [rules_folder() / "volume" / "call_count.yml", rules_folder() / "output" / "logit_bias_churn.yml"]
    loaded = load_rules(paths, rules_folder=rules_folder(), mappings_folder=mappings_folder())
    elastic.write(collect_content(converter, loaded.files, "elastic", ["litellm", "cloudtrail"]), folder, converter, {})
    return folder


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[State]:
    """The stand-in, whose address and key are in the environment. Nothing waits between two tries."""
    with standing_in() as (url, state):
        for name in ("KIBANA", "ELASTICSEARCH"):
            monkeypatch.setenv(f"SIGMAGEN_{name}_URL", url)
            monkeypatch.setenv(f"SIGMAGEN_{name}_API_KEY", API_KEY)
        monkeypatch.setattr(http, "FIRST_PAUSE", 0.0)
        yield state


def deploy(package: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["deploy", "elastic", "--package", str(package), *arguments])


def plan(package: Path, *arguments: str) -> dict[str, list[str]]:
    """The ids of a dry run by action."""
    result = deploy(package, "--dry-run", "--json", *arguments)
    found: dict[str, list[str]] = {}
    for change in json.loads(result.stdout)["changes"]:
        found.setdefault(change["action"], []).append(change["id"])
    return found


def copied(package: Path, folder: Path) -> Path:
    return Path(shutil.copytree(package, folder / "copy"))


def lines(file: Path) -> list[Json]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def rewrite(file: Path, documents: list[Json]) -> None:
    file.write_text("".join(json.dumps(document) + "\n" for document in documents))


def test_dry_run_changes_nothing(package: Path, server: State) -> None:
    result = deploy(package, "--dry-run")
    assert result.exit_code == 0, result.output
    assert "plan: 22 create" in result.stdout
    assert server.kept() == State().kept()
    assert not server.writes


def test_deploy_is_idempotent(package: Path, server: State) -> None:
    assert deploy(package).exit_code == 0
    assert set(server.rules) == {rule["rule_id"] for rule in lines(package / elastic.RULES)}
    assert not any(rule["enabled"] for rule in server.rules.values())
    assert len(server.objects) == len(lines(package / elastic.SAVED_OBJECTS))
    assert set(server.templates["index"]) == {"sigmagen-cloudtrail", "sigmagen-litellm"}
    before = len(server.writes)
    again = deploy(package)
    assert again.exit_code == 0
    assert "22 unchanged" in again.stdout
    assert len(server.writes) == before
    assert set(plan(package)) == {"unchanged"}


def test_rule_update_preserves_user_settings(package: Path, server: State, tmp_path: Path) -> None:
    deploy(package)
    key, rule = next(iter(server.rules.items()))
    rule |= {"enabled": True, "actions": [{"id": "mail"}], "exceptions_list": [{"id": "ours"}]}
    newer = copied(package, tmp_path)
    documents = lines(newer / elastic.RULES)
    documents[0]["query"] += "\n| LIMIT 50"
    rewrite(newer / elastic.RULES, documents)
    assert plan(newer)["update"] == [key]
    assert deploy(newer).exit_code == 0
    assert server.rules[key]["query"].endswith("LIMIT 50")
    assert server.rules[key]["enabled"] is True
    assert server.rules[key]["actions"] == [{"id": "mail"}]
    assert server.rules[key]["exceptions_list"] == [{"id": "ours"}]
    assert set(plan(newer)) == {"unchanged"}


def test_removed_option_is_deleted(package: Path, server: State, tmp_path: Path) -> None:
    deploy(package)
    newer = copied(package, tmp_path)
    documents = lines(newer / elastic.RULES)
    del documents[0]["alert_suppression"]
    rewrite(newer / elastic.RULES, documents)
    assert len(plan(newer)["update"]) == 1
    deploy(newer)
    assert "alert_suppression" not in server.rules[documents[0]["rule_id"]]


def test_rule_enabled_by_package_is_enabled(package: Path, server: State, tmp_path: Path) -> None:
    deploy(package)
    newer = copied(package, tmp_path)
    documents = lines(newer / elastic.RULES)
    documents[0]["enabled"] = True
    rewrite(newer / elastic.RULES, documents)
    deploy(newer)
    assert [rule["enabled"] for rule in server.rules.values()].count(True) == 1


def test_changed_sessions_and_templates_are_updated(package: Path, server: State) -> None:
    deploy(package)
    session = next(item for item in server.objects.values() if item["type"] == "search")
    source = {"query": {"esql": "ROW a = 1"}, "filter": []}
    session["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"] = json.dumps(source)
    properties = server.templates["component"]["sigmagen-litellm@mappings"]["template"]["mappings"]["properties"]
    properties["old"] = {"type": "keyword"}
    assert sorted(plan(package)["update"]) == [f"search/{session['id']}", "sigmagen-litellm@mappings"]
    assert deploy(package).exit_code == 0
    assert set(plan(package)) == {"unchanged"}


def test_session_in_tabs_of_newer_kibana_is_unchanged(package: Path, server: State) -> None:
    deploy(package)
    for item in server.objects.values():
        if item["type"] == "search":
            attributes = item["attributes"]
            first = {name: attributes.pop(name) for name in list(attributes) if name not in ("title", "description")}
            attributes["tabs"] = [{"id": "main", "label": "Main", "attributes": first}]
    assert set(plan(package)) == {"unchanged"}


def test_dashboard_is_compared_by_digest(package: Path, server: State) -> None:
    deploy(package)
    dashboards = [item for item in server.objects.values() if item["type"] == "dashboard"]
    assert dashboards
    for item in dashboards:
        panels = json.loads(item["attributes"]["panelsJSON"])
        item["attributes"]["panelsJSON"] = json.dumps([{**panel, "version": "9.9.9"} for panel in panels])
    assert set(plan(package)) == {"unchanged"}
    attributes = dashboards[0]["attributes"]
    attributes["description"] = attributes["description"].replace("content ", "content 0")
    assert plan(package)["update"] == [f"dashboard/{dashboards[0]['id']}"]


def foreign_objects(package: Path, server: State) -> dict[str, Json]:
    """Objects of somebody else under ids of ours, one of each kind."""
    rule = {**lines(package / elastic.RULES)[0], "tags": ["theirs"], "name": "Theirs"}
    tag, session = lines(package / elastic.SAVED_OBJECTS)[:2]
    theirs = {"title": "Theirs", "description": ""}
    server.rules[rule["rule_id"]] = {**rule, "id": "1", "version": 1}
    server.objects[f"search/{session['id']}"] = {**session, "attributes": {**session["attributes"], **theirs}}
    server.templates["component"]["logs-aws.cloudtrail@custom"] = {"template": {}, "_meta": {"created_by": "them"}}
    server.templates["index"]["sigmagen-litellm"] = {"index_patterns": ["theirs-*"], "composed_of": []}
    assert tag["type"] == "tag"
    return json.loads(json.dumps(server.kept()))  # type: ignore[no-any-return]


@pytest.mark.parametrize("prune", [False, True])
def test_foreign_objects_are_not_changed(package: Path, server: State, prune: bool) -> None:
    before = foreign_objects(package, server)
    result = deploy(package, *(["--prune"] if prune else []))
    assert result.exit_code == 1
    assert result.stderr.count("deploy-foreign") == 4
    after = server.kept()
    for kind, there in before.items():
        if kind != "templates":
            assert {key: after[kind][key] for key in there} == there
    for level, there in before["templates"].items():
        assert {key: after["templates"][level][key] for key in there} == there
    # The rest is in place.
    assert len(server.rules) == len(lines(package / elastic.RULES))


def test_copy_of_rule_is_foreign(package: Path, server: State) -> None:
    deploy(package)
    rule = next(iter(server.rules.values()))
    copy = {**rule, "rule_id": "0f9a1d5e-0000-4000-8000-000000000000", "name": f"{rule['name']} [Duplicate]"}
    server.rules[copy["rule_id"]] = copy
    session = next(item for item in server.objects.values() if item["type"] == "search")
    server.objects["search/mine"] = {**session, "id": "mine"}
    for there in server.templates.values():
        there["mine"] = dict(next(body for name, body in there.items() if name.startswith("sigmagen-litellm")))
    assert set(plan(package, "--prune")) == {"unchanged"}
    deploy(package, "--prune")
    assert copy["rule_id"] in server.rules
    assert "search/mine" in server.objects
    assert all("mine" in there for there in server.templates.values())


def test_obsolete_objects_are_deleted_only_with_prune(package: Path, server: State, tmp_path: Path) -> None:
    deploy(package)
    smaller = copied(package, tmp_path)
    rewrite(smaller / elastic.RULES, lines(package / elastic.RULES)[1:])
    rewrite(smaller / elastic.SAVED_OBJECTS, lines(package / elastic.SAVED_OBJECTS)[:-1])
    for file in (
        *smaller.glob(f"{elastic.COMPONENT_TEMPLATES}/*litellm*"),
        *smaller.glob(f"{elastic.INDEX_TEMPLATES}/*litellm*"),
    ):
        file.unlink()
    before = server.kept()
    assert len(plan(smaller)["obsolete"]) == 4
    assert deploy(smaller).exit_code == 0
    assert server.kept() == before
    assert len(plan(smaller, "--prune")["delete"]) == 4
    assert deploy(smaller, "--prune").exit_code == 0
    assert len(server.rules) == len(lines(smaller / elastic.RULES))
    assert len(server.objects) == len(lines(smaller / elastic.SAVED_OBJECTS))
    assert set(server.templates["index"]) == {"sigmagen-cloudtrail"}
    assert set(plan(smaller, "--prune")) == {"unchanged"}


def test_many_rules_are_found_over_several_pages(package: Path, server: State, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy(package)
    monkeypatch.setattr("sigmagen.deploy.elastic._PAGE", 2)
    assert set(plan(package)) == {"unchanged"}
    assert len([path for _, path in server.requests if path.endswith("_find")]) > 3
    before = len(server.requests)
    assert set(plan(package)) == {"unchanged"}
    assert ("GET", "/api/detection_engine/rules") not in server.requests[before:]


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_busy_server_is_retried(package: Path, server: State, status: int) -> None:
    server.failures = [(status, {})] * (ATTEMPTS - 1)
    result = deploy(package)
    assert result.exit_code == 0, result.output
    assert set(plan(package)) == {"unchanged"}


def test_busy_server_fails_after_last_attempt_without_showing_secret(package: Path, server: State) -> None:
    server.failures = [(503, {})] * ATTEMPTS
    result = deploy(package)
    assert result.exit_code == 1
    assert "HTTP 503" in result.stderr
    assert "busy; you sent ApiKey ***" in result.stderr
    assert API_KEY not in result.output


def test_wrong_key_is_reported_without_showing_it(
    package: Path, server: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGMAGEN_KIBANA_API_KEY", "a-wrong-secret")
    result = deploy(package)
    assert result.exit_code == 1
    assert "HTTP 401, unauthorized" in result.stderr
    assert "a-wrong-secret" not in result.output


@pytest.mark.parametrize("missing", ["SIGMAGEN_KIBANA_URL", "SIGMAGEN_KIBANA_API_KEY", "SIGMAGEN_ELASTICSEARCH_URL"])
def test_missing_setting_is_reported(
    package: Path, server: State, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.delenv(missing)
    result = deploy(package)
    assert result.exit_code == 3
    assert missing in result.stderr
    assert not server.requests


@pytest.mark.parametrize(
    "url",
    ["ftp://kibana.example.com", "https://ann:pass-word@kibana.example.com", "http://kibana.example.com", "no url"],
)
def test_unencrypted_address_is_rejected(
    package: Path, server: State, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("SIGMAGEN_KIBANA_URL", url)
    result = deploy(package)
    assert result.exit_code == 3
    assert "server-address" in result.stderr
    assert "pass-word" not in result.output


def test_elasticsearch_accepts_user_and_password(package: Path, server: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIGMAGEN_ELASTICSEARCH_API_KEY")
    monkeypatch.setenv("SIGMAGEN_ELASTICSEARCH_USERNAME", "ann")
    monkeypatch.setenv("SIGMAGEN_ELASTICSEARCH_PASSWORD", "pass-word")
    client = elasticsearch_client()
    assert client.headers["Authorization"] == "Basic YW5uOnBhc3Mtd29yZA=="
    assert hide("pass-word YW5uOnBhc3Mtd29yZA==") == "*** ***"
    client.close()


def test_invalid_package_is_not_sent(package: Path, server: State, tmp_path: Path) -> None:
    broken = copied(package, tmp_path)
    documents = lines(broken / elastic.RULES)
    documents[0]["interval"] = "often"
    rewrite(broken / elastic.RULES, documents)
    result = deploy(broken)
    assert result.exit_code == 2
    assert "rule-not-importable" in result.stderr
    assert not server.requests


def test_folder_without_package_is_rejected(server: State, tmp_path: Path) -> None:
    result = deploy(tmp_path)
    assert result.exit_code == 2
    assert "not-a-package" in result.stderr


def test_without_a_package_the_rules_are_packaged_first(server: State) -> None:
    rule = rules_folder() / "volume" / "call_count.yml"
    result = CliRunner().invoke(cli, ["deploy", "elastic", str(rule), "-s", "litellm"])
    assert result.exit_code == 0, result.output
    assert len(server.rules) == 2


@pytest.mark.parametrize("kind", ["rule", "session"])
def test_object_created_after_plan_is_not_overwritten(package: Path, server: State, kind: str) -> None:
    with parts(package) as found:
        made = plan_deployment(found)
        before = foreign_objects(package, server)
        server.templates["component"].clear()
        server.templates["index"].clear()
        foreign = apply(made)
    assert len(foreign) == 2
    place = {"rule": "rules", "session": "objects"}[kind]
    assert {key: server.kept()[place][key] for key in before[place]} == before[place]


def test_object_created_by_parallel_run_is_updated(package: Path, server: State) -> None:
    with parts(package) as found:
        made = plan_deployment(found)
        assert deploy(package).exit_code == 0
        wanted = json.loads(json.dumps(server.kept()))
        next(iter(server.rules.values()))["query"] = "ROW a = 1"
        assert apply(made) == []
    assert server.kept() == wanted


def undisturbed(package: Path, state: State) -> tuple[Json, int]:
    """What an undisturbed run leaves, and how many requests it makes."""
    assert deploy(package).exit_code == 0
    kept, requests = state.kept(), len(state.requests)
    return json.loads(json.dumps(kept)), requests


def test_killed_run_is_resumed(package: Path, server: State, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted, requests = undisturbed(package, server)
    for point, carried_out in kill_points(requests):
        server.__dict__.update(State().__dict__)
        with killed_at(point, monkeypatch, carried_out=carried_out):
            deploy(package)
        assert len(server.requests) == point - (not carried_out)
        assert deploy(package).exit_code == 0
        assert server.kept() == wanted, (point, carried_out)


@pytest.mark.parametrize("carried_out", [False, True])
@pytest.mark.parametrize("point", [6, 12, 20])
def test_run_resumes_after_sigkill(package: Path, server: State, point: int, carried_out: bool) -> None:
    wanted, _ = undisturbed(package, server)
    server.__dict__.update(State().__dict__)
    server.fatal, server.carried_out = point, carried_out
    command = [sys.executable, "-m", "sigmagen", "deploy", "elastic", "--package", str(package)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    server.victim = process.pid
    process.communicate()
    assert process.returncode == -9
    server.fatal = None
    assert deploy(package).exit_code == 0
    assert server.kept() == wanted


def test_lost_response_creates_no_duplicate(package: Path, server: State, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every write is carried out and its answer lost once, so each is sent twice."""
    import urllib3

    once, seen = http.Client.once, set()

    def lossy(self: http.Client, method: str, url: str, headers: Any, data: Any) -> Any:
        answer = once(self, method, url, headers, data)
        if method in ("POST", "PUT") and not url.endswith("_export") and (method, url, data) not in seen:
            seen.add((method, url, data))
            raise urllib3.exceptions.ProtocolError("lost")
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(http.Client, "once", lossy)
        assert deploy(package).exit_code == 0
    assert seen
    assert set(plan(package)) == {"unchanged"}
    assert len(server.rules) == len(lines(package / elastic.RULES))


def test_user_template_is_changed_only_with_merge(package: Path, server: State) -> None:
    name = "logs-aws.cloudtrail@custom"
    theirs = {"template": {"mappings": {"properties": {"mine": {"type": "keyword"}}}}, "_meta": {"created_by": "them"}}
    server.templates["component"][name] = json.loads(json.dumps(theirs))
    result = deploy(package)
    assert result.exit_code == 1
    assert (
        f"{name} was not created by sigmagen and lacks aws.cloudtrail.session_credential_from_console" in result.stderr
    )
    assert "--merge" in result.stderr
    assert server.templates["component"][name] == theirs
    result = deploy(package, "--merge")
    assert result.exit_code == 0, result.stderr
    assert f"merged    component template {name} (aws.cloudtrail.session_credential_from_console)" in result.stderr
    after = server.templates["component"][name]
    assert set(after["template"]["mappings"]["properties"]) == {"mine", "aws"}
    assert after["_meta"] == {"created_by": "them"}
    assert set(plan(package)) == {"unchanged"}
