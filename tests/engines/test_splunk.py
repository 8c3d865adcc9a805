"""The engine of a real Splunk, against a stand-in: what is sent, how answers are read, and what is never shown."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import pytest

from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.convert.converter import Converter
from sigmagen.engines.errors import NotRunError, QueryRefusedError
from sigmagen.engines.splunk import SplunkEngine, inline_events
from sigmagen.engines.splunk_rest import SplunkClient
from sigmagen.problems import EXIT_USAGE, SigmagenError
from sigmagen.proof.verify import Cell, verify
from sigmagen.rules.load import load_rules
from sigmagen.rules.model import RuleFile
from tests.servers import splunk
from tests.servers.stand_in import Reply, StandIn, serve

CONVERTER = Converter.load(mappings_folder())
FILES = {
    file.path.stem: file
    for file in load_rules(None, rules_folder=rules_folder(), mappings_folder=mappings_folder()).files
}
TOKEN = "eyJhbGciOiJIUzUxMiJ9.s3cr3t"


@pytest.fixture
def server() -> Iterator[StandIn]:
    with serve(splunk.answer) as stand_in:
        yield stand_in


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that were waited for, without waiting."""
    found: list[float] = []
    monkeypatch.setattr("sigmagen.net.retry.time.sleep", found.append)
    return found


@pytest.fixture
def client(server: StandIn) -> Iterator[SplunkClient]:
    client = SplunkClient(server.url, TOKEN)
    yield client
    client.close()


def cells(file: RuleFile, url: str, sources: Sequence[str] | None = None) -> list[Cell]:
    with SplunkEngine(SplunkClient(url, TOKEN)) as engine:
        return list(verify(CONVERTER, [file], {"splunk": engine}, sources))


@pytest.mark.parametrize(
    ("rule", "sources"),
    [
        ("one_egress_many_organizations", None),
        ("bedrock_probe_logging_check_invoke", None),
        ("logprobs_with_logit_bias", ["litellm"]),
    ],
)
def test_events_inside_the_search_give_the_reference_s_alerts(
    server: StandIn, rule: str, sources: list[str] | None
) -> None:
    found = cells(FILES[rule], server.url, sources)
    assert {(cell.status, cell.engine, cell.fidelity) for cell in found} == {("equal", "splunk", "real")}
    assert all(cell.rows for cell in found)


def test_the_converted_text_ends_the_search_byte_for_byte_and_the_range_comes_from_outside(server: StandIn) -> None:
    cells(FILES["one_egress_many_organizations"], server.url, ["litellm"])
    rule = next(rule for rule in FILES["one_egress_many_organizations"].subjects if rule.name)
    texts = [CONVERTER.convert(rule, CONVERTER.source("litellm"), "splunk", mode).text for mode in ("hunt", "alert")]
    probe, *requests = server.requests
    assert probe.form["search"] == "| makeresults"
    for request in requests:
        form = request.form
        assert request.headers["Authorization"] == f"Bearer {TOKEN}"
        assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
        assert (form["output_mode"], form["preview"]) == ("json", "false")
        assert any(form["search"].endswith(f"\n| search {text}") for text in texts)
        assert float(form["earliest_time"]) < float(form["latest_time"])


def test_alert_runs_over_the_same_events_are_sent_once(server: StandIn) -> None:
    cells(FILES["one_egress_many_organizations"], server.url, ["canonical"])
    searches = [request.form["search"] for request in server.requests]
    assert len(searches) == len(set(searches))


HOSTILE = [
    '"',
    "\\",
    '\\"] | delete',
    "`macro`",
    "```",
    "$env:user$",
    "[search index=*]",
    "é\u2028😀\x00",
    "a\nb",
    "%20+&=",
]


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_value_comes_back_as_it_was_and_changes_nothing(client: SplunkClient, value: str) -> None:
    record = json.dumps({"user": value})
    event = {"_time": 1.5, "_raw": record, "user.id": value, "sourcetype": "x"}
    text = 'sourcetype="x"\n| where _raw != ""\n| table _time, user.id, _raw'
    (row,) = client.export(inline_events(text, [event]), "0", "9")
    assert row == {"_time": "1.5", "user.id": value, "_raw": record}
    assert "`" not in inline_events(text, [event])


def test_a_field_that_the_search_does_not_name_is_not_sent() -> None:
    text = inline_events(
        'sourcetype="x" | stats count', [{"_time": 1, "_raw": "{}", "prompt": "private", "sourcetype": "x"}]
    )
    assert "private" not in text
    assert "_raw" not in text


def test_a_field_with_several_values_is_not_run_with_the_reason() -> None:
    with pytest.raises(NotRunError, match="the search reads roles\\{\\}, which has several values in one event"):
        inline_events('search "roles{}"=user', [{"_time": 1, "roles{}": ["user", "assistant"]}])


def test_a_search_that_would_be_too_long_is_not_run_with_the_reason(
    server: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sigmagen.engines.splunk.LONGEST_SEARCH", 1000)
    found = cells(FILES["one_egress_many_organizations"], server.url, ["canonical"])
    assert {(cell.status, cell.engine, cell.fidelity) for cell in found} == {("not_run", "none", None)}
    assert all("characters; the limit for splunk is 1,000" in str(cell.reason) for cell in found)


def test_a_search_that_splunk_refuses_is_different_with_its_words(server: StandIn, client: SplunkClient) -> None:
    with pytest.raises(QueryRefusedError, match="SearchParser"):
        client.export("| statz count", "0", "1")
    ok = Reply(200, splunk.exported([]))
    server.first = [ok, *[Reply(200, splunk.messages("FATAL", "out of disk"))] * 500]
    found = cells(FILES["one_egress_many_organizations"], server.url, ["canonical"])
    assert {cell.status for cell in found} == {"different"}
    assert {cell.reason for cell in found} == {"splunk refuses the query: out of disk"}


def test_times_are_read_as_numbers_and_as_fieldformat_shows_them(server: StandIn) -> None:
    rule = FILES["one_egress_many_organizations"].subjects[-1]
    query = CONVERTER.convert(rule, CONVERTER.source("canonical"), "splunk")
    group = dict.fromkeys(query.columns, "x")
    with SplunkEngine(SplunkClient(server.url, TOKEN)) as engine:
        found = []
        for start, end in (("1786440000", "1786443600.5"), ("2026-08-11T09:20:00+0000", "2026-08-11T12:20:00+0200")):
            row = {**group, "window_start": start, "window_end": end, "value": "12"}
            server.first = [Reply(200, splunk.exported([row]))]
            found += engine._execute(query, "", 0, 1)
    assert [(alert.window_start, alert.window_end, alert.value) for alert in found] == [
        (1786440000000, 1786443600500, 12),
        (1786440000000, 1786443600000, 12),
    ]


def test_a_preview_is_no_result_and_no_row_is_no_error(server: StandIn, client: SplunkClient) -> None:
    preview = {"preview": True, "offset": 0, "lastrow": True, "result": {"value": "1"}}
    body = json.dumps(preview).encode() + b"\n" + splunk.exported([{"value": "2"}])
    server.first = [Reply(200, body), Reply(200, splunk.exported([]))]
    assert client.export("x", "0", "1") == [{"value": "2"}]
    assert client.export("x", "0", "1") == []


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(401, splunk.messages("WARN", f"call not properly authenticated {TOKEN}")), "HTTP 401, call not"),
        (Reply(403, splunk.messages("ERROR", "insufficient permission")), "HTTP 403, insufficient permission"),
        (Reply(404), "management port"),
        (Reply(500, b"<html>oops</html>"), "HTTP 500"),
        (Reply(302, headers={"Location": "http://192.0.2.1/"}), "HTTP 302"),
        (Reply(200, b"<html>a proxy's page</html>"), "not the JSON"),
        (Reply(200, b"[1]\n"), "not the JSON"),
        (Reply(200, b'{"preview":false,"offset":0,"result":{"value":"1"}}\n'), "ends before its last row"),
        (Reply(200, b""), "ends before its last row"),
        (Reply(200, b'{"preview":false,"lastrow":true}', announced=500), "IncompleteRead"),
        (Reply(hangs_up=True), "ProtocolError"),
    ],
)
def test_an_answer_that_is_none_is_told_without_the_token(
    server: StandIn, client: SplunkClient, reply: Reply, said: str
) -> None:
    server.first = [reply]
    with pytest.raises(SigmagenError) as raised:
        client.export("| makeresults", "0", "1")
    assert raised.value.exit_code == EXIT_USAGE
    assert raised.value.problems[0].code == "no-server"
    assert said in str(raised.value)
    assert "s3cr3t" not in str(raised.value)
    assert raised.value.problems[0].hint


def test_a_busy_server_is_asked_again_when_it_says(server: StandIn, client: SplunkClient, waits: list[float]) -> None:
    server.first = [Reply(429, headers={"Retry-After": "7"}), Reply(503), Reply(503, headers={"Retry-After": "900"})]
    assert client.export("| makeresults count=2", "0", "1")
    assert waits == [7, 4, 60]


def test_a_server_that_stays_busy_is_given_up(server: StandIn, client: SplunkClient, waits: list[float]) -> None:
    server.first = [Reply(429)] * 9
    with pytest.raises(SigmagenError, match="HTTP 429"):
        client.export("| makeresults", "0", "1")
    assert len(server.requests) == 5
    assert waits == [2, 4, 8, 16]


def test_a_server_that_does_not_answer_in_time_is_given_up(server: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sigmagen.engines.splunk_rest.TIMEOUT", 0.05)
    client = SplunkClient(server.url, TOKEN)
    server.first = [Reply(200, delay=1.0)]
    with pytest.raises(SigmagenError, match="ReadTimeoutError"):
        client.export("| makeresults", "0", "1")
    client.close()


@pytest.mark.parametrize("url", ["ftp://u:s3cr3t@splunk.example.com", "splunk.example.com", "https://u:s3cr3t@[::1"])
def test_a_url_that_is_none_is_told_without_its_password(url: str) -> None:
    with pytest.raises(SigmagenError, match="the address of Splunk") as raised:
        SplunkClient(url, TOKEN)
    assert "s3cr3t" not in str(raised.value)


@pytest.mark.parametrize("token", ["two\nlines-s3cr3t", "s3cr3t\u00e9", "s3cr3t s3cr3t"])
def test_a_token_that_can_t_be_one_is_told_without_it(token: str) -> None:
    with pytest.raises(SigmagenError, match="SIGMAGEN_SPLUNK_TOKEN") as raised:
        SplunkClient("https://splunk.example.com:8089", token)
    assert "s3cr3t" not in str(raised.value)
