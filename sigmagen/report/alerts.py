"""Printing detections: a table, then the time line and some events of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sigmagen.display import draw_sparkline, format_count, sanitize, shorten
from sigmagen.durations import duration_text, iso
from sigmagen.local.detection import Detection, condition_text

LEVEL_STYLES = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan", "informational": "dim"}
SHOWN = 10
"""How many detections are shown in detail without -v."""

_BARS = 40


def print_alerts(console: Console, detections: Sequence[Detection], *, everything: bool = False) -> None:
    """Print all detections in a table, and the first of them in detail."""
    console.print(_table(detections))
    shown = detections if everything else detections[:SHOWN]
    for number, detection in enumerate(shown, 1):
        _print_detail(console, number, detection)
    if len(shown) < len(detections):
        console.print(Text(f"\n{len(detections) - len(shown)} more without details; -v shows all.", "dim"))


def _table(detections: Sequence[Detection]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    table.add_column("#", justify="right")
    table.add_column("first, last seen (UTC)", no_wrap=True)
    table.add_column("level", no_wrap=True)
    table.add_column("rule, group, ATLAS", overflow="fold")
    table.add_column("value", justify="right", no_wrap=True)
    for number, item in enumerate(detections, 1):
        table.add_row(
            str(number),
            "\n".join(_seen(item)),
            Text(item.level, LEVEL_STYLES.get(item.level, "")),
            _who(item),
            Text(_value(item)),
        )
    return table


def _seen(detection: Detection) -> tuple[str, str]:
    """Return when the first and the last event were seen; without events, start and end of the windows."""
    if not detection.events and detection.window_start is not None and detection.window_end is not None:
        return _second(iso(detection.window_start)), _second(iso(detection.window_end))
    return _second(detection.first_seen), _second(detection.last_seen)


def _who(detection: Detection) -> Text:
    """Return rule, group and techniques on separate lines."""
    text = Text(sanitize(detection.rule.name), "bold")
    for name, value in detection.group:
        text.append(f"\n{sanitize(name)}={shorten(value)}", "not bold")
    if detection.atlas:
        text.append("\n" + sanitize(", ".join(detection.atlas)), "not bold dim")
    return text


def _time(milliseconds: int) -> str:
    return iso(milliseconds)[:16].replace("T", " ")


def _second(time: str | None) -> str:
    return "no time" if time is None else time[:19].replace("T", " ")


def _value(detection: Detection) -> str:
    """Return the value and the threshold; for a temporal rule, the number of events of each referenced rule.

    The value of a temporal rule, the number of matching rules, is less informative.
    """
    if detection.counts:
        counts = [f"{count:,}" for _, count in detection.counts]
        return "\n".join([*(" + ".join(counts[start : start + 3]) for start in range(0, len(counts), 3)), "events"])
    return f"{detection.value:,}\n{_limit(detection)}"


def _limit(detection: Detection) -> str:
    """Return the threshold as text."""
    threshold = getattr(detection.rule, "threshold", None)
    if threshold is None:
        return ""
    signs = {"gt": ">", "gte": "≥", "lt": "<", "lte": "≤", "eq": "=", "neq": "≠"}
    return "\n".join(f"{signs[item.op]} {item.value:,}" for item in threshold.comparisons)


def _print_detail(console: Console, number: int, detection: Detection) -> None:
    console.print(Text(f"\n{number}  {sanitize(detection.rule.title)}", "bold"))
    number = sum(detection.panes) if detection.panes else int(detection.value)
    seen = f"{detection.source}, {format_count(number, 'event')}" if detection.events else detection.source
    if detection.panes:
        seen += f", one bar is {duration_text(detection.tick * -(-len(detection.panes) // _BARS))}"
    console.print(Text(f"   {sanitize(condition_text(detection.rule))}; {seen}", "dim"))
    if detection.counts:
        counts = ", ".join(f"{sanitize(name)} {count:,}" for name, count in detection.counts)
        console.print(Text(f"   events: {counts}", "dim"))
    if detection.window_start is not None and detection.window_end is not None:
        start, end = _time(detection.window_start), _time(detection.window_end)
        # Show the date only once if start and end are on the same day.
        end = end[11:] if end[:10] == start[:10] else end
        console.print(Text(f"   window {start} {draw_sparkline(detection.panes, _BARS)} {end}"))
    samples = Table.grid(padding=(0, 2, 0, 0), pad_edge=True)
    samples.add_column(no_wrap=True, style="dim")
    samples.add_column(overflow="fold")
    for event in detection.events:
        samples.add_row(Text(f"   {event.get('@timestamp', 'no time')}"), Text(_fields(event)))
    console.print(samples)


def _fields(event: dict[str, Any]) -> str:
    return "  ".join(f"{sanitize(name)}={shorten(value)}" for name, value in event.items() if name != "@timestamp")
