"""A pair in a file: what once differed, kept with the events that showed it and what the oracle expects."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.fuzz.pairs import Pair, load
from tests.fuzz.world import World, milliseconds, moment
from tests.oracle import Alert

FOLDER = Path(__file__).with_name("cases")


@dataclass(frozen=True)
class Case:
    """`open` says for an engine why it still differs."""

    about: str
    pair: Pair
    open: dict[str, str]


def dumped(pair: Pair, about: str) -> str:
    """A case file's text."""
    alerts = [
        {"group": dict(alert.group), "end": moment(alert.window_end), "value": alert.value}
        for alert in pair.expected or ()
    ]
    events = sorted(pair.world.records, key=lambda record: str(record["@timestamp"]))
    head = {"about": about, "range": [moment(pair.world.start), moment(pair.world.end)]}
    parts = [
        yaml.safe_dump(head, sort_keys=False, width=120),
        "events:\n" + "".join(f"  - {_in_one_line(event)}\n" for event in events),
        "alerts:\n" + "".join(f"  - {_in_one_line(alert)}\n" for alert in alerts) if alerts else "alerts: []\n",
        "rule: |\n" + "".join(f"  {line}\n" if line else "\n" for line in pair.text.splitlines()),
    ]
    return "".join(parts)


def _in_one_line(value: dict[str, Any]) -> str:
    text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, default_flow_style=True, width=10_000)
    return text.strip()


def read(path: Path) -> Case:
    """The case in a file."""
    data = yaml.safe_load(path.read_text())
    (rule,) = load([data["rule"]])
    start, end = map(milliseconds, data["range"])
    world = World(0, (), start, end, data["events"])
    alerts = sorted(_alert(alert, rule.timespan) for alert in data["alerts"])
    return Case(data["about"], Pair(path.stem, path.stem, data["rule"], rule, world, alerts), data.get("open", {}))


def _alert(data: dict[str, Any], timespan: int) -> Alert:
    end = milliseconds(data["end"])
    return Alert(tuple(data["group"].items()), end - timespan, end, data["value"])
