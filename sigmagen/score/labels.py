"""The labels of a log: which events belong to campaigns, and who the other accounts are.

`sigmagen simulate` writes them; docs/simulate.md describes the files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from sigmagen.problems import Problem, SigmagenError

LABELS, ACTORS, CAMPAIGNS, WORLD = "labels.ndjson", "actors.ndjson", "campaigns.ndjson", "world.json"
UNKNOWN = "unknown"
"""The persona of an account that no file describes."""
ATTACKERS = "accounts of campaigns"
"""The persona of an account that belongs to a campaign, in its events that don't."""


@dataclass(frozen=True, slots=True)
class Campaign:
    """One campaign. `share` and `queries` are set where a scenario is one cell of a table of recall.

    `density` is the percentage of attackers among the accounts that share a value, `shared` what they share.
    `agreement` has numbers of queries, and how well the attacker's surrogate then agrees with the victim.
    """

    name: str
    scenario: str
    title: str
    accounts: int = 1
    share: int | None = None
    queries: int | None = None
    density: int | None = None
    shared: str | None = None
    agreement: tuple[tuple[int, float], ...] = ()

    def share_learned(self, events: int) -> float | None:
        """Return which share of the surrogate's final gain an attacker has after some events; None if not measured."""
        if not self.agreement:
            return None
        first, last = self.agreement[0][1], self.agreement[-1][1]
        reached = [value for queries, value in self.agreement if queries <= events]
        gained = max(reached, default=first) - first
        return min(1.0, gained / (last - first)) if last > first else None


@dataclass(frozen=True)
class Labels:
    """What is known about a log. `events` has a campaign's name for each labelled event, by source and event id."""

    events: Mapping[tuple[str, str], str]
    campaigns: Mapping[str, Campaign]
    personas: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """By source and account, for all accounts that have events without a label."""
    world: Mapping[str, Any] = field(default_factory=dict)

    def accounts_by_persona(self, source: str) -> dict[str, int]:
        """Return how many benign accounts of each persona have records of a source."""
        counts: dict[str, int] = {}
        for (name, _), persona in self.personas.items():
            if name == source:
                counts[persona] = counts.get(persona, 0) + 1
        return counts


def load_labels(path: Path) -> Labels:
    """Load the labels in a folder that `simulate` wrote, or a file of labels alone.

    A file of labels has `event_id` and `campaign` on each line; `source`, `actor` and `scenario` are optional. Raises
    SigmagenError with file and line for what can't be read.
    """
    folder = path if path.is_dir() else path.parent
    file = path / LABELS if path.is_dir() else path
    events: dict[tuple[str, str], str] = {}
    campaigns: dict[str, Campaign] = {}
    for line, entry in _lines(file):
        name = _text(entry, "campaign", file, line)
        events[str(entry.get("source") or ""), _text(entry, "event_id", file, line)] = name
        campaigns.setdefault(name, Campaign(name, str(entry.get("scenario") or name), name))
    personas: dict[tuple[str, str], str] = {}
    if path.is_dir():
        campaigns |= {found.name: found for found in _campaigns(folder / CAMPAIGNS)}
        personas = _personas(folder / ACTORS)
    world = orjson.loads((folder / WORLD).read_bytes()) if path.is_dir() and (folder / WORLD).exists() else {}
    return Labels(events, campaigns, personas, world)


def _campaigns(file: Path) -> Iterator[Campaign]:
    for line, entry in _lines(file):
        scenario = _text(entry, "scenario", file, line)
        figures = {figure["name"]: figure["value"] for figure in entry.get("figures", ())}
        share = figures.get("share")
        yield Campaign(
            _text(entry, "campaign", file, line),
            scenario,
            str(entry.get("title") or scenario),
            int(entry.get("accounts") or 1),
            round(share * 100) if isinstance(share, float | int) and "queries" in figures else None,
            int(figures["queries"]) if "queries" in figures and share is not None else None,
            entry.get("density"),
            entry.get("shared"),
            tuple((int(queries), float(value)) for queries, value in entry.get("agreement", ())),
        )


def _personas(file: Path) -> dict[tuple[str, str], str]:
    return {
        (_text(entry, "source", file, line), _text(entry, "actor", file, line)): str(entry.get("persona") or ATTACKERS)
        for line, entry in _lines(file)
        if entry.get("persona") or entry.get("events", 0) > entry.get("campaign_events", 0)
    }


def _lines(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the JSON objects of a file with their line numbers. Raises SigmagenError."""
    try:
        with file.open("rb") as stream:
            for number, text in enumerate(stream, 1):
                if not text.strip():
                    continue
                try:
                    entry = orjson.loads(text)
                except orjson.JSONDecodeError as error:
                    raise _problem(file, number, f"the line is not JSON: {error}") from None
                if not isinstance(entry, dict):
                    raise _problem(file, number, "the line is not a JSON object")
                yield number, entry
    except OSError as error:
        message = f"can't read the labels: {error.strerror or error}"
        raise SigmagenError(Problem("file-unreadable", message, file=str(file))) from None


def _text(entry: Mapping[str, Any], key: str, file: Path, line: int) -> str:
    value = entry.get(key)
    if isinstance(value, str) and value:
        return value
    raise _problem(file, line, f"'{key}' is missing or is not text")


def _problem(file: Path, line: int, message: str) -> SigmagenError:
    hint = "each line needs event_id and campaign; see docs/score.md"
    return SigmagenError(Problem("labels-invalid", message, file=str(file), line=line, hint=hint))
