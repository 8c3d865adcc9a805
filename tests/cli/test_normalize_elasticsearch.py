"""`sigmagen normalize --to`: into a real Elasticsearch, each event once, and what happens where there is none."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from elasticsearch import Elasticsearch

from tests.cli.conftest import Run
from tests.native_logs import example
from tests.servers.stand_in import Reply, Request, serve

Names = tuple[str, str]


def named(template: str, monkeypatch: pytest.MonkeyPatch) -> Names:
    """Give template and stream names of the test's own, and return them."""
    stream = f"{template}-default"
    monkeypatch.setattr("sigmagen.local.elasticsearch.TEMPLATE", template)
    monkeypatch.setattr("sigmagen.local.elasticsearch.STREAM", stream)
    return template, stream


@pytest.fixture
def client(elasticsearch_url: str) -> Iterator[Elasticsearch]:
    """A client of the server."""
    with Elasticsearch(elasticsearch_url) as client:
        yield client


@pytest.fixture
def foreign(client: Elasticsearch, monkeypatch: pytest.MonkeyPatch) -> Iterator[Names]:
    """Names of a plain index and a template of somebody else, which has no place for a model."""
    template, stream = named(f"logs-normalize-{uuid4().hex}", monkeypatch)
    model = {"properties": {"gen_ai": {"properties": {"request": {"properties": {"model": {"type": "ip"}}}}}}}
    client.indices.put_index_template(
        name=template, index_patterns=[f"{template}-*"], priority=501, template={"mappings": model}
    )
    yield template, stream
    client.options(ignore_status=404).indices.delete(index=stream)
    client.indices.delete_index_template(name=template)


@pytest.mark.elasticsearch
def test_events_are_written_once_and_can_be_searched(
    client: Elasticsearch,
    elasticsearch_url: str,
    run: Run,
    litellm: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A data stream can't be deleted on every server, so its name stays the same, and the events are this run's own.
    template, stream = named("logs-sigmagen-test.canonical", monkeypatch)
    mine = uuid4().hex
    paths = []
    for path in (litellm, example("cloudtrail")):
        paths.append(tmp_path / f"{path.parents[1].name}.ndjson")
        paths[-1].write_text(re.sub(r'"(id|eventID)":"', rf'"\1":"{mine}', path.read_text()))
    first = run("normalize", paths[0], "--to", elasticsearch_url)
    assert (first.exit_code, first.stdout) == (0, "")
    assert first.stderr == "8 events (8 litellm); 8 written to Elasticsearch\n"
    again = run("normalize", *paths, "--to", elasticsearch_url)
    assert again.exit_code == 0
    assert "; 5 written to Elasticsearch; 8 already existed\n" in again.stderr

    (found,) = client.indices.get_index_template(name=template)["index_templates"]
    assert found["index_template"]["_meta"] == {"created_by": "sigmagen normalize"}
    assert found["index_template"]["index_patterns"] == [f"{template}-*"]
    client.indices.refresh(index=stream)
    ours = {"prefix": {"event.id": mine}}
    assert client.count(index=stream, query=ours)["count"] == 13
    model = {"term": {"gen_ai.request.model": "gpt-4o-mini"}}
    hits = client.search(index=stream, query={"bool": {"must": [ours, model]}})["hits"]["hits"]
    assert hits
    wanted = json.loads((example("litellm", "canonical.json")).read_text("utf-8"))
    assert {event["@timestamp"] for event in wanted} >= {hit["_source"]["@timestamp"] for hit in hits}
    query = (
        f'FROM {stream} | WHERE STARTS_WITH(event.id, "{mine}") AND gen_ai.request.logprobs | STATS COUNT(*) | LIMIT 1'
    )
    logprobs = sum(event.get("gen_ai.request.logprobs") is True for event in wanted)
    assert client.esql.query(query=query)["values"] == [[logprobs]]
    assert logprobs


@pytest.mark.elasticsearch
def test_foreign_template_is_kept_and_rejections_are_recorded(
    client: Elasticsearch, foreign: Names, elasticsearch_url: str, run: Run, tmp_path: Path, litellm: Path
) -> None:
    rejects = tmp_path / "rejects.ndjson"
    result = run("normalize", litellm, "--to", elasticsearch_url, "--rejects", rejects)
    assert result.exit_code == 2
    assert "error[events-refused]: Elasticsearch refused 8 events" in result.stderr
    assert f"see {rejects}" in result.stderr
    kept = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert sorted(reject["line"] for reject in kept) == list(range(1, 9))
    assert all(reject["reason"].startswith("refused by Elasticsearch: ") for reject in kept)
    template, stream = foreign
    (found,) = client.indices.get_index_template(name=template)["index_templates"]
    assert found["index_template"]["priority"] == 501
    assert client.count(index=stream)["count"] == 0


@pytest.fixture
def nowhere() -> Iterator[str]:
    """An address where nothing listens: bound, so that nobody else takes it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


def test_unreachable_server_is_exit_code_3_with_hint(run: Run, litellm: Path, nowhere: str) -> None:
    result = run("normalize", litellm, "--to", f"http://{nowhere}")
    assert (result.exit_code, result.stdout) == (3, "")
    assert f"error[no-server]: Elasticsearch at http://{nowhere}: ConnectionError" in result.stderr
    assert "check the URL, and the credentials in SIGMAGEN_ELASTICSEARCH_API_KEY" in result.stderr
    assert not list(Path().iterdir())


@pytest.mark.parametrize(
    "url",
    [
        "http://ann:s3cr3t@{nowhere}",
        "http://ann:x/s3cr3t@{nowhere}",
        "http://ann:x@s3cr3t@{nowhere}/path",
        "http://ann:s3cr3t@[::1",
        "https://s3cr3t@{nowhere}:x",
        "ftp://ann:s3cr3t@{nowhere}",
        "ann:s3cr3t@{nowhere}",
        "http:/ann:s3cr3t@{nowhere}",
        "http://{nowhere}/?apikey=s3cr3t",
        "http://{nowhere}#s3cr3t",
        "//ann:s3cr3t@{nowhere}",
        "http:\\\\ann:s3cr3t@{nowhere}",
        "?apikey=s3cr3t",
    ],
)
def test_a_password_in_a_url_is_never_printed(url: str, run: Run, litellm: Path, nowhere: str) -> None:
    result = run("normalize", litellm, "--to", url.format(nowhere=nowhere))
    assert (result.exit_code, result.stdout) == (3, "")
    assert "error[server-address]" in result.stderr
    assert "s3cr3t" not in result.output


def test_an_api_key_is_never_printed(run: Run, litellm: Path, nowhere: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGMAGEN_ELASTICSEARCH_API_KEY", "czNjcjN0OnMzY3IzdA==")
    result = run("normalize", litellm, "--to", f"http://{nowhere}")
    assert result.exit_code == 3
    assert "czNjcjN0" not in result.output


def test_missing_url_is_exit_code_3(run: Run, litellm: Path) -> None:
    result = run("normalize", litellm, "--to", "elastic")
    assert result.exit_code == 3
    assert "the address of Elasticsearch is not an http or https URL" in result.stderr


JSON = {"X-Elastic-Product": "Elasticsearch", "Content-Type": "application/json"}
Items = Callable[[list[str]], Any]


@contextmanager
def answering(items: Items) -> Iterator[str]:
    """The address of a server whose bulk answers hold what `items` makes of the ids that were sent."""

    def answer(asked: Request) -> Reply:
        body: dict[str, Any] = {}
        if asked.path.partition("?")[0] == "/_bulk":
            ids = [json.loads(line)["create"]["_id"] for line in asked.body.splitlines()[::2]]
            body = items(ids)
        return Reply(200, json.dumps(body).encode(), JSON)

    with serve(answer) as server:
        yield server.url


def created(ids: list[str]) -> list[dict[str, Any]]:
    return [{"create": {"_id": key, "status": 201}} for key in ids]


def test_events_missing_in_response_are_an_error_with_counts(run: Run, litellm: Path) -> None:
    with answering(lambda ids: {"errors": False, "items": created(ids)[3:]}) as url:
        result = run("normalize", litellm, "--to", url, "--rejects", "rejects.ndjson")
    assert result.exit_code == 2
    assert "Elasticsearch confirmed 5 of 8 events, 3 are missing" in result.stderr
    assert "5 written to Elasticsearch" in result.stderr
    kept = [json.loads(line) for line in Path("rejects.ndjson").read_text().splitlines()]
    assert [reject["line"] for reject in kept] == [1, 2, 3]


@pytest.mark.parametrize("answer", [{}, {"errors": True}, {"errors": True, "items": None}, {"items": "none"}])
def test_an_answer_without_items_is_exit_code_3_with_the_count(run: Run, litellm: Path, answer: Any) -> None:
    with answering(lambda ids: answer) as url:
        result = run("normalize", litellm, "--to", url)
    assert result.exit_code == 3
    assert "an answer is not what Elasticsearch documents" in result.stderr


def test_items_in_another_order_are_not_an_error(run: Run, litellm: Path) -> None:
    with answering(lambda ids: {"items": created(ids)[::-1]}) as url:
        result = run("normalize", litellm, "--to", url)
    assert (result.exit_code, result.stderr) == (0, "8 events (8 litellm); 8 written to Elasticsearch\n")


def test_items_of_unsent_events_are_reported(run: Run, litellm: Path) -> None:
    with answering(lambda ids: {"items": created([*ids, "other"])}) as url:
        result = run("normalize", litellm, "--to", url)
    assert result.exit_code == 0
    assert "Elasticsearch answered about 1 events that were not sent" in result.stderr


def test_an_api_key_that_the_server_echoes_is_not_shown_or_kept(
    run: Run, litellm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGMAGEN_ELASTICSEARCH_API_KEY", "czNjcjN0OnMzY3IzdA==")

    def refused(ids: list[str]) -> Any:
        error = {"reason": "you sent ApiKey czNjcjN0OnMzY3IzdA=="}
        return {"items": [{"create": {"_id": key, "status": 400, "error": error}} for key in ids]}

    with answering(refused) as url:
        result = run("normalize", litellm, "--to", url, "--rejects", "rejects.ndjson")
    assert result.exit_code == 2
    kept = Path("rejects.ndjson").read_text()
    assert "you sent ApiKey ***" in kept
    assert "czNjcjN0" not in kept + result.output
