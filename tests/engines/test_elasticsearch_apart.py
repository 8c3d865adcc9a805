"""Verification on somebody's own Elasticsearch: apart from its data, with credentials, and nothing left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from elasticsearch import Elasticsearch

from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.convert.converter import Converter
from sigmagen.engines.elasticsearch import CREATOR, PREFIX, ElasticsearchEngine
from sigmagen.mapping.elastic_template import build_index_mappings
from sigmagen.mapping.source import relocate
from sigmagen.net.retry import ATTEMPTS
from sigmagen.problems import EXIT_USAGE, SigmagenError
from sigmagen.proof.verify import verify
from sigmagen.rules.load import load_rules
from sigmagen.rules.model import Correlation
from sigmagen.sources import stored_rows
from tests.native_logs import attack
from tests.servers.stand_in import Reply, Request, StandIn, serve

CONVERTER = Converter.load(mappings_folder())
RULE = rules_folder() / "sybil" / "one_egress_many_organizations.yml"
FILE = load_rules([RULE], rules_folder=rules_folder(), mappings_folder=mappings_folder()).files[0]
PRODUCT = {"X-Elastic-Product": "Elasticsearch", "Content-Type": "application/json"}
VARIABLES = ("API_KEY", "USERNAME", "PASSWORD", "CA_FILE", "FINGERPRINT")


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(f"SIGMAGEN_ELASTICSEARCH_{name}", raising=False)


def answer(request: Request) -> Reply:
    """An Elasticsearch without data, as far as the engine asks when it starts."""
    nothing: dict[str, list[str]] = {"indices": [], "aliases": [], "data_streams": []}
    templates: dict[str, list[str]] = {"index_templates": []}
    if request.path.startswith("/_index_template"):
        return Reply(200, json.dumps(templates).encode(), PRODUCT)
    found = {} if request.path.startswith(f"/{PREFIX}-*") else nothing
    return Reply(200, json.dumps(found).encode(), PRODUCT)


@pytest.fixture
def server() -> Iterator[StandIn]:
    """A stand-in: what the engine sends, and what it makes of refusals."""
    with serve(answer) as stand_in:
        yield stand_in


@pytest.mark.parametrize(
    ("variables", "header"),
    [
        ({}, None),
        ({"API_KEY": "czNjcjN0OnMzY3IzdA=="}, "ApiKey czNjcjN0OnMzY3IzdA=="),
        ({"USERNAME": "ann", "PASSWORD": "s3cr3t"}, "Basic YW5uOnMzY3IzdA=="),
    ],
)
def test_credentials_come_from_the_environment_and_mean_apart(
    server: StandIn, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], header: str | None
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"SIGMAGEN_ELASTICSEARCH_{name}", value)
    with ElasticsearchEngine(server.url, CONVERTER.taxonomy) as engine:
        assert engine.is_isolated is bool(variables)
    assert {request.headers.get("Authorization") for request in server.requests} == {header}


def test_an_index_of_somebody_means_apart(server: StandIn) -> None:
    used = {"indices": [{"name": ".kibana"}, {"name": "logs-app"}], "data_streams": []}
    server.first = [Reply(200, b"{}", PRODUCT), Reply(200, json.dumps(used).encode(), PRODUCT)]
    with ElasticsearchEngine(server.url, CONVERTER.taxonomy) as engine:
        assert engine.is_isolated
        placed = engine.placed(CONVERTER.source("canonical"))
    location = placed.stored["elastic"].location
    assert location.startswith(f"{PREFIX}-")
    assert location.endswith("-canonical")
    rule = FILE.subjects[0]
    there, here = (
        CONVERTER.convert(rule, source, "elastic").text for source in (placed, CONVERTER.source("canonical"))
    )
    assert there.replace(location, CONVERTER.source("canonical").stored["elastic"].location) == here


def test_system_indices_and_our_own_are_nobody_s(server: StandIn) -> None:
    own = {"indices": [{"name": ".kibana"}, {"name": f"logs-aws.cloudtrail-{PREFIX}"}], "data_streams": []}
    server.first = [Reply(200, b"{}", PRODUCT), Reply(200, json.dumps(own).encode(), PRODUCT)]
    with ElasticsearchEngine(server.url, CONVERTER.taxonomy) as engine:
        assert engine.placed(CONVERTER.source("cloudtrail")) is CONVERTER.source("cloudtrail")


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"API_KEY": "s3cr3t", "USERNAME": "ann"}, "are both set"),
        ({"USERNAME": "ann"}, "SIGMAGEN_ELASTICSEARCH_PASSWORD must be set together"),
        ({"CA_FILE": "/no/such.pem"}, "file not found: /no/such.pem"),
    ],
)
def test_settings_that_can_t_be_meant_are_told(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], said: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"SIGMAGEN_ELASTICSEARCH_{name}", value)
    with pytest.raises(SigmagenError, match=said) as raised:
        ElasticsearchEngine("https://es.example.com", CONVERTER.taxonomy)
    assert raised.value.exit_code == EXIT_USAGE
    assert "s3cr3t" not in str(raised.value)


def refused(status: int, kind: str, reason: str) -> Reply:
    body = {"error": {"type": kind, "reason": reason, "root_cause": []}, "status": status}
    return Reply(status, json.dumps(body).encode(), PRODUCT)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (refused(401, "security_exception", "unable to authenticate user [ann]"), "HTTP 401"),
        (refused(403, "security_exception", "action [indices:admin/get] is unauthorized"), "all index privileges"),
        (refused(500, "exception", "oops"), "HTTP 500"),
        (Reply(200, b'{"a": ', PRODUCT), "SerializationError"),
        (Reply(200, b"{}", PRODUCT, announced=99), "ConnectionError"),
        (Reply(200, b"<html>", {"Content-Type": "text/html"}), "Elasticsearch at"),
        (Reply(hangs_up=True), "ConnectionError"),
    ],
)
def test_a_cluster_that_can_t_be_used_is_told_without_the_password(
    server: StandIn, monkeypatch: pytest.MonkeyPatch, reply: Reply, said: str
) -> None:
    monkeypatch.setenv("SIGMAGEN_ELASTICSEARCH_USERNAME", "ann")
    monkeypatch.setenv("SIGMAGEN_ELASTICSEARCH_PASSWORD", "s3cr3t")
    server.first = [reply] * 9
    with pytest.raises(SigmagenError) as raised:
        ElasticsearchEngine(server.url, CONVERTER.taxonomy)
    assert raised.value.exit_code == EXIT_USAGE
    assert said in str(raised.value)
    assert "s3cr3t" not in str(raised.value)


def test_a_busy_cluster_is_asked_again_when_it_says(server: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("sigmagen.net.retry.time.sleep", waits.append)
    busy = refused(429, "circuit_breaking_exception", "too much")
    server.first = [Reply(429, busy.body, {**PRODUCT, "Retry-After": "3"}), busy]
    ElasticsearchEngine(server.url, CONVERTER.taxonomy).close()
    assert waits == [3, 4]
    server.first = [busy] * ATTEMPTS
    with pytest.raises(SigmagenError, match="HTTP 429, circuit_breaking_exception: too much"):
        ElasticsearchEngine(server.url, CONVERTER.taxonomy)


def test_only_left_overs_whose_time_is_over_are_removed(server: StandIn) -> None:
    def made(**meta: object) -> dict[str, object]:
        return {"mappings": {"_meta": meta}}

    found = {
        f"{PREFIX}-over": made(created_by=CREATOR, expires=time.time() - 1),
        f"{PREFIX}-running": made(created_by=CREATOR, expires=time.time() + 100),
        f"{PREFIX}-foreign": made(created_by="somebody", expires=1),
        f"{PREFIX}-plain": {"mappings": {}},
    }
    server.first = [Reply(200, json.dumps(found).encode(), PRODUCT)]
    ElasticsearchEngine(server.url, CONVERTER.taxonomy).close()
    assert [request.path for request in server.requests if request.method == "DELETE"] == [f"/{PREFIX}-over"]


@pytest.fixture
def client(elasticsearch_url: str) -> Iterator[Elasticsearch]:
    with Elasticsearch(elasticsearch_url) as client:
        yield client


@pytest.fixture
def apart(elasticsearch_url: str, client: Elasticsearch) -> Iterator[ElasticsearchEngine]:
    """An engine on a cluster that is somebody's."""
    foreign = f"somebody-{uuid4().hex}"
    client.indices.create(index=foreign)
    with ElasticsearchEngine(elasticsearch_url, CONVERTER.taxonomy) as engine:
        yield engine
    client.indices.delete(index=foreign)


def ours(client: Elasticsearch, engine: ElasticsearchEngine) -> list[str]:
    return sorted(client.indices.get(index=f"{PREFIX}-{engine._run}-*", expand_wildcards="all"))


@pytest.mark.elasticsearch
def test_apart_finds_the_same_and_leaves_nothing(client: Elasticsearch, apart: ElasticsearchEngine) -> None:
    cells = list(verify(CONVERTER, [FILE], {"elastic": apart}))
    assert {(cell.status, cell.engine, cell.fidelity) for cell in cells} == {("equal", "elasticsearch", "real")}
    names = ours(client, apart)
    assert names
    for name in names:
        settings = client.indices.get_settings(index=name)[name]["settings"]["index"]
        assert settings["hidden"] == "true"
        assert name not in {entry["name"] for entry in client.indices.resolve_index(name="*")["indices"]}
    apart.close()
    with Elasticsearch(apart.url) as again:
        assert ours(again, apart) == []


@pytest.mark.elasticsearch
def test_an_empty_cluster_whose_templates_make_data_streams_is_used_apart(
    client: Elasticsearch, elasticsearch_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Elasticsearch's own template for `logs-*-*` does: no ordinary index can have such a name."""
    monkeypatch.setattr(ElasticsearchEngine, "_is_used", lambda _: False)
    name = f"verify-{uuid4().hex}"
    client.indices.put_index_template(name=name, index_patterns=["logs-litellm.*-*"], data_stream={}, priority=900)
    try:
        with ElasticsearchEngine(elasticsearch_url, CONVERTER.taxonomy) as engine:
            placed = engine.placed(CONVERTER.source("litellm"))
            assert placed.stored["elastic"].location.startswith(f"{PREFIX}-")
            cells = list(verify(CONVERTER, [FILE], {"elastic": engine}, ["litellm", "canonical"]))
    finally:
        client.indices.delete_index_template(name=name)
    assert {cell.status for cell in cells} == {"equal"}


@pytest.mark.elasticsearch
def test_data_of_somebody_where_the_pattern_looks_is_neither_read_nor_touched(
    client: Elasticsearch, elasticsearch_url: str
) -> None:
    """The queries' own pattern matches a foreign index, whose documents would alert."""
    name = f"logs-litellm.proxy-somebody-{uuid4().hex}"
    client.options(ignore_status=404).indices.delete_index_template(name=name)
    client.indices.put_index_template(name=name, index_patterns=[name], priority=900)
    mappings = build_index_mappings(CONVERTER.source("litellm"), CONVERTER.taxonomy)
    client.indices.create(index=name, mappings=mappings)
    # The attack itself by other organizations: in one window with ours, they would be more.
    theirs = json.loads(json.dumps(attack("one_egress_many_organizations", "litellm")).replace("org-", "their-"))
    for record in theirs:
        client.index(index=name, document=stored_rows("elastic", "litellm", record)["events"][0])
    client.indices.refresh(index=name)
    try:
        with ElasticsearchEngine(elasticsearch_url, CONVERTER.taxonomy) as engine:
            assert engine.is_isolated
            cells = list(verify(CONVERTER, [FILE], {"elastic": engine}, ["litellm"]))
        assert {cell.status for cell in cells} == {"equal"}
        client.indices.refresh(index=name)
        assert client.count(index=name)["count"] == len(theirs) > 0
    finally:
        client.indices.delete(index=name)
        client.indices.delete_index_template(name=name)


@pytest.mark.elasticsearch
@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="one worker runs all")
def test_one_worker_has_the_server_to_itself(request: pytest.FixtureRequest) -> None:
    """Others would see, and wait for, indices that are not their own."""
    assert request.node.nodeid.endswith("@elasticsearch")


@pytest.mark.elasticsearch
def test_an_exception_in_between_leaves_nothing(client: Elasticsearch, elasticsearch_url: str) -> None:
    engine = ElasticsearchEngine(elasticsearch_url, CONVERTER.taxonomy)
    engine.is_isolated = True

    def interrupted() -> None:
        with engine:
            engine.load(engine.placed(CONVERTER.source("canonical")), [])
            assert ours(client, engine)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert ours(client, engine) == []


@pytest.mark.elasticsearch
def test_a_terminated_command_leaves_nothing(client: Elasticsearch, apart: ElasticsearchEngine) -> None:
    command = [sys.executable, "-m", "sigmagen", "verify", "-t", "elastic", str(rules_folder() / "volume")]
    before = set(client.indices.get(index=f"{PREFIX}-*", expand_wildcards="all"))
    root = Path(__file__).parents[2]
    process = subprocess.Popen(command, cwd=root, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    made: set[str] = set()
    while not made and process.poll() is None:
        time.sleep(0.05)
        made = set(client.indices.get(index=f"{PREFIX}-*", expand_wildcards="all")) - before
    process.terminate()
    _, said = process.communicate()
    assert (process.returncode, said.strip()) == (130, b"interrupted")
    mine = {name.split("-")[2] for name in made}
    assert mine
    left = client.indices.get(index=f"{PREFIX}-*", expand_wildcards="all")
    assert not [name for name in left if name.split("-")[2] in mine]


@pytest.mark.elasticsearch
def test_a_query_that_elasticsearch_refuses_is_different_with_its_words(apart: ElasticsearchEngine) -> None:
    class Wrong(Converter):
        def convert(self, rule, source, siem, mode="hunt"):  # type: ignore[no-untyped-def]
            from dataclasses import replace

            query = super().convert(rule, source, siem, mode)
            return replace(query, text=query.text + "\n| WHERE no_such_column") if siem == "elastic" else query

    wrong = Wrong(CONVERTER.mappings, CONVERTER.sources, CONVERTER.taxonomy)
    assert isinstance(FILE.subjects[0], Correlation)
    cells = list(verify(wrong, [FILE], {"elastic": apart}, ["canonical"]))
    assert {cell.status for cell in cells} == {"different"}
    assert all("elasticsearch refuses the query: HTTP 400, verification_exception" in str(c.reason) for c in cells)
    assert all("no_such_column" in str(cell.reason) for cell in cells)


@pytest.mark.elasticsearch
def test_a_source_that_was_not_moved_is_found_by_its_own_pattern(
    client: Elasticsearch, apart: ElasticsearchEngine
) -> None:
    """Whoever loads a source as it is runs queries for where it is."""
    place = f"logs-{uuid4().hex}-*"
    source = relocate(CONVERTER.source("canonical"), "elastic", lambda _: place)
    apart.load(source, [{"@timestamp": "2026-08-11T09:14:03.217Z", "user.id": "u"}])
    assert client.esql.query(query=f"FROM {place} | STATS n = COUNT(*) | LIMIT 1")["values"] == [[1]]
