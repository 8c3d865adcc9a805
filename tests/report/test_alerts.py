"""Detections for people."""

from __future__ import annotations

import re
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from sigmagen.local.detection import Detection
from sigmagen.report.alerts import SHOWN, print_alerts
from sigmagen.rules.model import Threshold
from tests.rule_builders import HOUR, T0, base, correlation

RULE = replace(
    correlation("value_sum", Threshold("gte", 1_000_000, ("gen_ai.usage.output_tokens",)), raw={"level": "high"}),
    title="Many tokens",
    name="many_tokens",
    frameworks={"atlas": ("AML.T0024.002",)},
)
EVENT = {"@timestamp": "2024-10-04T00:00:07.000Z", "event.id": "e-1", "user.id": "ann"}
LAST = {"@timestamp": "2024-10-04T00:59:58.000Z", "event.id": "e-9", "user.id": "ann"}
DETECTION = Detection(
    RULE, "litellm", T0, T0 + HOUR, (("user.id", "ann"),), 1_234_567, (EVENT, LAST), (1, 0, 2, 4, 8, 0), HOUR // 6
)


def printed(*detections: Detection, everything: bool = False, width: int = 100, terminal: bool = False) -> str:
    stream = StringIO()
    console = Console(file=stream, width=width, highlight=False, force_terminal=terminal)
    print_alerts(console, detections, everything=everything)
    return stream.getvalue()


def test_detection_is_shown_completely() -> None:
    lines = [line.rstrip() for line in printed(DETECTION).splitlines()]
    assert [" ".join(line.split()) for line in lines] == [
        "# first, last seen (UTC) level rule, group, ATLAS value",
        "1 2024-10-04 00:00:07 high many_tokens 1,234,567",
        "2024-10-04 00:59:58 user.id=ann ≥ 1,000,000",
        "AML.T0024.002",
        "",
        "1 Many tokens",
        "value_sum(gen_ai.usage.output_tokens) >= 1000000 within 1h; litellm, 15 events, one bar is 10m",
        "window 2024-10-04 00:00 ▁·▂▄█· 01:00",
        "2024-10-04T00:00:07.000Z event.id=e-1 user.id=ann",
        "2024-10-04T00:59:58.000Z event.id=e-9 user.id=ann",
    ]


def test_temporal_rule_shows_events_of_each_rule() -> None:
    temporal = replace(
        RULE, type="temporal", threshold=None, rules=(base("user.id: a", "one"), base("user.id: b", "two"))
    )
    shown = printed(replace(DETECTION, rule=temporal, value=2, counts=(("one", 1200), ("two", 3))))
    assert "1,200 + 3\n" in shown
    assert "events: one 1,200, two 3" in shown
    assert not re.search(r"(?m) 2\s*$", shown)


def test_records_without_a_time_are_shown_without_a_window() -> None:
    untimed = replace(
        DETECTION, rule=base("user.id: a"), window_start=None, window_end=None, events=({"Image": "a"},), panes=()
    )
    shown = printed(replace(untimed, value=3))
    assert "no time  Image=a" in shown
    assert "litellm, 3 events\n" in shown
    assert "window" not in shown


@pytest.mark.parametrize("width", [80, 100, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    long = replace(DETECTION, group=(("user.id", "arn:aws:sts::111122223333:assumed-role/" + "x" * 150),))
    assert max(len(line) for line in printed(long, width=width).splitlines()) <= width


def test_details_are_limited_unless_verbose() -> None:
    many = [DETECTION] * (SHOWN + 3)
    few = printed(*many)
    assert few.count("Many tokens") == SHOWN
    assert few.rstrip().endswith("3 more without details; -v shows all.")
    every = printed(*many, everything=True)
    assert every.count("Many tokens") == SHOWN + 3
    assert "more without details" not in every


HOSTILE = "\x1b[31m[bold]x[/bold][/nope]\n\r\u202e"


@pytest.mark.parametrize("terminal", [False, True])
def test_rule_and_event_text_is_not_interpreted(terminal: bool) -> None:
    rule = replace(RULE, name=HOSTILE, title=HOSTILE, raw={"level": "high"}, frameworks={"atlas": (HOSTILE,)})
    event: dict[str, Any] = {**EVENT, "user.id": HOSTILE, HOSTILE: 1}
    detection = replace(DETECTION, rule=rule, group=((HOSTILE, HOSTILE),), events=(event,))
    shown = printed(detection, width=200, terminal=terminal)
    harmless = HOSTILE.translate(dict.fromkeys(map(ord, "\x1b\n\r\u202e"), "\N{REPLACEMENT CHARACTER}"))
    assert shown.count(harmless) == 7
    # on a terminal, colours are ours: none is taken from a value
    assert ("\x1b" in shown) == terminal
    assert "\x1b[31m[bold]" not in shown
    assert not set(shown) & {"\r", "\u202e"}


def test_a_rule_without_a_window_has_no_limit_and_one_detection_for_all() -> None:
    rule = replace(base("gen_ai.request.model: '*'"), title="Any call", raw={})
    shown = printed(Detection(rule, "litellm", T0, T0 + 1, (), 1, (EVENT,), (1,), 1000))
    assert "informational" in shown
    assert "any event; litellm, 1 event, one bar is 1s" in shown
