"""Deploying to Splunk, on a stand-in that speaks the documented requests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sigmagen.bundled import rules_folder
from sigmagen.cli.main import cli
from sigmagen.net import client as http
from sigmagen.packages.splunk.conf import parse
from tests.deploy.kills import kill_points, killed_at
from tests.packages.splunk.app import APP, FILES, package, read_conf, unpack
from tests.servers.splunk_objects import TOKEN, SplunkObjects
from tests.servers.stand_in import Reply, StandIn, serve

SEARCHES, MACROS = "saved/searches", "configs/conf-macros"
SMALL = [file for file in FILES if file.path.stem in ("call_count", "logit_bias_churn")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package of two rules over one source."""
    return package(tmp_path_factory.mktemp("package") / "out", SMALL, ["litellm"]).parent


@pytest.fixture
def splunk() -> SplunkObjects:
    return SplunkObjects()


@pytest.fixture
def server(splunk: SplunkObjects, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """The stand-in, whose address and token are in the environment. Nothing waits between two tries."""
    with serve(splunk.answer) as running:
        monkeypatch.setenv("SIGMAGEN_SPLUNK_URL", running.url)
        monkeypatch.setenv("SIGMAGEN_SPLUNK_TOKEN", TOKEN)
        monkeypatch.setattr(http, "FIRST_PAUSE", 0.0)
        yield running


def deploy(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["deploy", "splunk", "--package", str(folder), *arguments])


def plan(folder: Path, *arguments: str) -> dict[str, list[str]]:
    """The names of a dry run by action."""
    found: dict[str, list[str]] = {}
    for change in json.loads(deploy(folder, "--dry-run", "--json", *arguments).stdout)["changes"]:
        found.setdefault(change["action"], []).append(change["id"])
    return found


def writes(server: StandIn) -> int:
    return sum(request.method != "GET" for request in server.requests)


def conf(folder: Path, name: str) -> dict[str, dict[str, str]]:
    (archive,) = folder.glob(f"{APP}-*.tgz")
    return read_conf(unpack(archive)[f"default/{name}.conf"])


def test_conf_files_round_trip(folder: Path) -> None:
    (archive,) = folder.glob(f"{APP}-*.tgz")
    files = {name: text for name, text in unpack(archive).items() if name.endswith(".conf")}
    assert all(parse(text) == read_conf(text) for text in files.values())
    with pytest.raises(ValueError, match="not a setting"):
        parse("a = b")


def test_a_dry_run_changes_nothing(folder: Path, server: StandIn, splunk: SplunkObjects) -> None:
    result = deploy(folder, "--dry-run")
    assert result.exit_code == 0, result.output
    assert writes(server) == 0
    assert splunk.kept() == SplunkObjects().kept()
    assert set(plan(folder)) == {"create"}


def test_deploy_is_idempotent(folder: Path, server: StandIn, splunk: SplunkObjects) -> None:
    assert deploy(folder).exit_code == 0
    saved = splunk.objects[SEARCHES]
    assert set(saved) == set(conf(folder, "savedsearches"))
    for name, stanza in conf(folder, "savedsearches").items():
        assert saved[name]["content"]["search"] == stanza["search"]
        assert saved[name]["acl"] == {"app": APP, "sharing": "global"}
        assert saved[name]["content"]["disabled"] is (stanza["enableSched"] == "1")
    assert set(splunk.objects[MACROS]) == set(conf(folder, "macros"))
    before = writes(server)
    again = deploy(folder)
    assert again.exit_code == 0
    assert writes(server) == before
    assert set(plan(folder)) == {"unchanged"}


def test_update_preserves_user_settings(folder: Path, server: StandIn, splunk: SplunkObjects) -> None:
    deploy(folder)
    name = "Sigmagen - call_count.litellm - Rule"
    content = splunk.objects[SEARCHES][name]["content"]
    content |= {"disabled": False, "search": "older", "action.email": "1"}
    splunk.objects[MACROS]["sigmagen_litellm"]["content"]["definition"] = "index=theirs"
    assert plan(folder)["update"] == [name]
    assert deploy(folder).exit_code == 0
    assert content["search"] == conf(folder, "savedsearches")[name]["search"]
    assert (content["disabled"], content["action.email"]) == (False, "1")
    assert splunk.objects[MACROS]["sigmagen_litellm"]["content"]["definition"] == "index=theirs"
    assert set(plan(folder)) == {"unchanged"}


def test_overlay_settings_are_deployed(folder: Path, server: StandIn, splunk: SplunkObjects, tmp_path: Path) -> None:
    deploy(folder)
    overlay = tmp_path / "overlay.yml"
    overlay.write_text(
        "rules: {call_count: {enabled: true}}\nallow_lists: {ai_service_principals: [svc-a]}\n"
        "sources: {litellm: {splunk: {search: index=ai}}}\n"
    )
    paths = [str(rules_folder() / "volume" / "call_count.yml"), str(rules_folder() / "output" / "logit_bias_churn.yml")]
    command = ["deploy", "splunk", *paths, "-s", "litellm", "--overlay", str(overlay)]
    assert CliRunner().invoke(cli, command).exit_code == 0
    definitions = {name: macro["content"]["definition"] for name, macro in splunk.objects[MACROS].items()}
    assert definitions["sigmagen_litellm"] == "index=ai"
    assert definitions["sigmagen_ai_service_principals"] == '"svc-a"'
    assert splunk.objects[SEARCHES]["Sigmagen - call_count.litellm - Rule"]["content"]["disabled"] is False
    assert splunk.objects[SEARCHES]["Sigmagen - logit_bias_churn.litellm - Rule"]["content"]["disabled"] is True


def test_foreign_app_is_not_changed(folder: Path, server: StandIn, splunk: SplunkObjects) -> None:
    splunk.apps[APP] = {"author": "them", "label": "Theirs"}
    before = splunk.kept()
    for arguments in ((), ("--prune",), ("--dry-run",)):
        result = deploy(folder, *arguments)
        assert result.exit_code == 1
        assert "that sigmagen did not create" in result.stderr
    assert splunk.kept() == before
    assert writes(server) == 0


def test_prune_deletes_only_own_obsolete_objects(
    folder: Path, server: StandIn, splunk: SplunkObjects, tmp_path: Path
) -> None:
    deploy(folder)
    theirs = {"content": {"search": "index=x"}, "acl": {"app": APP, "sharing": "app"}}
    others = {"content": {"search": "index=x"}, "acl": {"app": "other", "sharing": "global"}}
    splunk.objects[SEARCHES] |= {"My own search": theirs, "Sigmagen - of another app": others}
    smaller = package(tmp_path / "out", SMALL[:1], ["litellm"]).parent
    gone = set(conf(folder, "savedsearches")) - set(conf(smaller, "savedsearches"))
    assert deploy(smaller).exit_code == 0
    assert gone <= set(splunk.objects[SEARCHES])
    assert gone <= set(plan(smaller, "--prune")["delete"])
    assert deploy(smaller, "--prune").exit_code == 0
    kept = {*conf(smaller, "savedsearches"), "My own search", "Sigmagen - of another app"}
    assert set(splunk.objects[SEARCHES]) == kept
    assert set(plan(smaller, "--prune")) == {"unchanged"}


@pytest.mark.parametrize("status", [429, 500, 503])
def test_busy_server_is_retried(folder: Path, server: StandIn, status: int) -> None:
    server.first = [Reply(status)] * 4
    assert deploy(folder).exit_code == 0
    assert set(plan(folder)) == {"unchanged"}


def test_wrong_token_is_reported_without_showing_it(
    folder: Path, server: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGMAGEN_SPLUNK_TOKEN", "a-wrong-secret")
    result = deploy(folder)
    assert result.exit_code == 1
    assert "HTTP 401" in result.stderr
    assert "a-wrong-secret" not in result.output


@pytest.mark.parametrize("missing", ["SIGMAGEN_SPLUNK_URL", "SIGMAGEN_SPLUNK_TOKEN"])
def test_missing_setting_is_reported(
    folder: Path, server: StandIn, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.delenv(missing)
    result = deploy(folder)
    assert result.exit_code == 3
    assert missing in result.stderr
    assert not server.requests


def test_folder_without_app_is_rejected(server: StandIn, tmp_path: Path) -> None:
    result = deploy(tmp_path)
    assert result.exit_code == 2
    assert "not-a-package" in result.stderr
    (tmp_path / f"{APP}-1.tgz").write_bytes(b"no archive")
    assert "not-a-package" in deploy(tmp_path).stderr


def test_killed_run_is_resumed(
    folder: Path, server: StandIn, splunk: SplunkObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert deploy(folder).exit_code == 0
    wanted, requests = splunk.kept(), len(server.requests)
    for point, carried_out in kill_points(requests):
        splunk.apps.clear()
        splunk.objects.clear()
        with killed_at(point, monkeypatch, carried_out=carried_out):
            deploy(folder)
        assert deploy(folder).exit_code == 0
        assert splunk.kept() == wanted


def test_add_on_is_not_deployed(folder: Path, server: StandIn, splunk: SplunkObjects) -> None:
    assert sorted(path.name.rsplit("-", 1)[0] for path in folder.iterdir()) == [f"TA-{APP}", APP]
    assert deploy(folder).exit_code == 0
    assert set(splunk.apps) == {APP}
    assert not any("TA-" in request.path for request in server.requests)
