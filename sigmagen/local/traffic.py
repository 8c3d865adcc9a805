"""The events of a log with who caused them and their tokens, and which of them belong to which detection.

Prompt text is never read here.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sigmagen.content.investigate.build import canonical_group, resolve_aliases
from sigmagen.convert.converter import Converter
from sigmagen.engines.alert import Alert
from sigmagen.local.campaigns import CampaignEvents, quoted
from sigmagen.local.detect import Detector
from sigmagen.local.detection import Detection, Rule
from sigmagen.local.hunts import grouped_fields
from sigmagen.mapping.source import Source

PRINCIPALS = ("user.id", "gen_ai.api_key.id", "organization.id", "source.ip")
"""The fields that name a principal. An event's principal is the first of them that it has."""

FACETS = (*PRINCIPALS, "user_agent.original", "gen_ai.request.model")
"""The fields whose values are listed for an actor."""

INPUT, OUTPUT = "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"
FIELDS = ("event.id", *FACETS, INPUT, OUTPUT)
"""The fields of all events that a report reads."""

_TOKEN = secrets.token_hex(4)
# Rules name fields as they like, so every fixed name could clash.
_TRAFFIC, _MEMBERS, _OWN, _ACTORS, _WHO = (
    f"{name}_{_TOKEN}" for name in ("traffic", "members", "own", "actors", "principals")
)
_KIND, _NAME = f"kind_{_TOKEN}", f"name_{_TOKEN}"

Principal = tuple[str, str]
"""A field and its value."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Queries and tokens, and the times of the first and last query (epoch milliseconds).

    Tokens are None if no event has them.
    """

    queries: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    first: int | None = None
    last: int | None = None


@dataclass(frozen=True, slots=True)
class Values:
    """The most frequent values of a field with their numbers of events, and how many values there are."""

    most: tuple[tuple[str, int], ...] = ()
    total: int = 0


def known_name(converter: Converter, rule: Rule, source: Source, name: str) -> str:
    """Return the canonical name of a field that a rule groups by, which may be an alias or the source's own name."""
    return next(iter(canonical_group(source, resolve_aliases(converter, rule, source, {name: ""}))))


class Traffic:
    """All events of the sources that a detector has read for `fields`, and the events of its detections."""

    def __init__(self, detector: Detector, detections: Sequence[Detection]) -> None:
        """The detector must have been made with `shown=FIELDS`, and its rules must have run."""
        self._detector = detector
        self._connection = detector.engine.connection
        self._groups = sorted(
            {name for rule in detector.ran() for name in grouped_fields(rule) if name in detector.converter.taxonomy}
            - set(FIELDS)
        )
        self._load(part for source in detector.sources.values() for part in source.parts)
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE {_MEMBERS} (alert BIGINT, event BIGINT)")
        numbers: dict[tuple[int, str], list[int]] = {}
        for number, detection in enumerate(detections):
            numbers.setdefault((id(detection.rule), detection.source), []).append(number)
        for chosen in numbers.values():
            self._add_members(chosen, [detections[number] for number in chosen])

    def _load(self, sources: Iterable[Source]) -> None:
        names = [*FIELDS, *self._groups]
        columns = ", ".join(f"{quoted(name)} {_type(name)}" for name in names)
        self._connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {_TRAFFIC} (source VARCHAR, time TIMESTAMP, {columns}, "
            f"{_KIND} VARCHAR, {_NAME} VARCHAR)"
        )
        kind = "".join(f" WHEN {quoted(name)} IS NOT NULL THEN '{name}'" for name in PRINCIPALS)
        who = ", ".join(map(quoted, PRINCIPALS))
        for source in sources:
            events = self._detector.events(source)
            if events is None:
                continue
            self._detector.engine.select(source)
            present = {
                column[0] for column in self._connection.execute(f"SELECT * FROM ({events}) LIMIT 0").description
            }
            chosen = ", ".join(
                f"{f'TRY_CAST({quoted(name)} AS {_type(name)})' if name in present else 'NULL'} AS {quoted(name)}"
                for name in names
            )
            self._connection.execute(
                f"INSERT INTO {_TRAFFIC} SELECT *, CASE{kind} END, coalesce({who}) FROM "
                f"(SELECT ? AS source, timestamp, {chosen} FROM ({events}))",
                [source.name],
            )

    def _add_members(self, numbers: Sequence[int], detections: Sequence[Detection]) -> None:
        """Note which events are in detections of one rule over one source."""
        rule = detections[0].rule
        source = next(found for found in self._detector.feeding(rule) if found.name == detections[0].source)
        hunt = self._detector.hunt(rule, source)
        for part in source.parts:
            self._detector.engine.select(part)
        if detections[0].window_start is None or not detections[0].group:
            events = f"SELECT 0 AS alert, * FROM ({hunt.events})"
        else:
            alerts = [
                Alert(item.window_end or 0, item.window_start or 0, item.group, item.value) for item in detections
            ]
            events = CampaignEvents(self._connection, alerts, hunt.events).numbered("alert")
        described = self._connection.execute(f"SELECT * FROM ({events}) LIMIT 0").description or ()
        shown = {column[0] for column in described}
        converter = self._detector.converter
        names = {"event.id": "event.id"}
        names |= {name: known_name(converter, rule, source, name) for name, _ in detections[0].group}
        keys = [(name, known) for name, known in names.items() if name in shown and known in (*FIELDS, *self._groups)]
        if not keys:
            return
        same = " AND ".join(
            f"CAST(e.{quoted(name)} AS VARCHAR) IS NOT DISTINCT FROM t.{quoted(known)}" for name, known in keys
        )
        self._connection.execute(
            f"INSERT INTO {_MEMBERS} SELECT DISTINCT ($1::BIGINT[])[e.alert + 1], t.rowid FROM ({events}) AS e "
            f"JOIN {_TRAFFIC} AS t ON t.time = e.timestamp AND list_contains($2::VARCHAR[], t.source) AND {same}",
            [list(numbers), [part.name for part in source.parts]],
        )

    def principals(self) -> dict[int, dict[Principal, int]]:
        """Return the principals of each detection with their numbers of events, by the detection's position."""
        found: dict[int, dict[Principal, int]] = {}
        rows = self._connection.execute(
            f"SELECT alert, {_KIND}, {_NAME}, count(*) FROM {_MEMBERS} JOIN {_TRAFFIC} AS t ON event = t.rowid "
            f"WHERE {_NAME} IS NOT NULL GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        for alert, kind, name, count in rows:
            found.setdefault(alert, {})[kind, name] = count
        return found

    def assign(self, actors: Sequence[Sequence[int]], principals: Sequence[Iterable[Principal]]) -> None:
        """Say which detections (by position) and which principals belong to each actor."""
        pairs = [(actor, alert) for actor, alerts in enumerate(actors) for alert in alerts]
        self._connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {_ACTORS} AS SELECT DISTINCT actor, event FROM {_MEMBERS} JOIN "
            "(SELECT unnest($1::BIGINT[]) AS actor, unnest($2::BIGINT[]) AS alert) AS of USING (alert)",
            [[actor for actor, _ in pairs], [alert for _, alert in pairs]],
        )
        rows = [(actor, *who) for actor, several in enumerate(principals) for who in several]
        self._connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {_WHO} AS SELECT unnest($1::BIGINT[]) AS actor, "
            "unnest($2::VARCHAR[]) AS kind, unnest($3::VARCHAR[]) AS name",
            [[row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]],
        )
        self._connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {_OWN} AS SELECT w.actor, t.rowid AS event, a.event IS NOT NULL AS "
            f"matched FROM {_WHO} AS w JOIN {_TRAFFIC} AS t ON {_KIND} = w.kind AND {_NAME} = w.name "
            f"LEFT JOIN {_ACTORS} AS a ON a.actor = w.actor AND a.event = t.rowid"
        )

    def usage(self, *, matched: bool) -> dict[int, Usage]:
        """Return what each actor used: in the events of its detections only, or in all events of its principals."""
        where = " WHERE matched" if matched else ""
        return {row[0]: Usage(*row[1:]) for row in self._usage("actor", where)}

    def usage_of_principals(self) -> dict[tuple[int, Principal], tuple[Usage, int]]:
        """Return what each principal of each actor used, and how many of its events are in detections."""
        rows = self._usage(f"actor, {_KIND}, {_NAME}", "", ", count(*) FILTER (WHERE matched)")
        return {(row[0], (row[1], row[2])): (Usage(*row[3:8]), row[8]) for row in rows}

    def _usage(self, by: str, where: str, more: str = "") -> list[tuple[Any, ...]]:
        return self._connection.execute(
            f'SELECT {by}, count(*), CAST(sum("{INPUT}") AS BIGINT), CAST(sum("{OUTPUT}") AS BIGINT), '
            f"epoch_ms(min(time)), epoch_ms(max(time)){more} FROM {_OWN} JOIN {_TRAFFIC} AS t ON event = t.rowid"
            f"{where} GROUP BY {by} ORDER BY {by}"
        ).fetchall()

    def values(self, field: str, most: int) -> dict[int, Values]:
        """Return the values of a field in the events of each actor's detections, the most frequent first."""
        rows = self._connection.execute(
            f"SELECT actor, value, events, count(*) OVER (PARTITION BY actor) AS total FROM (SELECT actor, "
            f"{quoted(field)} AS value, count(*) AS events FROM {_OWN} JOIN {_TRAFFIC} AS t ON event = t.rowid "
            "WHERE matched AND value IS NOT NULL GROUP BY ALL) QUALIFY row_number() OVER "
            "(PARTITION BY actor ORDER BY events DESC, value) <= ? ORDER BY actor, events DESC, value",
            [most],
        ).fetchall()
        found: dict[int, Values] = {}
        for actor, value, events, total in rows:
            found[actor] = Values((*found.get(actor, Values()).most, (value, events)), total)
        return found

    def line(self, actor: int | None, start: int, end: int, bucket: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return numbers of events in each bucket from start to end (milliseconds): all, and those in detections.

        Without an actor, of all traffic.
        """
        events, matched = (
            (f"{_OWN} JOIN {_TRAFFIC} AS t ON event = t.rowid AND actor = {int(actor)}", "matched")
            if actor is not None
            else (f"{_TRAFFIC} AS t", f"t.rowid IN (SELECT event FROM {_OWN} WHERE matched)")
        )
        rows = self._connection.execute(
            f"SELECT (epoch_ms(time) - {int(start)}) // {int(bucket)}, count(*), count(*) FILTER (WHERE {matched}) "
            f"FROM {events} WHERE epoch_ms(time) >= {int(start)} AND epoch_ms(time) < {int(end)} GROUP BY 1"
        ).fetchall()
        counts = {number: (every, inside) for number, every, inside in rows}
        found = [counts.get(number, (0, 0)) for number in range(-(-(end - start) // bucket))]
        return tuple(every for every, _ in found), tuple(inside for _, inside in found)


def _type(name: str) -> str:
    return "DOUBLE" if name in (INPUT, OUTPUT) else "VARCHAR"
