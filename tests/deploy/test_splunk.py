"""Deploying to Splunk, on a stand-in for a search head."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sigmagen.cli.main import cli
from sigmagen.content import mappings_folder, rules_folder
from sigmagen.convert import Converter
from sigmagen.deploy import http
from sigmagen.deploy.splunk import conf, confs, marker, written
from sigmagen.packages import splunk
from sigmagen.packages.content import content
from sigmagen.packages.splunk.conf import render
from sigmagen.packages.splunk.savedsearches import APP
from sigmagen.rules.load import load_rules
from tests.servers.splunk_objects import TOKEN, SearchHead
from tests.servers.stand_in import Reply, StandIn, serve

KILLS = 20
MACROS, SEARCHES = "configs/conf-macros", "saved/searches"


def package_of(folder: Path, *rules: str) -> Path:
    converter = Converter.load(mappings_folder())
    paths = [rules_folder() / f"{rule}.yml" for rule in rules]
    loaded = load_rules(paths, rules_folder=rules_folder(), mappings_folder=mappings_folder())
    splunk.write(content(converter, loaded.files, "splunk", ["litellm"]), folder, converter, {})
    return folder


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return package_of(tmp_path_factory.mktemp("package"), "volume/call_count", "output/logit_bias_churn")


@pytest.fixture(scope="module")
def smaller(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return package_of(tmp_path_factory.mktemp("smaller"), "volume/call_count")


@pytest.fixture
def head(monkeypatch: pytest.MonkeyPatch) -> Iterator[SearchHead]:
    found = SearchHead()
    with serve(lambda request: found.answer(request)) as server:
        monkeypatch.setenv("SIGMAGEN_SPLUNK_URL", server.url)
        monkeypatch.setenv("SIGMAGEN_SPLUNK_TOKEN", TOKEN)
        monkeypatch.setattr("sigmagen.connect.time.sleep", lambda _: None)
        found.server = server  # type: ignore[attr-defined]
        yield found


def deploy(package: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["deploy", "splunk", "--package", str(package), *arguments])


def plan(package: Path, *arguments: str) -> dict[str, list[str]]:
    result = deploy(package, "--dry-run", "--json", *arguments)
    found: dict[str, list[str]] = {}
    for change in json.loads(result.stdout)["changes"]:
        found.setdefault(change["action"], []).append(change["id"])
    return found


def state(head: SearchHead) -> Any:
    return copy.deepcopy((head.apps, head.objects))


def test_what_is_deployed_is_the_app_and_a_second_run_does_nothing(package: Path, head: SearchHead) -> None:
    assert set(plan(package)) == {"create"}
    assert head.writes == 0
    result = deploy(package)
    assert result.exit_code == 0, result.output
    assert APP in head.apps
    wanted = confs(package)
    assert {name for kind, name in head.objects if kind == SEARCHES} == set(wanted["savedsearches"])
    assert {name for kind, name in head.objects if kind == MACROS} == set(wanted["macros"])
    for (kind, name), (app, body) in head.objects.items():
        assert app == APP
        if kind == SEARCHES:
            assert body["search"] == wanted["savedsearches"][name]["search"]
            assert body.get("disabled", True) is True
    before = head.writes
    assert set(plan(package)) == {"unchanged"}
    assert deploy(package).exit_code == 0
    assert head.writes == before


def test_a_changed_search_is_updated_and_stays_on(package: Path, head: SearchHead) -> None:
    deploy(package)
    key = next(key for key, (_, body) in head.objects.items() if body.get("is_scheduled"))
    head.objects[key][1].update({"disabled": False, "search": "index=old", "action.email": "1"})
    assert plan(package)["update"] == [key[1]]
    assert deploy(package).exit_code == 0
    body = head.objects[key][1]
    assert body["search"] != "index=old"
    assert body["disabled"] is False
    assert body["action.email"] == "1"
    assert set(plan(package)) == {"unchanged"}


def test_a_macro_that_people_wrote_is_theirs_and_one_of_ours_is_brought_up_to_date(
    package: Path, head: SearchHead
) -> None:
    deploy(package)
    (theirs, _), *_ = macros = [(key, body) for key, (_, body) in head.objects.items() if key[0] == MACROS]
    ours = next(key for key, _ in macros if key != theirs)
    head.objects[theirs][1]["definition"] = "index=ai sourcetype=mine"
    older = 'sourcetype="older"'
    head.objects[ours][1].update({"definition": older, "description": f"{marker(ours[1])} {written(older)}"})
    assert plan(package)["update"] == [ours[1]]
    assert deploy(package).exit_code == 0
    assert head.objects[theirs][1]["definition"] == "index=ai sourcetype=mine"
    assert head.objects[ours][1]["definition"] == confs(package)["macros"][ours[1]]["definition"]
    assert set(plan(package)) == {"unchanged"}


@pytest.mark.parametrize("prune", [False, True])
def test_what_is_not_ours_is_never_touched(package: Path, head: SearchHead, prune: bool) -> None:
    head.apps.add(APP)
    name = next(iter(confs(package)["savedsearches"]))
    clone = f"{name} Clone"
    head.objects[SEARCHES, name] = (APP, {"search": "theirs", "description": ""})
    head.objects[SEARCHES, clone] = (APP, {"search": "theirs", "description": f"a clone {marker(name)}"})
    head.objects[SEARCHES, "elsewhere"] = ("search", {"search": "x", "description": marker("elsewhere")})
    before = copy.deepcopy(head.objects)
    result = deploy(package, *(["--prune"] if prune else []))
    assert result.exit_code == 1
    assert result.stderr.count("deploy-foreign") == 1
    assert {key: head.objects[key] for key in before} == before


def test_what_a_package_no_longer_has_is_deleted_only_when_asked(
    package: Path, smaller: Path, head: SearchHead
) -> None:
    deploy(package)
    before = state(head)
    assert plan(smaller)["obsolete"]
    assert deploy(smaller).exit_code == 0
    assert state(head) == before
    assert deploy(smaller, "--prune").exit_code == 0
    assert {name for kind, name in head.objects if kind == SEARCHES} == set(confs(smaller)["savedsearches"])
    assert set(plan(smaller, "--prune")) == {"unchanged"}


class KilledError(BaseException):
    """The process ends here, as far as the deployment can tell."""


def test_a_run_that_is_killed_anywhere_is_taken_up_by_the_next(
    package: Path, head: SearchHead, monkeypatch: pytest.MonkeyPatch
) -> None:
    server: StandIn = head.server  # type: ignore[attr-defined]
    assert deploy(package).exit_code == 0
    wanted, requests = state(head), len(server.requests)
    once, rng = http.Client.once, random.Random(21)
    for _ in range(KILLS):
        left, carried_out = rng.randrange(1, requests + 1), rng.random() < 0.5
        head.apps, head.objects = {"search"}, {}

        def killed(self: http.Client, *arguments: Any, carried_out: bool = carried_out) -> Any:
            nonlocal left
            left -= 1
            if left == 0 and not carried_out:
                raise KilledError
            answer = once(self, *arguments)
            if left == 0:
                raise KilledError
            return answer

        with monkeypatch.context() as patch:
            patch.setattr(http.Client, "once", killed)
            with pytest.raises(KilledError):
                deploy(package)
        assert deploy(package).exit_code == 0
        assert state(head) == wanted


def test_a_wrong_token_is_told_without_it(package: Path, head: SearchHead, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGMAGEN_SPLUNK_TOKEN", "wrong-token")
    result = deploy(package)
    assert result.exit_code == 1
    assert "HTTP 401, call not properly authenticated" in result.stderr
    assert "wrong-token" not in result.output


def test_a_busy_search_head_is_asked_again(package: Path, head: SearchHead) -> None:
    head.server.first = [Reply(503), Reply(429, headers={"Retry-After": "1"})]  # type: ignore[attr-defined]
    assert deploy(package).exit_code == 0


def test_a_folder_that_is_no_package_is_refused(head: SearchHead, tmp_path: Path) -> None:
    assert "not-a-package" in deploy(tmp_path).stderr
    (tmp_path / "app.tgz").write_bytes(b"no archive")
    result = deploy(tmp_path)
    assert result.exit_code == 2
    assert "not-a-package" in result.stderr


def test_a_conf_file_is_read_as_it_was_written() -> None:
    stanzas: dict[str, dict[str, str | int]] = {"a b": {"search": 'x="1"\n| y = 2\n| z', "empty": "", "number": 3}}
    assert conf(render(stanzas)) == {"a b": {"search": 'x="1"\n| y = 2\n| z', "empty": "", "number": "3"}}
