"""`sigmagen hunt`: rules over a table in a lake, on engines that are installed here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sigmagen.bundled import mappings_folder
from sigmagen.convert.converter import Converter, Query
from sigmagen.durations import HOUR, iso
from sigmagen.engines import opening
from sigmagen.engines.alert import Alert
from sigmagen.engines.errors import QueryRefusedError
from sigmagen.engines.lake_table import write_parquet
from sigmagen.local.lake import hunt, locate
from sigmagen.problems import EXIT_USAGE, Problem, SigmagenError
from sigmagen.rules.model import Threshold
from tests.cli.conftest import Run
from tests.rule_builders import T0, correlation

CONVERTER = Converter.load(mappings_folder())
MANY = correlation("event_count", Threshold("gte", 3), group_by=("user.id",), name="many")
PACKAGES = {"spark": "pyspark", "clickhouse": "chdb"}


def events(users: dict[str, int]) -> list[dict[str, object]]:
    """So many calls of each user, a minute apart."""
    return [
        {
            "@timestamp": iso(T0 + number * 60_000),
            "event.id": f"{user}-{number}",
            "event.outcome": "success",
            "user.id": user,
            "gen_ai.request.model": "gpt-4o",
        }
        for user, count in users.items()
        for number in range(count)
    ]


class Client:
    """A lake that gives the alerts it was made with, or raises."""

    def __init__(self, *alerts: Alert, error: SigmagenError | None = None) -> None:
        self.alerts = list(alerts)
        self.error = error
        self.queries: list[Query] = []

    def run(self, query: Query, start: int, end: int) -> list[Alert]:
        self.queries.append(query)
        if self.error:
            raise self.error
        return self.alerts

    def close(self) -> None:
        pass


def test_overlapping_alerts_of_a_group_are_one_detection() -> None:
    group = (("user.id", "mallory"),)
    client = Client(*(Alert(T0 + HOUR + tick, T0 + tick, group, 5 + tick) for tick in (0, 1, 2)))
    source = locate(CONVERTER, "spark", "main.security.events")
    (found,), not_run = hunt(client, CONVERTER, [MANY], source, "spark", (T0, T0 + HOUR))
    assert (found.window_start, found.window_end, found.value, found.events) == (T0, T0 + HOUR + 2, 7, ())
    assert not not_run
    assert "FROM main.security.events" in client.queries[0].text


@pytest.mark.parametrize("table", ["a b", "x; DROP TABLE y", "a.b.c.d", "", "`a`", "1a", "a--"])
def test_table_that_would_change_the_query_is_refused(table: str) -> None:
    with pytest.raises(SigmagenError) as error:
        locate(CONVERTER, "spark", table)
    assert error.value.exit_code == EXIT_USAGE


def test_refused_query_is_not_run_and_unreachable_lake_ends_the_hunt() -> None:
    source = locate(CONVERTER, "trino", "events")
    client = Client(error=QueryRefusedError("trino", "no such column"))
    found, (item,) = hunt(client, CONVERTER, [MANY], source, "trino", (T0, T0 + HOUR))
    assert not found
    assert "no such column" in item.reason
    gone = Client(error=SigmagenError(Problem("no-server", "Trino does not answer"), EXIT_USAGE))
    with pytest.raises(SigmagenError):
        hunt(gone, CONVERTER, [MANY], source, "trino", (T0, T0 + HOUR))


@pytest.mark.parametrize("engine", PACKAGES)
def test_hunt_finds_what_detect_finds(run: Run, tmp_path: Path, engine: str) -> None:
    if not opening.is_installed(PACKAGES[engine]):
        pytest.skip(f"needs {PACKAGES[engine]}")
    calls = events({"mallory": 550, "alice": 20})
    closer = [{**call, "@timestamp": iso(T0 + 5_000 * number)} for number, call in enumerate(calls)]
    write_parquet(closer, CONVERTER.taxonomy, tmp_path / "events")
    log = tmp_path / "events.ndjson"
    log.write_text("".join(json.dumps(call) + "\n" for call in closer))
    result = run(
        "hunt", engine, "--data", tmp_path / "events", "--from", iso(T0), "--to", iso(T0 + 24 * HOUR), "--json"
    )
    found = json.loads(result.stdout)
    expected = [{**alert, "events": []} for alert in json.loads(run("detect", log, "--json").stdout)]
    keys = ("rule", "group", "value", "window_start", "window_end")
    assert [[alert[key] for key in keys] for alert in found] == [[alert[key] for key in keys] for alert in expected]
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("trino", "--data", "."), "trino reads tables only"),
        (("spark", "--data", ".", "--table", "t"), "--data and --table exclude each other"),
        (("spark", "--from", "yesterday"), "write a time such as"),
        (("spark", "--from", "1d", "--to", "2d"), "must be after the start"),
        (("databricks", "--table", "t"), "SIGMAGEN_DATABRICKS_HOST"),
        (("spark", "--table", "a b"), "is not the name of a table"),
    ],
)
def test_wrong_options_are_usage_errors(
    run: Run, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.delenv("SIGMAGEN_DATABRICKS_HOST", raising=False)
    result = run("hunt", *arguments)
    assert result.exit_code == EXIT_USAGE
    assert message in " ".join(result.stderr.split())


def test_rule_on_single_events_is_not_run() -> None:
    (base,) = MANY.rules
    source = locate(CONVERTER, "spark", "events")
    _, (item,) = hunt(Client(), CONVERTER, [base], source, "spark", (T0, T0 + HOUR))
    assert "single events" in item.reason
