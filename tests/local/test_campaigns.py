"""Samples and time lines of many campaigns at once, against counting them one by one."""

from __future__ import annotations

import random
from typing import Any

import duckdb
import pytest

from sigmagen.durations import iso
from sigmagen.engines.alert import Alert
from sigmagen.local.campaigns import CampaignEvents
from tests.rule_builders import HOUR, MINUTE, T0

Row = tuple[int, str, bool, int]


class Counting:
    """A connection that counts its statements."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self.statements = 0

    def execute(self, *arguments: Any) -> duckdb.DuckDBPyConnection:
        self.statements += 1
        return self._connection.execute(*arguments)


def stored(rows: list[Row]) -> Counting:
    connection = duckdb.connect()
    connection.execute('CREATE TABLE events (timestamp TIMESTAMP, "user.id" VARCHAR, cached BOOLEAN, id BIGINT)')
    for time, user, cached, number in rows:
        connection.execute(
            "INSERT INTO events VALUES (make_timestamp(? * 1000), ?, ?, ?)", [time, user, cached, number]
        )
    connection.execute("INSERT INTO events VALUES (NULL, 'user-1', true, -1), (NULL, NULL, NULL, -2)")
    return Counting(connection)


def random_rows(number: int) -> list[Row]:
    """Events of ten groups, many of them just where a campaign starts or ends; no two of one group at one time."""
    places = [(slot, user, cached) for slot in range(48 * 3) for user in range(5) for cached in (True, False)]
    chosen = random.Random(7).sample(places, number)
    return [
        (T0 + slot * 20 * MINUTE, f"user-{user}", cached, index) for index, (slot, user, cached) in enumerate(chosen)
    ]


def random_campaigns() -> list[Alert]:
    dice = random.Random(8)
    found = []
    for user in range(6):
        for cached in (True, False):
            start = T0
            for _ in range(4):
                start += dice.randrange(5) * HOUR
                end = start + (1 + dice.randrange(6)) * HOUR
                found.append(Alert(end, start, (("user.id", f"user-{user}"), ("cached", str(cached))), 1))
                start = end
    return found


def test_samples_panes_and_counts_equal_counting_one_by_one() -> None:
    rows, campaigns = random_rows(900), random_campaigns()
    events = CampaignEvents(stored(rows), campaigns, "SELECT * FROM events")  # type: ignore[arg-type]
    samples, panes, counts = (
        events.samples(),
        events.panes(HOUR),
        events.counts("SELECT * FROM events WHERE id % 2 = 0"),
    )
    assert any(len(sample) == 3 for sample in samples)
    assert any(not sample for sample in samples)
    for campaign, sample, line, count in zip(campaigns, samples, panes, counts, strict=True):
        group = tuple(value for _, value in campaign.group)
        mine = sorted(
            row
            for row in rows
            if (row[1], str(row[2])) == group and campaign.window_start <= row[0] < campaign.window_end
        )
        places = sorted({0, (len(mine) + 1) // 2 - 1, len(mine) - 1}) if mine else []
        assert [event["id"] for event in sample] == [mine[place][3] for place in places]
        assert [event["@timestamp"] for event in sample] == [iso(mine[place][0]) for place in places]
        assert sum(line) == len(mine)
        assert len(line) == (campaign.window_end - campaign.window_start) // HOUR
        for pane, number in enumerate(line):
            start = campaign.window_start + pane * HOUR
            assert number == sum(start <= row[0] < start + HOUR for row in mine)
        assert count == sum(row[3] % 2 == 0 for row in mine)


@pytest.mark.parametrize("number", [1, 48])
def test_many_campaigns_take_as_many_queries_as_one(number: int) -> None:
    connection = stored(random_rows(50))
    before = connection.statements
    events = CampaignEvents(connection, random_campaigns()[:number], "SELECT * FROM events")  # type: ignore[arg-type]
    events.samples()
    events.panes(HOUR)
    assert connection.statements - before == 5


def test_a_rule_without_groups_has_its_campaigns_too() -> None:
    rows = random_rows(50)
    campaign = Alert(T0 + 48 * HOUR, T0, (), 1)
    events = CampaignEvents(stored(rows), [campaign], "SELECT * FROM events")  # type: ignore[arg-type]
    assert sum(events.panes(HOUR)[0]) == 50
