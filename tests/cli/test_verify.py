"""`sigmagen verify`: which engine runs, what is printed, JSON and JUnit, exit codes, and no secret anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from sigmagen.bundled import rules_folder
from tests.cli.conftest import Run
from tests.lakes import LAKES
from tests.servers import splunk
from tests.servers.stand_in import Reply, StandIn, serve

RULE = rules_folder() / "sybil" / "one_egress_many_organizations.yml"
KEYS = [
    "rule",
    "source",
    "target",
    "engine",
    "mode",
    "status",
    "fidelity",
    "reason",
    "rows",
    "differences",
    "remembered",
]
REMOTE = (
    "SIGMAGEN_ELASTICSEARCH_URL",
    "SIGMAGEN_SPLUNK_URL",
    "SIGMAGEN_SPLUNK_TOKEN",
    "SIGMAGEN_SENTINEL_WORKSPACE",
    "SIGMAGEN_SENTINEL_ENDPOINT",
    "SIGMAGEN_TRINO_URL",
)


@pytest.fixture(autouse=True)
def no_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in REMOTE:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def search_head(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """A stand-in for a Splunk, and the variables that name it."""
    with serve(splunk.answer) as server:
        monkeypatch.setenv("SIGMAGEN_SPLUNK_URL", server.url)
        monkeypatch.setenv("SIGMAGEN_SPLUNK_TOKEN", "t0ken-s3cr3t")
        yield server


def test_without_variables_spl_and_kql_are_emulated_and_esql_is_not_run(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sigmagen.engines.opening.is_installed", lambda module: module == "duckdb_kql")
    result = run("verify", RULE, "-s", "canonical", "--json")
    cells = json.loads(result.stdout)
    assert all(list(cell) == KEYS for cell in cells)
    assert {(c["target"], c["engine"], c["fidelity"], c["status"]) for c in cells} == {
        ("duckdb", "duckdb", "real", "equal"),
        ("splunk", "splunk-local", "emulated", "equal"),
        ("sentinel", "kusto-local", "emulated", "equal"),
        ("elastic", "none", None, "not_run"),
        *((lake, "none", None, "not_run") for lake in LAKES),
    }
    assert {cell["mode"] for cell in cells} == {"hunt", "alert"}
    assert result.exit_code == 0


def test_configured_splunk_is_used(run: Run, search_head: StandIn) -> None:
    result = run("verify", RULE, "-s", "canonical", "-t", "splunk")
    assert result.exit_code == 0
    assert "real" in result.stdout
    assert "2 equal" in result.stdout
    assert search_head.requests
    assert "s3cr3t" not in result.output


def test_rejected_query_is_different_with_exit_code_1(run: Run, search_head: StandIn, tmp_path: Path) -> None:
    ok = Reply(200, splunk.exported([]))
    search_head.first = [ok, *[Reply(400, splunk.messages("FATAL", "Unknown search command"))] * 200]
    junit = tmp_path / "cells.xml"
    result = run("verify", RULE, "-s", "canonical", "-t", "splunk", "--junit", junit)
    assert result.exit_code == 1
    assert "splunk refuses the query: Unknown search command" in " ".join(result.stdout.split())
    failures = ElementTree.parse(junit).findall(".//failure")
    assert [failure.get("message") for failure in failures] == ["splunk refuses the query: Unknown search command"] * 2


@pytest.mark.parametrize("status", [401, 403, 500])
def test_failing_server_ends_run_with_exit_code_3(run: Run, search_head: StandIn, status: int) -> None:
    whole = run("verify", RULE, "-s", "canonical", "-s", "litellm", "-t", "splunk")
    assert "4 equal" in whole.stdout
    asked = list(search_head.requests)
    canonical = sum("sigmagen:canonical:json" in request.form["search"] for request in asked)
    search_head.requests.clear()
    search_head.first = [splunk.answer(request) for request in asked[: 1 + canonical]]
    search_head.first += [Reply(status, splunk.messages("WARN", "no, t0ken-s3cr3t"))] * 9
    result = run("verify", RULE, "-s", "canonical", "-s", "litellm", "-t", "splunk")
    assert result.exit_code == 3
    assert "2 equal" in result.stdout
    assert f"error[no-server]: Splunk, POST /services/search/v2/jobs/export: HTTP {status}" in result.stderr
    assert "s3cr3t" not in result.output


def test_a_splunk_without_a_token_is_a_configuration_error(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGMAGEN_SPLUNK_URL", "https://splunk.example.com:8089")
    result = run("verify", RULE, "-t", "splunk")
    assert result.exit_code == 3
    assert "SIGMAGEN_SPLUNK_URL is set, SIGMAGEN_SPLUNK_TOKEN is not" in result.stderr


def test_requested_target_without_engine_is_exit_code_3(run: Run) -> None:
    result = run("verify", RULE, "-t", "elastic")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "error[no-engine]: ES|QL needs an Elasticsearch: set SIGMAGEN_ELASTICSEARCH_URL" in result.stderr


def test_missing_azure_packages_are_reported(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGMAGEN_SENTINEL_WORKSPACE", "00000000-0000-0000-0000-000000000000")
    monkeypatch.setattr("sigmagen.engines.opening.is_installed", lambda module: not module.startswith("azure"))
    result = run("verify", RULE, "-t", "sentinel")
    assert result.exit_code == 3
    assert "pip install 'sigmagen-extraction[azure]'" in result.stderr


def test_vacuous_fixtures_are_exit_code_1(run: Run, tmp_path: Path) -> None:
    rule = rules_folder() / "output" / "short_prompt_long_answer.yml"
    (tmp_path / rule.name).write_text(rule.read_text().replace("gte: 100", "gte: 100000"))
    test = rule.with_name("short_prompt_long_answer.test.yml")
    (tmp_path / test.name).write_text(test.read_text())
    result = run("verify", tmp_path / rule.name, "-s", "canonical", "-t", "duckdb")
    assert result.exit_code == 1
    assert "vacuous: no group alerts" in result.stdout


def test_a_rule_without_a_test_file_is_broken_input_and_the_others_are_verified(run: Run, tmp_path: Path) -> None:
    for name in (RULE.name, RULE.name.replace(".yml", ".test.yml")):
        (tmp_path / name).write_text(RULE.with_name(name).read_text())
    (tmp_path / "alone.yml").write_text(RULE.read_text().replace("one_egress", "alone_egress"))
    result = run("verify", tmp_path, "-s", "canonical", "-t", "duckdb")
    assert result.exit_code == 2
    assert "alone" in result.stderr
    assert "2 equal" in result.stdout


def test_an_unknown_source_is_a_configuration_error(run: Run) -> None:
    assert run("verify", RULE, "-s", "nowhere").exit_code == 3


def test_help_explains_engines(run: Run) -> None:
    said = run("verify", "--help").stdout
    for name in (
        "SIGMAGEN_ELASTICSEARCH_URL",
        "SIGMAGEN_SPLUNK_URL",
        "SIGMAGEN_SENTINEL_WORKSPACE",
        "nothing is written",
    ):
        assert name in " ".join(said.split())


def test_cache_remembers_equal_cells_and_says_so(run: Run, tmp_path: Path) -> None:
    cache = tmp_path / "proven.ndjson"
    arguments = ("verify", RULE, "-s", "canonical", "-t", "splunk", "-t", "duckdb", "--cache", cache)
    first, second = run(*arguments), run(*arguments)
    assert "4 cells executed: 4 changed" in first.stderr
    assert "remembered" not in first.stdout
    assert "0 cells executed: 0 changed; 4 remembered, the oldest since 20" in second.stderr
    assert "* 4 remembered, not executed now" in second.stdout
    cells = json.loads(run(*arguments, "--json").stdout)
    assert [cell["status"] for cell in cells] == ["equal"] * 4
    assert all(cell["remembered"] for cell in cells)
    plain = json.loads(run(*arguments[:-2], "--json").stdout)
    assert [cell["remembered"] for cell in plain] == [None] * 4
    assert [cell["rows"] for cell in plain] == [cell["rows"] for cell in cells]


def test_recheck_executes_a_share_of_the_remembered_cells(run: Run, tmp_path: Path) -> None:
    cache = tmp_path / "proven.ndjson"
    arguments = ("verify", RULE, "-s", "canonical", "-t", "duckdb", "--cache", cache)
    run(*arguments)
    result = run(*arguments, "--recheck", "100", "--seed", "7")
    assert "2 cells executed: 0 changed, 2 of 2 by seed 7\n" in result.stderr


def test_a_cache_that_can_t_be_written_is_a_configuration_error(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = tmp_path / "file" / "proven.ndjson"
    result = run("verify", RULE, "-s", "canonical", "-t", "duckdb", "--cache", cache)
    assert result.exit_code == 3
    assert "error[ledger]" in result.stderr


def test_remembered_cells_of_a_splunk_server_are_executed_again(run: Run, search_head: StandIn, tmp_path: Path) -> None:
    arguments = ("verify", RULE, "-s", "canonical", "-t", "splunk", "--cache", tmp_path / "proven.ndjson")
    run(*arguments)
    asked = len(search_head.requests)
    result = run(*arguments)
    assert len(search_head.requests) > asked
    assert "remembered" not in result.stdout


def test_quick_plays_one_attack_and_one_twin(run: Run) -> None:
    arguments = ("verify", RULE, "-s", "canonical", "-t", "duckdb", "-t", "splunk", "--json")
    quick, whole = json.loads(run(*arguments, "--quick").stdout), json.loads(run(*arguments).stdout)
    assert {cell["status"] for cell in quick} == {"equal"}
    for target in ("duckdb", "splunk"):
        rows = [
            next(cell["rows"] for cell in cells if (cell["target"], cell["mode"]) == (target, "hunt"))
            for cells in (quick, whole)
        ]
        assert 0 < rows[0] < rows[1]
