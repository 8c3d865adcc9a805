"""Detections for people: a table, then for each its time line and some of its events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sigmagen.detect import Detection, condition_text
from sigmagen.engines.alert import iso
from sigmagen.plan.window import duration_text
from sigmagen.report.text import harmless, short, sparkline

LEVEL_STYLES = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan", "informational": "dim"}
SHOWN = 10
"""How many detections get their time line, unless all are asked for."""

_BARS = 60


def print_alerts(console: Console, detections: Sequence[Detection], *, everything: bool = False) -> None:
    """All detections in a table, the first of them in detail."""
    console.print(_table(detections))
    shown = detections if everything else detections[:SHOWN]
    for number, detection in enumerate(shown, 1):
        _print_detail(console, number, detection)
    if len(shown) < len(detections):
        console.print(Text(f"\n{len(detections) - len(shown)} more without details; -v shows all.", "dim"))


def _table(detections: Sequence[Detection]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    table.add_column("#", justify="right")
    table.add_column("window (UTC)", no_wrap=True)
    table.add_column("level", no_wrap=True)
    table.add_column("rule, ATLAS", overflow="fold", ratio=2)
    table.add_column("group", overflow="fold", ratio=3)
    table.add_column("value", justify="right")
    for number, item in enumerate(detections, 1):
        table.add_row(
            str(number),
            f"{_time(item.window_start)}\n{_time(item.window_end)}",
            Text(item.level, LEVEL_STYLES.get(item.level, "")),
            Text(harmless(item.rule.name) + "".join(f"\n{harmless(name)}" for name in item.atlas)),
            Text("\n".join(f"{harmless(name)}={short(value)}" for name, value in item.group) or "all"),
            Text(f"{item.value:,}\n{_limit(item)}"),
        )
    return table


def _time(milliseconds: int) -> str:
    return iso(milliseconds)[:16].replace("T", " ")


def _limit(detection: Detection) -> str:
    """What the value is held against."""
    threshold = getattr(detection.rule, "threshold", None)
    if threshold is None:
        return ""
    sign = {"gt": ">", "gte": "≥", "lt": "<", "lte": "≤", "eq": "=", "neq": "≠"}[threshold.op]
    return f"{sign} {threshold.value:,}"


def _print_detail(console: Console, number: int, detection: Detection) -> None:
    title = harmless(detection.rule.title)
    console.print(Text(f"\n{number}  {title}", "bold"))
    console.print(Text(f"   {harmless(condition_text(detection.rule))}; log: {detection.source}", "dim"))
    bars = sparkline(detection.panes, _BARS)
    each = duration_text(detection.tick * -(-len(detection.panes) // _BARS)) if detection.panes else ""
    start, end = _time(detection.window_start), _time(detection.window_end)
    # The day is said once where it is the same.
    end = end[11:] if end[:10] == start[:10] else end
    console.print(Text(f"   {start} {bars} {end}  ({sum(detection.panes):,} events, a bar is {each})"))
    for event in detection.events:
        console.print(_event(event), soft_wrap=False)


def _event(event: dict[str, Any]) -> Text:
    fields = "  ".join(f"{harmless(name)}={short(value)}" for name, value in event.items() if name != "@timestamp")
    line = Text(f"   {event['@timestamp']}  ", "dim")
    line.append(fields, "none")
    return line
