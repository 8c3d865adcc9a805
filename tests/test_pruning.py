"""Groups that can't alert are dropped before their panes are spread: which groups, and that no alert goes with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from sigmagen.durations import DAY, HOUR, MINUTE, SECOND, iso
from sigmagen.engines.alert import instant
from sigmagen.engines.duckdb import DuckDBEngine
from sigmagen.plan.build import build_plan
from sigmagen.plan.steps import PruneGroups
from sigmagen.rules.model import Comparison, Correlation, Operator, Threshold
from sigmagen.targets.duckdb.printer import DuckDBPrinter
from sigmagen.targets.elastic.packing import pack_rows
from tests.oracle import hunt
from tests.rule_builders import T0, correlation
from tests.targets.engines import CONVERTER, running

USERS = ("burst", "almost", "slow", "once", "hidden", "same")
SEED = "gen_ai.request.seed"
HASH = "gen_ai.prompt.hash"
SIEMS = ["duckdb", "splunk", "sentinel", pytest.param("elastic", marks=pytest.mark.elasticsearch)]
RANGE = (T0 - DAY, T0 + DAY)


def rule(kind: str, field: str | None = None, **threshold: float) -> Correlation:
    """A rule by user and hour."""
    names: dict[str, Operator] = {"gt": "gt", "gte": "gte", "lt": "lt", "lte": "lte", "eq": "eq"}
    first, *also = [Comparison(names[op], value) for op, value in threshold.items()]
    fields = (field,) if field else ()
    return correlation(kind, Threshold(first.op, first.value, fields, also=tuple(also)))


def event(number: int, user: str, minutes: int, **fields: Any) -> dict[str, Any]:
    given = {name.replace("_", "."): value for name, value in fields.items()}
    at = iso(T0 + minutes * MINUTE)
    return {"@timestamp": at, "event.id": f"e{number}", "user.id": user, "gen_ai.request.model": "m", **given}


def events() -> Iterator[dict[str, Any]]:
    """Users by what they do within an hour (`burst`), over the whole range (`slow`), and against themselves."""
    # KQL knows the range by its first and last record.
    yield from (event(number, "", minutes) for number, minutes in ((3_001, -24 * 60), (3_002, 24 * 60 - 1)))
    number = 0
    for user, gap, count in (("burst", 5, 12), ("almost", 5, 11), ("slow", 20, 40), ("once", 1, 1)):
        for turn in range(count):
            number += 1
            yield event(number, user, turn * gap) | {SEED: 50, HASH: f"{user} | {turn}"}
    for turn, seed in enumerate((600, -10_000, 400, 600, -1)):
        yield event(1_000 + turn, "hidden", turn * 90) | {SEED: seed, HASH: "same"}
    for turn in range(40):
        yield event(2_000 + turn, "same", turn) | {SEED: 0, HASH: "same"}


def pruned(subject: Correlation, siem: str = "duckdb") -> list[PruneGroups]:
    plan = build_plan(subject, CONVERTER.source("canonical"), siem, CONVERTER.taxonomy)
    return [step for step in plan.steps if isinstance(step, PruneGroups)]


RULES = {
    "count": rule("event_count", gte=12),
    "count above": rule("event_count", gt=11),
    "count in a range": rule("event_count", gte=11, lt=20),
    "distinct": rule("value_count", HASH, gte=12),
    "distinct above": rule("value_count", HASH, gt=10),
    "sum": rule("value_sum", SEED, gte=600),
    "sum in a range": rule("value_sum", SEED, gt=549, lte=599),
}


@pytest.mark.parametrize("siem", SIEMS)
def test_pruning_loses_no_alert(siem: str, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue("elasticsearch_url") if siem == "elastic" else ""
    recorded = list(events())
    for_the_oracle = [{**one, "@timestamp": instant(one["@timestamp"])} for one in recorded]
    with running(siem, url, recorded) as (engine, source):
        for name, subject in RULES.items():
            found = engine.run(CONVERTER.convert(subject, source, siem), *RANGE)
            wanted = hunt(subject, for_the_oracle, *RANGE)
            assert wanted, name
            assert sorted(map(seen, found)) == sorted(map(seen, wanted)), name


def seen(alert: Any) -> tuple[int, str, float]:
    return alert.window_end, dict(alert.group)["user.id"], alert.value


def test_only_groups_that_may_alert_are_spread() -> None:
    """The step itself, without the windows after it."""
    plan = build_plan(RULES["sum"], CONVERTER.source("canonical"), "duckdb", CONVERTER.taxonomy)
    upto = next(number for number, step in enumerate(plan.steps) if isinstance(step, PruneGroups)) + 1
    plan = replace(plan, steps=plan.steps[:upto])
    with running("duckdb", "", list(events())) as (engine, source):
        assert isinstance(engine, DuckDBEngine)
        engine.select(source, *RANGE)
        rows = engine.connection.execute(DuckDBPrinter(plan).text()).fetchall()
    assert {user for row in rows for user in row if user in USERS} == {"burst", "slow", "hidden"}


@pytest.mark.parametrize(
    "subject",
    [
        rule("event_count", gte=1),
        rule("event_count", lt=5),
        rule("event_count", eq=5),
        rule("value_avg", SEED, gte=5),
        replace(rule("event_count", gte=12), group_by=()),
    ],
    ids=["every group", "fewer than", "exactly", "an average", "no groups"],
)
def test_nothing_is_pruned_where_more_events_prove_nothing(subject: Correlation) -> None:
    plan = build_plan(subject, CONVERTER.source("canonical"), "duckdb", CONVERTER.taxonomy)
    assert "prune groups" not in plan.explain()


def test_a_number_always_has_room_beside_its_pane() -> None:
    """The last pane of the year 2099 with the largest number that is kept, for the shortest and the longest tick."""
    for timespan in (SECOND, MINUTE, HOUR, DAY, 30 * DAY):
        (step,) = pruned(replace(RULES["count"], timespan=timespan))
        packed = pack_rows(step, str)
        assert packed is not None, timespan
        room = int(packed[0].split(" * ")[1].split(" ")[0])
        panes = 4_102_444_800_000 // step.tick
        assert panes * room + room - 1 < 2**63
        assert room >= 100_000 * 12


def test_a_threshold_that_leaves_no_room_is_not_packed() -> None:
    (step,) = pruned(rule("value_sum", "gen_ai.usage.output_tokens", gte=10**12))
    assert pack_rows(step, str) is None


def test_what_can_not_be_packed_is_spread_as_it_is_in_esql() -> None:
    subject = rule("value_sum", "gen_ai.request.temperature", gte=600)
    assert pruned(subject, "elastic")
    assert "packed" not in CONVERTER.convert(subject, CONVERTER.source("canonical"), "elastic").text
