"""Rules and events for tests in one line each, without files and without the loader."""

from __future__ import annotations

from typing import Any

import yaml
from sigma.rule import SigmaRule

from sigmagen.rules.model import BaseRule, Correlation, Expression, LogSource, Threshold
from tests.oracle import Alert, Event

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
# A whole day since the epoch, so that every tick length divides it.
T0 = 20_000 * DAY


INFERENCE = LogSource("ai_inference")


def base(detection: str, name: str = "base", logsource: LogSource = INFERENCE) -> BaseRule:
    """A base rule from its detection section in YAML; a lone mapping is the one selection."""
    section = yaml.safe_load(detection)
    if "condition" not in section:
        section = {"selection": section, "condition": "selection"}
    raw = {"title": name, "logsource": {"category": "ai_inference"}, "detection": section}
    condition = SigmaRule.from_dict(raw).detection.parsed_condition[0].parsed
    assert condition is not None
    detections = {key: value for key, value in section.items() if key != "condition"}
    return BaseRule(name, None, name, logsource, detections, condition, raw, "rule.yml", 1)


def correlation(
    kind: str,
    threshold: Threshold | None,
    *rules: BaseRule | Correlation,
    group_by: tuple[str, ...] = ("user.id",),
    timespan: int = HOUR,
    name: str = "correlation",
    expression: Expression | None = None,
    aliases: tuple[dict[str, str], ...] = (),
    raw: dict[str, Any] | None = None,
) -> Correlation:
    """A correlation; without rules, over every event that has a model."""
    return Correlation(
        name=name,
        id=None,
        title=name,
        type=kind,
        rules=rules or (ANY,),
        group_by=group_by,
        timespan=timespan,
        threshold=threshold,
        level="high",
        status="test",
        frameworks={},
        tags=(),
        description="",
        falsepositives=(),
        references=(),
        raw=raw or {},
        file="rule.yml",
        line=1,
        expression=expression,
        aliases=aliases,
    )


ANY = base("gen_ai.request.model: '*'", "any")


def event(time: int, user: Any = "ann", **fields: Any) -> Event:
    """An event `time` milliseconds after T0; underscores of a field name are dots."""
    given = {key.replace("_", "."): value for key, value in fields.items()}
    return {"@timestamp": T0 + time, "user.id": user, "gen_ai.request.model": "m"} | given


def ends(alerts: list[Alert]) -> list[int]:
    """The window ends, relative to T0."""
    return [alert.window_end - T0 for alert in alerts]
