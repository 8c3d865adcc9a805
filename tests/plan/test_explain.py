"""Plans as text: what a rule looks for, and the steps that it is lowered to.

The texts are in `explained/`. SIGMAGEN_UPDATE_GOLDEN=1 writes them anew.
"""

from __future__ import annotations

import os
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import get_args

import pytest

from sigmagen.durations import DAY, HOUR
from sigmagen.expr.tree import Column, call, disjunction
from sigmagen.mapping.source import Source, combine_sources
from sigmagen.plan.build import build_plan
from sigmagen.plan.correlate import LOWERINGS
from sigmagen.plan.model import Mode, Plan
from sigmagen.plan.steps import (
    Aggregate,
    CountRows,
    Derive,
    Expand,
    ExpandValues,
    Filter,
    InsideRange,
    Join,
    Limit,
    Project,
    PruneGroups,
    Scan,
    Sort,
    Step,
    Union,
    Unique,
)
from sigmagen.rules.correlation_types import CORRELATION_TYPES
from sigmagen.rules.model import BaseRule, Combined, Comparison, Correlation, LogSource, Occurs, Threshold
from tests.rule_builders import base, correlation
from tests.targets.engines import CONVERTER

EXPLAINED = Path(__file__).parent / "explained"
TOKENS = "gen_ai.usage.output_tokens"
HASH = "gen_ai.prompt.hash"
TRAIL = LogSource(product="aws", service="cloudtrail")

USER = Column("user.id")
AT_LEAST = call("gte", Column("tokens", "integer"), 5)

CHAT = base("gen_ai.request.model: chat", "chat")
EMBEDDING = base("gen_ai.request.model: embedding", "embedding")
FAILED = base("event.outcome: failure", "failed")
DENIED = base("errorCode: AccessDeniedException", "denied", TRAIL)

MANY = correlation("event_count", Threshold("gte", 12), CHAT, name="many")
VARIED = correlation("value_count", Threshold("gte", 10, (HASH,)), EMBEDDING, name="varied")
CHAT_WITHOUT_FAILURE = Combined("and", (Occurs(0), Combined("not", (Occurs(1),))))

RULES: dict[str, Correlation] = {
    "event_count": MANY,
    "event_count_below": correlation("event_count", Threshold("lt", 3), CHAT),
    "event_count_of_two_rules": correlation("event_count", Threshold("gte", 12), CHAT, EMBEDDING),
    "event_count_with_fields": replace(MANY, fields=("source.ip", "gen_ai.request.model")),
    "event_count_without_groups": replace(MANY, group_by=()),
    "value_count": VARIED,
    "value_sum": correlation("value_sum", Threshold("gt", 5_000, (TOKENS,), also=(Comparison("lt", 9_000),)), CHAT),
    "value_avg": correlation("value_avg", Threshold("gte", 800.5, (TOKENS,)), CHAT),
    "value_percentile": correlation("value_percentile", Threshold("gte", 900, (TOKENS,), percentile=90), CHAT),
    "value_median": correlation("value_median", Threshold("neq", 800, (TOKENS,), percentile=50), CHAT),
    "temporal": correlation("temporal", None, CHAT, EMBEDDING),
    "temporal_with_not": correlation("temporal", None, CHAT, FAILED, expression=CHAT_WITHOUT_FAILURE),
    "temporal_in_one_pass": correlation("temporal", None, MANY, VARIED),
    "temporal_in_two_passes": correlation("temporal", None, MANY, replace(VARIED, timespan=2 * HOUR)),
    "temporal_ordered": correlation("temporal_ordered", None, CHAT, EMBEDDING, FAILED),
    "temporal_ordered_with_not": correlation("temporal_ordered", None, CHAT, FAILED, expression=CHAT_WITHOUT_FAILURE),
    "alerts_counted": correlation("event_count", Threshold("gte", 3), MANY, timespan=DAY),
    "two_sources": correlation(
        "temporal_ordered",
        None,
        DENIED,
        CHAT,
        group_by=("account",),
        aliases=({"account": "recipientAccountId"}, {"account": "cloud.account.id"}),
    ),
}


def source_of(rule: Correlation) -> Source:
    bedrock, trail = CONVERTER.source("bedrock_invocation"), CONVERTER.source("cloudtrail")
    if DENIED in rule.rules:
        return combine_sources([(TRAIL, trail), (CHAT.logsource, bedrock)])
    return CONVERTER.source("canonical")


def explained(rule: BaseRule | Correlation, mode: Mode = "hunt") -> str:
    source = source_of(rule) if isinstance(rule, Correlation) else CONVERTER.source("canonical")
    return build_plan(rule, source, "duckdb", CONVERTER.taxonomy, mode).explain()


def texts() -> dict[str, str]:
    found = {name: explained(rule) for name, rule in RULES.items()}
    found["mode_alert"] = explained(MANY, "alert")
    found["mode_events"] = explained(MANY, "events")
    found["base_rule"] = explained(CHAT)
    return {f"{name}.txt": text for name, text in found.items()}


def test_plans_are_the_explained_ones() -> None:
    made = texts()
    if os.environ.get("SIGMAGEN_UPDATE_GOLDEN"):
        EXPLAINED.mkdir(exist_ok=True)
        for path in EXPLAINED.iterdir():
            path.unlink()
        for name, text in made.items():
            (EXPLAINED / name).write_text(text)
    stored = {path.name: path.read_text() for path in EXPLAINED.iterdir()}
    changed = sorted(name for name in made.keys() | stored.keys() if made.get(name) != stored.get(name))
    assert not changed, f"run with SIGMAGEN_UPDATE_GOLDEN=1 and read the difference: {changed}"


def test_every_correlation_type_is_explained() -> None:
    assert {rule.type for rule in RULES.values()} == set(CORRELATION_TYPES)


def test_every_measure_has_a_lowering() -> None:
    assert {kind.measures for kind in CORRELATION_TYPES.values()} == set(LOWERINGS)


def test_a_hunt_and_an_alert_look_for_the_same() -> None:
    """Only the first line and the end of the steps differ."""
    hunt, alert = (explained(MANY, mode).splitlines() for mode in ("hunt", "alert"))
    start = hunt.index("steps")
    assert hunt[1:start] == alert[1:start]
    assert hunt[start:-4] == alert[start : len(hunt) - 4]


def test_plans_are_frozen() -> None:
    rule = RULES["two_sources"]
    plan = build_plan(rule, source_of(rule), "duckdb", CONVERTER.taxonomy)
    union = plan.steps[0]
    assert isinstance(union, Union)
    for part in (plan, *union.branches, plan.logical, *plan.steps):
        with pytest.raises((FrozenInstanceError, TypeError)):
            part.warnings = ()  # type: ignore[misc, union-attr]
    assert all(isinstance(part.steps, tuple) for part in (plan, *union.branches))


def test_names_from_a_rule_do_not_break_a_line() -> None:
    hostile = replace(MANY, name="a\nsteps\n\x1b[2J")
    assert len(explained(hostile).splitlines()) == len(explained(MANY).splitlines())
    assert "\x1b" not in explained(hostile)


STEPS: dict[str, Step] = {
    "scan": Scan(),
    "unite": Union(()),
    "join calls on id where user.id is present: model = any": Join(
        "calls", "id", call("is_present", USER), (("model", "any"),)
    ),
    "derive pane = pane(@timestamp, 10m)": Derive((("pane", call("pane", Column("@timestamp"), 600_000)),)),
    'filter user.id in ("ann", "bob") or tokens >= 5': Filter(disjunction([call("in", USER, "ann", "bob"), AT_LEAST])),
    "inside range from shift(window_end, -1h) to window_end": InsideRange(
        call("shift", Column("window_end"), -HOUR), Column("window_end")
    ),
    "unique event.id": Unique("event.id"),
    "aggregate by pane, user.id: value = count()": Aggregate(("pane", "user.id"), (("value", call("count")),)),
    "prune groups of user.id: total = sum(value); keep tokens >= 5": PruneGroups(
        ("user.id",), ("total", call("sum", Column("value"))), AT_LEAST, (), 1
    ),
    "expand k = 1, 2": Expand("k", (1, 2)),
    "expand values of step_2": ExpandValues("step_2"),
    "count rows as groups": CountRows("groups"),
    "sort by value descending, user.id": Sort((("value", True), ("user.id", False))),
    "limit 100": Limit(100),
    "project user.id, `odd name`": Project(("user.id", "odd name")),
}


@pytest.mark.parametrize("text", STEPS)
def test_a_step_is_one_line(text: str) -> None:
    source = CONVERTER.source("canonical")
    plan = Plan(None, source, source.stored["duckdb"], "hunt", (STEPS[text],))
    assert plan.explain().splitlines()[2:] == [f"  {text}"]


def test_every_step_is_explained() -> None:
    assert {type(step) for step in STEPS.values()} == set(get_args(Step))
