"""The events of all campaigns of a rule: samples and time lines, each in one query however many campaigns there are."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import duckdb

from sigmagen.durations import iso
from sigmagen.engines.alert import Alert, instant

_CAMPAIGNS, _EVENTS = "campaigns", "campaign_events"
# A rule names the columns of its events, so no name that could be known beforehand is free for certain.
_NUMBER, _FIRST = (f"{name}_{secrets.token_hex(4)}" for name in ("number", "first"))
Sample = tuple[dict[str, Any], ...]


def merged(alerts: Iterable[Alert], *, least: bool = False) -> list[Alert]:
    """One alert a campaign: those of a group whose windows overlap, from first start to last end, highest value.

    Windows that overlap share events, so with a pane between them that has no alert they are still one campaign: two
    alerts would show an analyst the same events twice.

    `least` takes the lowest value instead, which is the worst where a rule alerts below its threshold.
    """
    worst = min if least else max
    campaigns: list[Alert] = []
    for alert in sorted(alerts, key=lambda item: (item.group, item.window_end)):
        last = campaigns[-1] if campaigns else None
        if last is not None and last.group == alert.group and alert.window_start < last.window_end:
            value = worst(last.value, alert.value)
            campaigns[-1] = Alert(alert.window_end, last.window_start, last.group, value)
        else:
            campaigns.append(alert)
    return campaigns


class CampaignEvents:
    """The events that lie in campaigns, of all of them at once. Campaigns of one group do not overlap."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, campaigns: Sequence[Alert], events: str) -> None:
        """`events` is SQL of the events that the rule looks at."""
        self._connection = connection
        self._campaigns = campaigns
        self._names = [name for name, _ in campaigns[0].group]
        numbers = range(len(self._names))
        columns = "".join(f", unnest(${3 + number}::VARCHAR[]) AS group_{number}" for number in numbers)
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {_CAMPAIGNS} AS SELECT number, make_timestamp(first * 1000) AS first, "
            f"make_timestamp(past * 1000) AS past{''.join(f', group_{number}' for number in numbers)} FROM "
            "(SELECT generate_subscripts($1::BIGINT[], 1) - 1 AS number, unnest($1::BIGINT[]) AS first, "
            f"unnest($2::BIGINT[]) AS past{columns})",
            [
                [campaign.window_start for campaign in campaigns],
                [campaign.window_end for campaign in campaigns],
                *([campaign.group[number][1] for campaign in campaigns] for number in numbers),
            ],
        )
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {_EVENTS} AS {self._joined(events)}")

    def _joined(self, events: str) -> str:
        """SQL of the events in campaigns, with the campaign's number."""
        described = self._connection.execute(f"SELECT * FROM ({events}) LIMIT 0").description or ()
        kinds = {column[0]: str(column[1]) for column in described}
        pairs = []
        for number, name in enumerate(self._names):
            # A boolean of an alert's group is Python's text of it.
            wanted = f"lower(c.group_{number})" if kinds[name] == "BOOLEAN" else f"c.group_{number}"
            pairs.append((f"CAST(e.{quoted(name)} AS VARCHAR)", wanted))
        same = "".join(f"{mine} = {wanted} AND " for mine, wanted in pairs)
        # Most events are of groups without a campaign, and are not worth sorting.
        mine, wanted = (", ".join(side) for side in zip(*pairs, strict=True)) if pairs else ("1", "1")
        return (
            f"SELECT c.number AS {_NUMBER}, c.first AS {_FIRST}, e.* FROM "
            f"(SELECT * FROM ({events}) AS e WHERE ({mine}) IN (SELECT ({wanted}) FROM {_CAMPAIGNS} AS c)) AS e "
            f"ASOF JOIN {_CAMPAIGNS} AS c ON {same}e.timestamp >= c.first WHERE e.timestamp < c.past"
        )

    def numbered(self, name: str) -> str:
        """SQL of the events of all campaigns, with the campaign's position in a column of this name."""
        return f"SELECT {_NUMBER} AS {quoted(name)}, * EXCLUDE ({_NUMBER}, {_FIRST}) FROM {_EVENTS}"

    def samples(self) -> list[Sample]:
        """The first, middle and last event of each campaign."""
        ordered = f"OVER (PARTITION BY {_NUMBER} ORDER BY timestamp)"
        whole = f"OVER (PARTITION BY {_NUMBER})"
        rows = self._connection.execute(
            f"SELECT * EXCLUDE ({_FIRST}) FROM {_EVENTS} QUALIFY row_number() {ordered} "
            f"IN (1, (count(*) {whole} + 1) // 2, count(*) {whole}) ORDER BY {_NUMBER}, timestamp"
        )
        names = [column[0] for column in rows.description or ()]
        found: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
        for number, *values in rows.fetchall():
            found[number].append(shown(names[1:], values))
        return [tuple(found[number]) for number, _ in enumerate(self._campaigns)]

    def panes(self, tick: int) -> list[tuple[int, ...]]:
        """How many events each campaign has in each tick (milliseconds) from its start to its end."""
        rows = self._connection.execute(
            f"SELECT {_NUMBER}, (epoch_ms(timestamp) - epoch_ms({_FIRST})) // {tick}, count(*) "
            f"FROM {_EVENTS} GROUP BY ALL"
        ).fetchall()
        counts = {(number, pane): count for number, pane, count in rows}
        return [
            tuple(
                counts.get((number, pane), 0)
                for pane in range(-(-(campaign.window_end - campaign.window_start) // tick))
            )
            for number, campaign in enumerate(self._campaigns)
        ]

    def counts(self, events: str) -> list[int]:
        """How many of other events (SQL, with the columns of the group) lie in each campaign."""
        rows = self._connection.execute(
            f"SELECT {_NUMBER}, count(*) FROM ({self._joined(events)}) GROUP BY ALL"
        ).fetchall()
        found = dict(rows)
        return [found.get(number, 0) for number, _ in enumerate(self._campaigns)]


class AllEvents:
    """The events of a rule without a window: how many, from when to when (epoch milliseconds)."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, events: str) -> None:
        """`events` is SQL of the events."""
        self._connection = connection
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {_EVENTS} AS {events}")
        row = connection.execute(
            f"SELECT count(*), epoch_ms(min(timestamp)), epoch_ms(max(timestamp)) + 1 FROM {_EVENTS}"
        ).fetchone()
        self.count, self.start, self.end = row or (0, None, None)

    @property
    def length(self) -> int:
        """Milliseconds from start to end; 0 where no event has a time."""
        return 0 if self.start is None else self.end - self.start

    def sample(self) -> Sample:
        """The first, middle and last event; those without a time only where none has one."""
        timed = "" if self.start is None else "WHERE timestamp IS NOT NULL"
        rows = self._connection.execute(
            f"SELECT * FROM {_EVENTS} {timed} QUALIFY row_number() OVER (ORDER BY timestamp) "
            "IN (1, (count(*) OVER () + 1) // 2, count(*) OVER ()) ORDER BY timestamp"
        )
        names = [column[0] for column in rows.description or ()]
        return tuple(shown(names, values) for values in rows.fetchall())

    def panes(self, tick: int) -> tuple[int, ...]:
        """How many events there are in each tick (milliseconds)."""
        if self.start is None:
            return ()
        rows = self._connection.execute(
            f"SELECT (epoch_ms(timestamp) - {self.start}) // {tick}, count(*) FROM {_EVENTS} "
            "WHERE timestamp IS NOT NULL GROUP BY ALL"
        )
        counts = dict(rows.fetchall())
        return tuple(counts.get(number, 0) for number in range(-(-self.length // tick)))


def shown(names: Sequence[str], values: Sequence[Any]) -> dict[str, Any]:
    """An event as it is reported: its time first, and no field without a value."""
    first, *others = zip(names, values, strict=True)
    event = {} if first[1] is None else {"@timestamp": iso(instant(first[1]))}
    return event | {name: value for name, value in others if value is not None}


def quoted(name: str) -> str:
    """A name as SQL."""
    return '"' + name.replace('"', '""') + '"'
