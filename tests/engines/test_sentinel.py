"""The engine of a real Log Analytics workspace, against a stand-in; and that inline_events tables are the tables."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from azure.core.credentials import AccessToken

from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.convert.converter import Converter, Query
from sigmagen.engines.alert import Alert
from sigmagen.engines.errors import QueryRefusedError
from sigmagen.engines.inline import InlineRuns, StoredRow
from sigmagen.engines.kusto_language import KustoLanguage
from sigmagen.engines.kusto_local import KustoLocalEngine
from sigmagen.engines.sentinel import TIMEOUT, SentinelEngine, inline_events, literal
from sigmagen.net.azure import logs_client
from sigmagen.problems import EXIT_USAGE, SigmagenError
from sigmagen.proof.cases import rule_under_test
from sigmagen.proof.simulate.scenes import lay_out, records, span
from sigmagen.proof.verify import verify
from sigmagen.rules.load import load_rules
from sigmagen.rules.model import Correlation
from tests.servers import log_analytics
from tests.servers.log_analytics import WORKSPACE
from tests.servers.stand_in import Reply, StandIn, serve

CONVERTER = Converter.load(mappings_folder())
FILES = {
    file.path.stem: file
    for file in load_rules(None, rules_folder=rules_folder(), mappings_folder=mappings_folder()).files
}
TOKEN = "eyJ0eXAiOiJKV1QifQ.s3cr3t"
SAMPLE = 24


class Credential:
    """An identity that is signed in."""

    def get_token(self, *scopes: str, **extra: Any) -> AccessToken:
        return AccessToken(TOKEN, 4102444800)


Connect = Callable[[], SentinelEngine]


@pytest.fixture
def server() -> Iterator[StandIn]:
    with serve(log_analytics.answer) as stand_in:
        yield stand_in


@pytest.fixture
def connect(server: StandIn, monkeypatch: pytest.MonkeyPatch) -> Connect:
    """An engine that asks the stand-in, through Azure's own client."""
    monkeypatch.setenv("SIGMAGEN_SENTINEL_ENDPOINT", server.url)

    def connected() -> SentinelEngine:
        client = logs_client(TIMEOUT, Credential(), retry_backoff_factor=0)
        return SentinelEngine(WORKSPACE, CONVERTER.taxonomy, client)

    return connected


def eager(rule: Correlation) -> Correlation:
    """The rule with thresholds that a few events reach, so that a sample of its fixtures alerts."""
    parts = tuple(eager(part) if isinstance(part, Correlation) else part for part in rule.rules)
    return replace(rule, rules=parts, threshold=rule.threshold and replace(rule.threshold, value=1))


@pytest.mark.thorough
@pytest.mark.parametrize("name", FILES)
def test_inlined_tables_are_the_tables(name: str) -> None:
    """What a rule derives from each event, and the alerts, on a sample: the first events of its fixtures."""
    rule, test = rule_under_test(FILES[name])
    for source in CONVERTER.feeding(rule):
        try:
            hunt = CONVERTER.convert(eager(rule), source, "sentinel")
        except SigmagenError:
            continue
        scenes = lay_out(test, source.name, reach=hunt.reach)
        native = records(scenes, source.name)[:SAMPLE]
        for query in (hunt, CONVERTER.convert(rule, source, "sentinel", "events")):
            assert same_rows(query, native, *span(scenes)), f"{name} on {source.name}, {query.mode}: no row"


def same_rows(query: Query, native: Sequence[Mapping[str, Any]], start: int, end: int) -> int:
    """How many rows a query has, which are the same over tables and over inline_events ones."""
    with KustoLocalEngine(CONVERTER.taxonomy) as local:
        local.load(query.source, native)
        local.select(start, end)
        columns, rows = local.execute(query.text, query.source)
    engine = _Texts()
    engine.load(query.source, native)
    inlined_columns, inlined_rows = log_analytics.run(engine.text(query, start, end))
    assert inlined_columns == columns
    assert sorted(map(repr, inlined_rows)) == sorted(map(repr, rows))
    return len(rows)


class _Texts(SentinelEngine):
    """The engine without a workspace: the text that it would send."""

    def __init__(self) -> None:
        self.taxonomy = CONVERTER.taxonomy
        self._rows = {}
        self._runs = InlineRuns(self.name, 10_000_000, self._execute)
        self._sent: list[str] = []

    def _execute(self, query: Query, text: str, start: int, end: int) -> list[Alert]:
        self._sent.append(text)
        return []

    def text(self, query: Query, start: int, end: int) -> str:
        self.run(replace(query, ranged=True), start, end)
        return self._sent.pop()


def test_verification_through_the_api_equals_the_reference(server: StandIn, connect: Connect) -> None:
    """The APIM rules join two tables, so that both come along."""
    file = FILES["one_egress_many_organizations"]
    with connect() as engine:
        (hunt, alert) = verify(CONVERTER, [file], {"sentinel": engine}, ["apim"])
    assert [(cell.status, cell.engine, cell.fidelity) for cell in (hunt, alert)] == [("equal", "sentinel", "real")] * 2
    assert hunt.rows
    rule, _ = rule_under_test(file)
    texts = [CONVERTER.convert(rule, CONVERTER.source("apim"), "sentinel", mode).text for mode in ("hunt", "alert")]
    for request in server.requests[1:]:
        asked = json.loads(request.body)
        assert request.headers["Authorization"] == f"Bearer {TOKEN}"
        assert any(asked["query"].endswith(f"\n];\n{text}") for text in texts)
        assert asked["query"].startswith("let ApiManagementGatewayLogs = datatable(TimeGenerated:datetime, ")
        assert "\nlet ApiManagementGatewayLlmLog = datatable(TimeGenerated:datetime" in asked["query"]
        start, end = asked["timespan"].split("/")
        assert start < end
        assert request.headers["Prefer"] == "wait=600"


HOSTILE = ["", '"', "\\", '\\" ]; drop', "'", "a\nb\r\tc", "é😀", "let x = 1;", "@'", "{}", "```", "//", "| take 1"]
NASTY = ["\u2028", "\u2029", "\u0085", "\x00", "\x1b[31m"]


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_value_comes_back_as_it_was(value: str) -> None:
    row = StoredRow(0, "T", {"TimeGenerated": "2026-08-11T09:14:03.217Z", "text": value, "more": {value: [value, 1]}})
    schemas = {"T": {"TimeGenerated": "datetime", "text": "string", "more": "dynamic"}}
    columns, ((_, text, more),) = log_analytics.run(
        inline_events("T | project TimeGenerated, text, more", [row], schemas)
    )
    assert columns == ["TimeGenerated", "text", "more"]
    assert (text, json.loads(more)) == (value, {value: [value, 1]})


@pytest.mark.parametrize("value", NASTY)
def test_a_character_that_could_end_a_line_is_escaped(value: str) -> None:
    assert literal("string", value).isprintable()
    assert literal("dynamic", [value]).isprintable()


@pytest.mark.kusto_language
def test_microsoft_s_parser_reads_hostile_constants() -> None:
    schemas = {"T": {"TimeGenerated": "datetime", "text": "string", "more": "dynamic", "n": "long"}}
    time = {"TimeGenerated": "2026-08-11T09:14:03.217Z"}
    rows = [StoredRow(0, "T", {**time, "text": value, "more": {value: [value, 1]}}) for value in HOSTILE + NASTY]
    text = inline_events("T | project text, more, n", rows, schemas)
    with KustoLanguage() as language:
        assert language.check(text, {}) == []
        assert language.columns(text, {}) == {"text": "string", "more": "dynamic", "n": "long"}


@pytest.mark.parametrize(
    ("kind", "value", "written"),
    [
        ("string", None, '""'),
        ("string", {"a": 1}, '"{\\"a\\":1}"'),
        ("string", 5, '"5"'),
        ("int", "200", "int(200)"),
        ("long", None, "long(null)"),
        ("long", "many", "long(null)"),
        ("real", 0.5, "real(0.5)"),
        ("real", float("nan"), "real(null)"),
        ("bool", True, "bool(true)"),
        ("bool", "no", "bool(null)"),
        ("datetime", "2026-08-11T11:14:03.217+02:00", "datetime(2026-08-11T09:14:03.217000Z)"),
        ("datetime", "yesterday", "datetime(null)"),
        ("dynamic", None, "dynamic(null)"),
        ("dynamic", ["é"], 'dynamic(["é"])'),
    ],
)
def test_constants(kind: str, value: Any, written: str) -> None:
    assert literal(kind, value) == written


def test_a_table_without_rows_is_there_and_a_column_that_is_not_named_is_not_sent() -> None:
    schemas = {
        "T": {"TimeGenerated": "datetime", "a": "string", "prompt": "string"},
        "U": {"TimeGenerated": "datetime"},
    }
    row = StoredRow(0, "T", {"TimeGenerated": "2026-08-11T09:14:03Z", "a": "x", "prompt": "private"})
    text = inline_events("T | where a == 'x' | union U | count", [row], schemas)
    assert "private" not in text
    assert log_analytics.run(text)[1] == [(1,)]


def test_a_row_goes_into_its_own_table() -> None:
    columns = {"TimeGenerated": "datetime", "a": "string"}
    rows = [StoredRow(0, table, {"TimeGenerated": "2026-08-11T09:14:03Z", "a": table}) for table in ("T", "U", "U")]
    text = inline_events("union (T | where a == 'U'), (U | where a == 'U') | count", rows, {"T": columns, "U": columns})
    assert log_analytics.run(text)[1] == [(2,)]


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (
            Reply(401, log_analytics.error("InvalidTokenError", "The token is invalid")),
            "HTTP 401: The token is invalid",
        ),
        (Reply(403, log_analytics.error("InsufficientAccessError", "no access")), "HTTP 403: no access"),
        (Reply(404, log_analytics.error("WorkspaceNotFoundError", "could not be found")), "HTTP 404: could not be"),
        (Reply(200, b'{"tables": [', headers={"Content-Type": "application/json"}), "HTTP 200"),
        (Reply(200, b'{"tables": []}', headers={"Content-Type": "application/json"}), "no table"),
        (Reply(200, b'{"tables": []}', {"Content-Type": "application/json"}, announced=900), "Incomplete"),
    ],
)
def test_an_answer_that_is_none_is_told_without_the_token(
    server: StandIn, connect: Connect, reply: Reply, said: str
) -> None:
    server.first = [reply] * 20
    with pytest.raises(SigmagenError) as raised:
        connect()
    assert raised.value.exit_code == EXIT_USAGE
    assert said in str(raised.value)
    assert "s3cr3t" not in str(raised.value)
    assert raised.value.problems[0].hint


def test_a_query_that_is_refused_is_told_with_the_innermost_reason(server: StandIn, connect: Connect) -> None:
    with connect() as engine:
        server.first = [
            Reply(400, log_analytics.error("BadArgumentError", "invalid", "semantic error", "no column 'x'"))
        ]
        with pytest.raises(QueryRefusedError, match="sentinel refuses the query: no column 'x'"):
            engine._ask("T | where x", 0, 1)


def test_part_of_a_result_is_no_result(server: StandIn, connect: Connect) -> None:
    with connect() as engine:
        body = json.loads(log_analytics.reply({"n": "long"}, [[1]]).body)
        body |= json.loads(log_analytics.error("PartialError", "part", "the query took too long"))
        server.first = [Reply(200, json.dumps(body).encode(), {"Content-Type": "application/json"})]
        with pytest.raises(QueryRefusedError, match="only part of the result: the query took too long"):
            engine._ask("T", 0, 1)


def test_a_busy_service_is_asked_again(server: StandIn, connect: Connect) -> None:
    server.first = [Reply(429, headers={"Retry-After": "0"}), Reply(503, headers={"Retry-After": "0"})]
    connect().close()
    assert len(server.requests) == 3


def test_the_endpoint_of_another_cloud_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGMAGEN_SENTINEL_ENDPOINT", "https://api.loganalytics.us")
    with logs_client(TIMEOUT) as client:
        assert client._endpoint == "https://api.loganalytics.us"
